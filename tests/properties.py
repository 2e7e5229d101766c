"""What tests of properties share: how many inputs they try, and what a refusal is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hypothesis import settings

from search.core.errors import UserError

T = TypeVar("T")
USUAL = 100  # examples of the profile that is the default
LONGEST = 20_000  # letters of a line


def examples(count: int) -> settings:
    """So many inputs, and as many more as the profile (pytest --hypothesis-profile=deep) asks for."""
    return settings(max_examples=max(1, count * settings().max_examples // USUAL), deadline=None)


def made_or_refused(make: Callable[[], T], *kinds: type[Exception]) -> T | None:
    """What is made; None where it was refused in one line, by a `UserError` or an error of these kinds."""
    try:
        return make()
    except (UserError, *kinds) as error:
        line = str(error)
    assert line.strip()
    assert len(line) < LONGEST
    assert kinds or len(line.splitlines()) == 1
    return None
