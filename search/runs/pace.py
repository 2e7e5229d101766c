"""How fast a run is, and so how long what is left of it takes: prices of what was done, against the clock."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

Kind = Literal["steps", "exact", "asking", "judging"]
TRAINED: Final = ("steps", "exact")
TRUST: Final = 0.5  # seconds of price at which what was measured counts as much as what was assumed
FIRST: Final = 3.0  # seconds into a run before which nothing is said
SHORTEST: Final = 2.0  # seconds in which an estimate follows what is new, and
SHARE: Final = 0.1  # share of the run so far, where that is longer


class Job(NamedTuple):
    """A part of a run: how many fits it trains, and its price in seconds of a plain machine (`training.Prices`)."""

    kind: Kind
    fits: float
    seconds: float

    def times(self, factor: float) -> Job:
        """The same so many times, or a share of it."""
        return Job(self.kind, self.fits * factor, self.seconds * factor)


@dataclass(frozen=True)
class Pace:
    """The seconds that jobs took, and their prices, by kind."""

    took: Mapping[Kind, float] = field(default_factory=dict)
    priced: Mapping[Kind, float] = field(default_factory=dict)

    def noted(self, kind: Kind, seconds: float, price: float) -> Pace:
        """The pace after a job, or a part of one, of this price took so long."""
        took, priced = self.took.get(kind, 0.0) + seconds, self.priced.get(kind, 0.0) + price
        return Pace({**self.took, kind: took}, {**self.priced, kind: priced})

    @property
    def known(self) -> bool:
        """Whether any training was measured."""
        return any(self.priced.get(kind, 0.0) > 0 for kind in TRAINED)

    def seconds(self, jobs: Iterable[Job]) -> float:
        """How long jobs will take."""
        return sum(job.seconds * self._factor(job.kind) for job in jobs)

    def _factor(self, kind: Kind) -> float:
        """Seconds for a second of price; a kind of training that was not met yet is as fast as the other."""
        before = 1.0
        if kind in TRAINED:
            took, priced = (sum(each.get(one, 0.0) for one in TRAINED) for each in (self.took, self.priced))
            before = (TRUST + took) / (TRUST + priced)
        return (TRUST * before + self.took.get(kind, 0.0)) / (TRUST + self.priced.get(kind, 0.0))


@dataclass
class Smoothed:
    """The time left as people want it: not in the first seconds, and without jumps."""

    _end: float | None = None
    _at: float = 0.0

    def left(self, now: float, left: float) -> float | None:
        """Seconds left of a run that began `now` seconds ago, from the latest estimate of them."""
        if now < FIRST:
            return None
        if self._end is None:
            self._end = now + left
        else:
            share = 1 - math.exp((self._at - now) / max(SHORTEST, SHARE * now))
            self._end += share * (now + left - self._end)
        self._at = now
        return max(0.0, self._end - now)
