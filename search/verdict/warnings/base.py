"""What a check is: it looks at a comparison and says what the reader must know before believing the verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from search.verdict.comparison import Comparison


@dataclass(frozen=True)
class Check:
    """A check by the code of its warning. `message` gives the warning's text, None where nothing is wrong."""

    code: str
    message: Callable[[Comparison], str | None]
