"""Ask a batch, train it at once, keep its losses, tell: until the study has its number of trials."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from platform import python_version
from typing import TYPE_CHECKING, Any, Literal

from search.confirm import confirm
from search.data import load_task
from search.ledger import StudyLedger
from search.models import make_model
from search.records import Candidate, Outcome
from search.samplers import make_pruner, make_sampler
from search.space import SearchSpace
from search.training import resolve_device, train

if TYPE_CHECKING:
    from optuna import Trial

    from search.data.task import Task
    from search.ledger import Storage
    from search.settings import Settings


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: trials finished and wanted, fits trained and seconds passed by this run, the best so far."""

    finished: int
    wanted: int
    fits: int
    seconds: float
    best: Candidate | None
    best_loss: float | None


@dataclass(frozen=True)
class Pruning:
    """Lets Optuna's pruner watch a batch while it trains (`search.training.Watch`)."""

    trials: Sequence[Trial]
    per: Literal["epoch", "replicate"]

    def __call__(self, step: int, losses: Mapping[int, float]) -> set[int]:
        """Report every candidate's validation loss, then ask about each."""
        for index, loss in losses.items():
            self.trials[index].report(loss, step)
        return {index for index in losses if self.trials[index].should_prune()}


@dataclass
class Run:
    """One run of a study, from wherever its ledger stands to its number of trials."""

    settings: Settings
    task: Task
    ledger: StudyLedger
    space: SearchSpace
    started: float = field(default_factory=time.perf_counter)
    fits: int = 0

    @classmethod
    def open(cls, settings: Settings, storage: Storage) -> Run:
        """Load the data, and make or resume the study. `UserError` for what does not fit, before anything is made."""
        task = load_task(settings)
        settings.search.metric_for(task.kind)
        resolve_device(settings.training)
        make_model(settings.model, task.splits[0].train.x.shape[1], task.outputs)
        space = SearchSpace.of(settings, task)
        if settings.search.sampler == "grid":
            space.grid(settings.search.trials)
        ledger = StudyLedger.open(
            storage, settings.name, settings=settings.to_dict(), fingerprint=task.fingerprint, versions=versions()
        )
        return cls(settings, task, ledger, space)

    @property
    def fits_per_candidate(self) -> int:
        """Replicates and refits of one candidate."""
        return (len(self.task.splits) + len(self.task.refits)) * self.settings.training.seeds

    def search(self, *, report: Callable[[Progress], None], stop: Callable[[], bool]) -> None:
        """Run batch by batch; `report` hears after each, `stop` is asked before each.

        Trials of a killed process are failed first, and their candidates asked again. What a process has trained is
        durable before the trial is told, so that one killed at any moment loses at most its last batch.
        """
        with self.ledger.running():
            again = self.ledger.recover()
            report(self.progress())
            while (missing := self._missing()) and not stop():
                count = min(missing, self.settings.search.batch)
                self._batch(count, again[:count])
                again = again[count:]
                report(self.progress())

    def confirm(self) -> None:
        """Run the confirming sweep, unless it was run for the trials as they are."""
        if not self.ledger.confirmed():
            with self.ledger.running():
                self.fits += confirm(self.settings, self.task, self.ledger, self.space)

    def progress(self) -> Progress:
        """How far it is now."""
        best = self.ledger.selected()
        told = self.ledger.told()
        return Progress(
            told,
            told + self._missing(),
            self.fits,
            time.perf_counter() - self.started,
            None if best is None else self.ledger.candidate(best),
            None if best is None else self.ledger.validation_loss(best),
        )

    def summary(self) -> dict[str, Any]:
        """What `run --json` prints: the study, its trials, what this run trained, and the selected candidate."""
        states = self.ledger.trials()["state"].value_counts()
        best = self.ledger.selected()
        return {
            "study": self.ledger.name,
            "storage": self.ledger.storage.name,
            "trials": {state: int(states.get(state, 0)) for state in ("complete", "pruned", "failed")},
            "fits": self.fits,
            "seconds": round(time.perf_counter() - self.started, 3),
            "selected": None if best is None else self._facts(best),
            "verdict": None,
        }

    def _facts(self, number: int) -> dict[str, Any]:
        loss = self.ledger.validation_loss(number)
        candidate = self.ledger.candidate(number)
        return {
            "trial": number,
            "penalty": candidate.penalty,
            "lambda": candidate.lambda_,
            "l1_ratio": candidate.l1_ratio,
            "validation_loss": loss if math.isfinite(loss) else None,
        }

    def _missing(self) -> int:
        search = self.settings.search
        if search.sampler != "grid":
            return max(0, search.trials - self.ledger.told())
        tried = self.ledger.tried()
        return sum(candidate not in tried for candidate in self.space.grid(search.trials))

    def _batch(self, count: int, again: Sequence[Candidate]) -> None:
        trials, candidates = self._ask(count, again)
        numbers = [trial.number for trial in trials]
        known = self.ledger.done()
        first: dict[Candidate, int] = {}
        for index, candidate in enumerate(candidates):
            first.setdefault(candidate, index)
        fresh = [index for index in first.values() if candidates[index] not in known]
        try:
            outcomes = self._train([trials[index] for index in fresh], [candidates[index] for index in fresh])
        except Exception as error:
            for number in numbers:
                self.ledger.fail(number, f"{type(error).__name__}: {error}")
            raise
        told = {numbers[index]: outcome for index, outcome in zip(fresh, outcomes, strict=True)}
        same = {
            number: known.get(candidate, numbers[first[candidate]])
            for number, candidate in zip(numbers, candidates, strict=True)
            if number not in told
        }
        self.ledger.record(told, same_as=same)

    def _ask(self, count: int, again: Sequence[Candidate]) -> tuple[list[Trial], list[Candidate]]:
        """Ask for a batch by one write: first the candidates to be asked again, then the grid's or the sampler's."""
        asked = self.ledger.asked()
        study = self.ledger.study(make_sampler(self.settings, asked), make_pruner(self.settings))
        given = list(again)
        if self.settings.search.sampler == "grid":
            tried = {*self.ledger.tried(), *given}
            grid = self.space.grid(self.settings.search.trials)
            given += [candidate for candidate in grid if candidate not in tried][: count - len(given)]
        with self.ledger.storage.one_write():
            for candidate in given:
                study.enqueue_trial(candidate.params())
            trials = [study.ask() for _ in range(count)]
            return trials, [self.space.suggest(trial) for trial in trials]

    def _train(self, trials: Sequence[Trial], candidates: Sequence[Candidate]) -> list[Outcome]:
        if not candidates:
            return []
        pruner = self.settings.search.pruner
        watch = None if pruner == "none" else Pruning(trials, "replicate" if pruner == "wilcoxon" else "epoch")
        outcomes = train(self.task, self.settings, candidates, watch=watch)
        self.fits += len(candidates) * self.fits_per_candidate
        return outcomes


def versions() -> dict[str, str]:
    """What a result may depend on: Python's version and those of the packages that compute it."""
    packages = ("lambda-search", "torch", "optuna", "numpy", "scikit-learn")
    return {"python": python_version(), **{package: version(package) for package in packages}}
