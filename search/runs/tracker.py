"""Where a run is: what it does now, what is ahead of it, and who wants to know."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final, Literal, get_args

from search.core.candidate import Candidate
from search.runs.pace import Job, Pace, Smoothed

OFTEN: Final = 0.1  # seconds between two words on the way
ALMOST: Final = 1e-6  # a sum of shares of fits is a whole number up to rounding

Stage = Literal["search", "exact", "inner", "grid", "seeds", "plain", "model", "verdict", "page"]
STAGES: Final = get_args(Stage)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: trials finished and wanted, fits trained and seconds passed by this run, the best so far.

    `stage` says what is being done: "search", and after it "exact" (the selected candidate solved exactly), "inner"
    (the turns of a rotation), "grid" (the confirming sweep), "seeds" (fresh seeds), "plain" (how many rows are right),
    "model" (trained on all rows), "verdict", "page". `fits_wanted` are the fits that this run is expected to train in
    all, and `seconds_left` is what all that is left will take, None as long as that cannot be known.
    """

    finished: int
    wanted: int
    fits: int
    seconds: float
    best: Candidate | None
    best_loss: float | None
    stage: Stage = "search"
    fits_wanted: int = 0
    seconds_left: float | None = None


def silent(reached: Progress) -> None:
    """Nobody wants to know."""


@dataclass
class Tracker:
    """Counts what a run does, and tells `hear`: at every change, and on the way no more often than `OFTEN`.

    `ahead` are the parts of the run that have not begun, and `fits` those trained so far. `failed` is what `hear`
    raised.
    """

    hear: Callable[[Progress], None] = silent
    started: float = field(default_factory=time.perf_counter)
    ahead: dict[tuple[Stage, str], Job] = field(default_factory=dict)
    fits: float = 0.0
    failed: Exception | None = None
    _reached: Progress = field(default_factory=lambda: Progress(0, 0, 0, 0.0, None, None))
    _pace: Pace = field(default_factory=Pace)
    _smoothed: Smoothed = field(default_factory=Smoothed)
    _now: Job | None = None
    _begun: tuple[float, float] = (0.0, 0.0)  # when the job in hand began, and after how many fits
    _told: float = -math.inf

    @property
    def seconds(self) -> float:
        """Time since the run began."""
        return time.perf_counter() - self.started

    @property
    def progress(self) -> Progress:
        """Where the run is now."""
        left = self._ahead()
        pace = self._pace if self._now is None else self._measured(self._now, self._share)
        seconds = self.seconds
        return replace(
            self._reached,
            fits=math.floor(self.fits + ALMOST),
            seconds=seconds,
            fits_wanted=round(self.fits + sum(job.fits for job in left)),
            seconds_left=self._smoothed.left(seconds, pace.seconds(left)) if pace.known else None,
        )

    def reached(self, progress: Progress) -> None:
        """The trials have come so far: told, with what is known of all else."""
        self._reached = progress
        self._tell()

    @contextmanager
    def doing(self, stage: Stage, job: Job) -> Iterator[Callable[[float], None]]:
        """Measure a job, which is ahead no longer; what it yields hears how many more fits are trained."""
        self._enter(stage)
        self._reached = replace(self._reached, stage=stage)
        self._now, self._begun = job, (self.seconds, self.fits)
        self._tell()
        try:
            yield self._advance
            self._pace = self._measured(job, 1.0)
        finally:
            self._now = None

    def begin(self, stage: Stage, share: float = 1.0) -> None:
        """That share of what is ahead of a stage is taken in hand."""
        self.ahead = {key: job.times(1 - share) if key[0] == stage else job for key, job in self.ahead.items()}

    def _enter(self, stage: Stage) -> None:
        """No earlier stage is ahead."""
        place = STAGES.index(stage)
        self.ahead = {key: job for key, job in self.ahead.items() if STAGES.index(key[0]) >= place}

    def _advance(self, fits: float) -> None:
        self.fits += fits
        if self.seconds - self._told >= OFTEN:
            self._tell()

    def _tell(self) -> None:
        self._told = self.seconds
        try:
            self.hear(self.progress)
        except Exception as error:
            self.failed = error
            raise

    @property
    def _share(self) -> float:
        """How much of the job in hand is done."""
        if self._now is None or not self._now.fits:
            return 0.0
        return min(1.0, (self.fits - self._begun[1]) / self._now.fits)

    def _measured(self, job: Job, share: float) -> Pace:
        """The pace, with the job in hand so far."""
        if share == 0:
            return self._pace
        return self._pace.noted(job.kind, self.seconds - self._begun[0], job.seconds * share)

    def _ahead(self) -> list[Job]:
        """All that is left, what is left of the job in hand included."""
        now = [] if self._now is None else [self._now.times(1 - self._share)]
        return [*now, *self.ahead.values()]
