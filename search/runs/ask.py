"""Which candidates a worker takes in hand next, and how many are left to be finished by all workers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from search.core.candidate import Candidate
from search.runs.size import most_epochs
from search.samplers import SAMPLERS, in_order, make_pruner

if TYPE_CHECKING:
    from optuna import Study, Trial

    from search.ledger import StudyLedger, Worker
    from search.settings import Settings
    from search.space import SearchSpace


@dataclass(frozen=True)
class Asking:
    """Asks for the trials of a study; `without` are candidates that cannot be trained."""

    settings: Settings
    ledger: StudyLedger
    space: SearchSpace
    without: Collection[Candidate]

    def left(self) -> int:
        """How many trials have to be finished yet."""
        search = self.settings.search
        if search.sampler != "grid":
            return max(0, search.trials - self.ledger.finished())
        return len(self._grid_left(self.ledger.tally.ended))

    def notes(self) -> tuple[str, ...]:
        """What is to be said of the number of trials: a grid that has grown is a whole one again, of other points."""
        search, tally = self.settings.search, self.ledger.tally
        if search.sampler != "grid" or tally.ended.keys() <= set(self.space.grid(search.trials)):
            return ()
        left = self.left()
        return (
            f"a grid of {search.trials} has other points than the {tally.finished} that were tried: "
            f"{left} are left, which makes {tally.finished + left} trials",
        )

    def ask(self, worker: Worker, count: int) -> tuple[list[Trial], list[Candidate]]:
        """Take up to `count` trials in hand, by one write: candidates to be asked again, the grid's or the sampler's.

        Fewer, or none, where other workers have the rest in hand.
        """
        return self.ledger.storage.steadily(lambda: self._ask(worker, count))

    def _ask(self, worker: Worker, count: int) -> tuple[list[Trial], list[Candidate]]:
        with self.ledger.alone():
            again = [candidate for candidate in self.ledger.recover(worker) if self.space.holds(candidate)]
            given, count = self._next(again, count)
            if not count:
                return [], []
            study = self._study()
            for candidate in given:
                study.enqueue_trial(candidate.params())
            # From a study's first trial, once it has all its parameters, the quasi-random sampler knows the space.
            sizes = [count] if self.ledger.asked() > len(given) else [1, count - 1]
            trials: list[Trial] = []
            candidates: list[Candidate] = []
            for size in sizes:
                asked = [study.ask() for _ in range(size)]
                trials += asked
                candidates += [self.space.suggest(trial) for trial in asked]
            worker.hold(trial.number for trial in trials)
            return trials, candidates

    def _next(self, again: list[Candidate], most: int) -> tuple[list[Candidate], int]:
        """Whom to ask for beside those that wait already, before the sampler is asked; and how many in all."""
        search, tally = self.settings.search, self.ledger.tally
        running, waiting = tally.open("running"), tally.open("waiting")
        if search.sampler == "grid":
            known = {*tally.ended, *tally.candidates("running"), *tally.candidates("waiting")}
            given = [*(each for each in again if each not in known), *self._grid_left(known.union(again))]
            count = min(most, len(given) + len(waiting))
        else:
            given, count = again, min(most, search.trials - tally.finished - len(running))
        return given[: max(0, count - len(waiting))], max(0, count)

    def _study(self) -> Study:
        """Optuna's study, with the sampler of the next batch."""
        search = self.settings.search
        kind = SAMPLERS[search.sampler]
        sampler = kind.make(search.seed, self.ledger.asked())
        if kind.orders:
            sampler = in_order(sampler, self.space.names)
        pruner = make_pruner(search.pruner, most_epochs(self.settings))
        return self.ledger.study(self.space.sampler_within(sampler), pruner)

    def _grid_left(self, without: Collection[Candidate]) -> list[Candidate]:
        every = self.space.grid(self.settings.search.trials)
        return [each for each in every if each not in without and each not in self.without]
