"""Run a study: ask, train, store, report to Optuna, until enough trials are finished."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from platform import python_version
from typing import TYPE_CHECKING

import numpy as np

from search.core.candidate import Candidate
from search.core.errors import UserError
from search.core.results import Results, empty_results
from search.data import load_task
from search.ledger import StudyLedger
from search.models import make_model, strength_notes, strengths
from search.runs.coefficients import coefficients_of, replicates_of
from search.runs.confirm import confirm
from search.runs.model import kept_epochs, refit
from search.runs.model_file import encode
from search.runs.pruning import Pruning
from search.runs.settled import settled
from search.samplers import PRUNERS, SAMPLERS, make_pruner
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


@dataclass
class Run:
    """One run of a study, from wherever its ledger stands to its number of trials.

    `notes` tell what was made of the data and the model, a line each.
    `settled` says why it ended before, where its study file lets it.
    """

    settings: Settings
    task: Task
    ledger: StudyLedger
    space: SearchSpace
    notes: tuple[str, ...] = ()
    started: float = field(default_factory=time.perf_counter)
    fits: int = 0
    settled: str | None = None

    @classmethod
    def open(cls, settings: Settings, storage: Storage, frame: object = None) -> Run:
        """Load the data, and make or resume the study. `UserError` for what does not fit, before anything is made.

        `frame` is the data of a study whose source is "frame".
        """
        return cls.on(settings, load_task(settings, frame), storage)

    @classmethod
    def on(cls, settings: Settings, task: Task, storage: Storage) -> Run:
        """The same with data that are loaded and split already."""
        settings.search.metric_for(task.kind)
        resolve_device(settings.training)
        sample = task.splits[0].train.sample
        model = make_model(settings, Candidate("none"), sample.shape[-1], task.outputs, sample)
        own = strengths(model.penalised, settings.model.groups)
        if task.kind == "regression" and settings.smooths_labels:
            raise UserError("training.label_smoothing: needs classes, this is regression")
        space = SearchSpace.from_settings(settings, task)
        if settings.search.sampler == "grid":
            space.grid(settings.search.trials)
        ledger = StudyLedger.open(
            storage, settings.name, settings=settings.to_dict(), fingerprint=task.fingerprint, versions=versions()
        )
        return cls(settings, task, ledger, space, (*task.notes, *model.notes, *strength_notes(own)))

    @property
    def fits_per_candidate(self) -> int:
        """Replicates and refits of one candidate."""
        return (len(self.task.splits) + len(self.task.refits)) * self.settings.training.seeds

    @property
    def seconds(self) -> float:
        """Time since this run began."""
        return time.perf_counter() - self.started

    def search(self, *, report: Callable[[Progress], None], stop: Callable[[], bool]) -> None:
        """Run batch by batch; `report` hears after each, `stop` is asked before each.

        Trials of a killed process are failed first, and their candidates asked again. What a process has trained is
        durable before the trial is finished, so that a process that is killed loses at most its last batch.
        """
        with self.ledger.running():
            again = [candidate for candidate in self.ledger.recover() if self.space.holds(candidate)]
            report(self.progress())
            while (missing := self._missing()) and not stop() and not self._settled():
                count = min(missing, self.settings.search.batch)
                self._batch(count, again[:count])
                again = again[count:]
                report(self.progress())

    def confirm(self) -> None:
        """Train what the verdict needs beside the trials, unless that was done for the trials as they are."""
        if not self.ledger.confirmed():
            with self.ledger.running():
                self.fits += confirm(self.settings, self.task, self.ledger, self.space)

    def keep_model(self) -> None:
        """Train the selected candidate once more, on all rows, and keep its model, unless it is kept already."""
        ledger = self.ledger
        selected = ledger.selected()
        if selected is None or ledger.has_model():
            return
        results, candidate = ledger.results([selected]), ledger.candidate(selected)
        epochs = kept_epochs(self.settings, results)
        with ledger.running():
            model = refit(self.settings, self.task, candidate, epochs=epochs)
            found = None
            if model.linear and not model.diverged:
                found = coefficients_of(model, replicates_of(model, self.settings, self.task, candidate, results))
            ledger.keep_model(selected, None if model.diverged else encode(model), found)
        self.fits += 1

    def progress(self) -> Progress:
        """How far it is now."""
        best = self.ledger.selected()
        finished = self.ledger.finished()
        return Progress(
            finished,
            finished + self._missing(),
            self.fits,
            self.seconds,
            None if best is None else self.ledger.candidate(best),
            None if best is None else self.ledger.validation_loss(best),
        )

    def _missing(self) -> int:
        search = self.settings.search
        if search.sampler != "grid":
            return max(0, search.trials - self.ledger.finished())
        tried = self.ledger.tried()
        return sum(candidate not in tried for candidate in self.space.grid(search.trials))

    def _settled(self) -> bool:
        """Whether the study file lets the search end here, and why: `self.settled`."""
        if self.settings.search.stop == "settled":
            results = self.ledger.results(self.ledger.completed_in_order())
            self.settled = settled(results, self.settings.verdict.tolerance, self.settings.search.batch)
        return self.settled is not None

    def _batch(self, count: int, again: Sequence[Candidate]) -> None:
        """One batch: a candidate that is known already, or stands in it twice, is trained once for all its trials."""
        trials, candidates = self._ask(count, again)
        numbers = [trial.number for trial in trials]
        known = self.ledger.completed()
        first: dict[Candidate, int] = {}
        for index, candidate in enumerate(candidates):
            first.setdefault(candidate, index)
        fresh = [index for index in first.values() if candidates[index] not in known]
        try:
            results = self._train([trials[index] for index in fresh], [candidates[index] for index in fresh])
        except Exception as error:
            for number in numbers:
                self.ledger.fail(number, f"{type(error).__name__}: {error}")
            raise
        trained = [numbers[index] for index in fresh]
        same = {
            number: known.get(candidate, numbers[first[candidate]])
            for number, candidate in zip(numbers, candidates, strict=True)
            if number not in trained
        }
        self.ledger.record(results, trained, same_as=same)

    def _ask(self, count: int, again: Sequence[Candidate]) -> tuple[list[Trial], list[Candidate]]:
        """Ask for a batch by one write: first the candidates to be asked again, then the grid's or the sampler's."""
        search = self.settings.search
        sampler = SAMPLERS[search.sampler].make(search.seed, self.ledger.asked())
        study = self.ledger.study(self.space.sampler_within(sampler), make_pruner(search.pruner, self._most_epochs()))
        given = list(again)
        if search.sampler == "grid":
            tried = {*self.ledger.tried(), *given}
            grid = self.space.grid(search.trials)
            given += [candidate for candidate in grid if candidate not in tried][: count - len(given)]
        with self.ledger.storage.one_write():
            for candidate in given:
                study.enqueue_trial(candidate.params())
            trials = [study.ask() for _ in range(count)]
            return trials, [self.space.suggest(trial) for trial in trials]

    def _train(self, trials: Sequence[Trial], candidates: Sequence[Candidate]) -> Results:
        if not candidates:
            return empty_results()
        per = PRUNERS[self.settings.search.pruner]
        results = train(self.task, self.settings, candidates, observer=None if per is None else Pruning(trials, per))
        self.fits += len(candidates) * self.fits_per_candidate
        return results

    def _most_epochs(self) -> int:
        """Epochs of the longest training."""
        searched = [each for each in self.space.settings if each.name == "epochs"]
        return int(np.max(searched[0].ends)) if searched else self.settings.training.epochs


def versions() -> dict[str, str]:
    """What a result may depend on: Python's version and those of the packages that compute it."""
    packages = ("lambda-search", "torch", "optuna", "numpy", "scikit-learn")
    return {"python": python_version(), **{package: version(package) for package in packages}}
