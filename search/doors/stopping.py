"""When a run stops before its end: Ctrl-C, a cluster's SIGTERM, or a deadline. The batch in hand is stored first."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Final, Literal

from search.core.errors import UserError

Why = Literal["Ctrl-C", "SIGTERM", "deadline"]
SIGNALS: Final[dict[int, Why]] = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
DURATION: Final = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
UNITS: Final = (86_400, 3_600, 60, 1)


def seconds_of(text: str) -> float:
    """The seconds of a duration such as 90s, 45m, 1h30m or 2d; `UserError` for what is none.

    >>> seconds_of("1h30m")
    5400.0
    """
    found = DURATION.fullmatch(text)
    parts = () if found is None else zip(found.groups(), UNITS, strict=True)
    seconds = sum(int(part or 0) * unit for part, unit in parts)
    if not seconds:
        raise UserError(f"--deadline {text!r}: must be a time from now such as 90s, 45m, 1h30m or 2d")
    return float(seconds)


@dataclass
class Stopping:
    """Whether a run is to stop: asked before each step, and `why` says what for.

    A step that would end after the deadline, if it took as long as the longest so far, is not begun. The clock is
    the machine's own, which nobody sets.
    """

    deadline: float | None = None  # by time.monotonic
    why: Why | None = None
    _longest: float = 0.0
    _last: float | None = None

    def __call__(self) -> bool:
        """Whether to stop now."""
        now = time.monotonic()
        if self._last is not None:
            self._longest = max(self._longest, now - self._last)
        self._last = now
        if self.why is None and self.deadline is not None and now + self._longest >= self.deadline:
            self.why = "deadline"
        return self.why is not None


@contextmanager
def stopping(note: Callable[[str], None], deadline: float | None = None) -> Iterator[Stopping]:
    """Watch for signals, and for a deadline in seconds from now; a second signal ends at once (KeyboardInterrupt).

    Outside of the main thread signals cannot be caught: the deadline alone counts there.
    """
    stop = Stopping(None if deadline is None else time.monotonic() + deadline)
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def on_signal(signum: int, frame: FrameType | None) -> None:
        if stop.why is not None:
            raise KeyboardInterrupt
        stop.why = SIGNALS[signum]
        note("stopping after this batch" + "; press Ctrl-C again to stop at once" * (signum == signal.SIGINT))

    before = {each: signal.signal(each, on_signal) for each in SIGNALS}
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, signal.SIG_DFL if handler is None else handler)
