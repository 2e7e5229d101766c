"""What a study's trials amount to while they grow: one that has ended never changes, and is looked at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from search.core.candidate import STRENGTH, Candidate
from search.core.choice import lowest, tied
from search.ledger.trials import INTERRUPTED, candidate_of, state_of

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


@dataclass
class Tally:
    """Counts and candidates of the trials read so far, which are sorted by number from 0.

    `completed` gives each completed candidate its first trial, `ended` those that are complete or pruned their number.
    """

    completed: dict[Candidate, int] = field(default_factory=dict)
    ended: dict[Candidate, int] = field(default_factory=dict)
    complete: int = 0
    finished: int = 0
    _open: dict[int, FrozenTrial] = field(default_factory=dict)
    _seen: int = 0
    _latest: dict[Candidate, int] = field(default_factory=dict)  # the last trial that has ended
    _interrupted: dict[Candidate, None] = field(default_factory=dict)  # those whose last was
    _losses: list[tuple[int, float, float]] = field(default_factory=list)  # number, loss, strength of the lowest
    _best: int | None = None

    def read(self, every: Sequence[FrozenTrial]) -> Tally:
        """Take in what is new; `every` are all trials as they are now."""
        before = len(self._losses)
        for number in [each for each in self._open if each >= len(every)]:
            del self._open[number]  # asked for by a write that a broken connection undid
        for number in [*self._open, *range(min(self._seen, len(every)), len(every))]:
            self._take(every[number])
        self._seen = len(every)
        if len(self._losses) > before:
            known = sorted(self._losses)
            numbers, losses, strengths = map(np.array, zip(*known, strict=True))
            self._best = int(numbers[lowest(losses, strengths)])
            near = tied(losses, losses.min())  # what is not, is not the lowest beside later ones either
            self._losses = [each for each, is_near in zip(known, near.tolist(), strict=True) if is_near]
        return self

    def open(self, state: str) -> list[FrozenTrial]:
        """The trials that are running, or waiting."""
        return [trial for _, trial in sorted(self._open.items()) if state_of(trial) == state]

    def selected(self) -> int | None:
        """The completed trial with the lowest validation loss; of equals the one with the largest lambda."""
        return self._best

    def candidates(self, state: str) -> list[Candidate]:
        """The candidates of the trials that are running, or waiting."""
        return [candidate for trial in self.open(state) if (candidate := candidate_of(trial)) is not None]

    def to_ask_again(self, failing: Collection[int] = ()) -> list[Candidate]:
        """The candidates whose latest trial was interrupted, or is one of the `failing`: none after it took them up."""
        again = dict.fromkeys(self._interrupted)
        for number, trial in sorted(self._open.items()):
            candidate = candidate_of(trial)
            if candidate is not None and number > self._latest.get(candidate, -1):
                again.pop(candidate, None)
                if number in failing:
                    again[candidate] = None
        return list(again)

    def _take(self, trial: FrozenTrial) -> None:
        state, candidate = state_of(trial), candidate_of(trial)
        if state in {"running", "waiting"}:
            self._open[trial.number] = trial
            return
        self._open.pop(trial.number, None)
        if candidate is not None and trial.number > self._latest.get(candidate, -1):
            self._latest[candidate] = trial.number
            self._interrupted.pop(candidate, None)
            if INTERRUPTED in trial.user_attrs:
                self._interrupted[candidate] = None
        if state in {"complete", "pruned"}:
            self.finished += 1
            _first(self.ended, candidate, trial.number)
        if state == "complete":
            self.complete += 1
            _first(self.completed, candidate, trial.number)
            self._losses.append((trial.number, trial.values[0], trial.params.get(STRENGTH, 0.0)))


def _first(numbers: dict[Candidate, int], candidate: Candidate | None, number: int) -> None:
    if candidate is not None:
        numbers[candidate] = min(number, numbers.get(candidate, number))
