"""How far several workers are, as one run."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search.doors.progress import Display
    from search.runs import Progress


@dataclass
class Overall:
    """Adds up what workers say, and shows it: the fits of all, and the rest as the one says who knows most."""

    display: Display
    started: float = field(default_factory=time.perf_counter)
    _last: dict[int, Progress] = field(default_factory=dict)  # who spoke last stands last

    @property
    def fits(self) -> int:
        """The fits that all have trained, those that are gone included."""
        return sum(each.fits for each in self._last.values())

    @property
    def seconds(self) -> float:
        """Time since the first began."""
        return time.perf_counter() - self.started

    @property
    def finished(self) -> int:
        """The trials that are finished, as far as anybody has said."""
        return max((each.finished for each in self._last.values()), default=0)

    def told(self, who: int, reached: Progress, among: int = 1) -> None:
        """Worker `who` is that far, and what is left is shared `among` so many."""
        self._last.pop(who, None)
        self._last[who] = reached
        self.display.update(self._sum(among))

    def _sum(self, among: int) -> Progress:
        """Each knows what is left of the whole, as if it were alone."""
        from search.runs.tracker import STAGES

        knows = max(reversed(self._last.values()), key=lambda each: (each.finished, STAGES.index(each.stage)))
        left = None if knows.seconds_left is None else knows.seconds_left / among
        wanted = self.fits + knows.fits_wanted - knows.fits
        return replace(knows, fits=self.fits, fits_wanted=wanted, seconds=self.seconds, seconds_left=left)
