"""How much of this machine's memory may be used."""

from __future__ import annotations

from typing import Final

import psutil

from search.core.errors import UserError

SHARE_OF_FREE: Final = 0.5


def usable_memory() -> int:
    """Half of the bytes that are free: the other half is for what is not measured."""
    return int(float(psutil.virtual_memory().available) * SHARE_OF_FREE)


def refuse_too_large(numbers: float, what: str, advice: str) -> None:
    """`UserError` where so many numbers of double precision are more than may be used; `what` has them."""
    needed, room = 8 * numbers, usable_memory()
    if needed > room:
        raise UserError(f"{what} need {needed / 2**30:,.1f} GiB and {room / 2**30:.1f} GiB may be used; {advice}")
