"""Run a study: ask, train, store, report to Optuna, until enough trials are finished."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from platform import python_version
from typing import TYPE_CHECKING, Any, Final

from search.core.candidate import Candidate
from search.core.errors import UserError
from search.core.results import Results
from search.data import load_task
from search.ledger import StudyLedger, as_begun
from search.models import make_model, strength_notes, strengths
from search.runs.ask import Asking
from search.runs.coefficients import coefficients_of, replicates_of
from search.runs.confirm import unconfirmed
from search.runs.confirming import Confirming
from search.runs.failing import Failures, reason, trace
from search.runs.forecast import Forecast, asking, page
from search.runs.model import kept_epochs, refit
from search.runs.model_file import encode
from search.runs.pruning import Pruning
from search.runs.settled import settled
from search.runs.sharing import PAUSE, Stop, never, share
from search.runs.size import refuse_long_curves
from search.runs.tracker import Progress, Stage, Tracker, silent
from search.samplers import PRUNERS
from search.space import SearchSpace
from search.training import Training, device_notes

if TYPE_CHECKING:
    from optuna import Trial

    from search.data.task import Task
    from search.ledger import Storage, Worker
    from search.runs.pace import Job
    from search.settings import Settings
    from search.training import Observer


LOG: Final = logging.getLogger(__name__)


@dataclass
class Run:
    """One run of a study, from wherever its ledger stands to its number of trials.

    `notes` tell what was made of the data and the model, a line each.
    `settled` says why it ended before, where its study file lets it. `tracker` knows how far it is. `then` are the
    stages after the run's own that its caller will go through with `after`.
    """

    settings: Settings
    task: Task
    ledger: StudyLedger
    space: SearchSpace
    notes: tuple[str, ...] = ()
    tracker: Tracker = field(default_factory=Tracker)
    then: tuple[Stage, ...] = ()
    settled: str | None = None

    _worker: Worker | None = None

    def __post_init__(self) -> None:
        self.confirming = Confirming(self.settings, self.task)
        self.forecast = Forecast(self.confirming, self.space)
        self.failures = Failures(self.settings.search.trials, lambda error: error is self.tracker.failed)
        self.asking = Asking(self.settings, self.ledger, self.space, self.failures.found)

    @classmethod
    def open(cls, settings: Settings, storage: Storage, frame: object = None) -> Run:
        """Load the data, and make or resume the study. `UserError` for what does not fit, before anything is made.

        `frame` is the data of a study whose source is "frame".
        """
        settings = as_begun(storage, settings)
        return cls.on(settings, load_task(settings, frame), storage)

    @classmethod
    def on(cls, settings: Settings, task: Task, storage: Storage) -> Run:
        """The same with data that are loaded and split already."""
        settings.search.metric_for(task.kind)
        devices = device_notes(settings.training)
        sample = task.splits[0].train.sample
        model = make_model(settings, Candidate("none"), sample.shape[-1], task.outputs, sample)
        own = strengths(model.penalised, settings.model.groups)
        if task.kind == "regression" and settings.smooths_labels:
            raise UserError("training.label_smoothing: needs classes, this is regression")
        refuse_long_curves(settings, task)
        space = SearchSpace.from_settings(settings, task)
        if settings.search.sampler == "grid":
            space.grid(settings.search.trials)
        ledger = StudyLedger.open(
            storage, settings.name, settings=settings.to_dict(), fingerprint=task.fingerprint, versions=versions()
        )
        run = cls(settings, task, ledger, space, (*task.notes, *model.notes, *strength_notes(own), *devices))
        run.notes += run.asking.notes()
        return run

    @property
    def fits(self) -> int:
        """The fits that this run has trained."""
        return round(self.tracker.fits)

    @property
    def seconds(self) -> float:
        """Time since this run began."""
        return self.tracker.seconds

    @contextmanager
    def working(self) -> Iterator[Worker]:
        """Be one of the study's workers; nests, so that whoever goes from stage to stage stays the same worker."""
        if self._worker is not None:
            yield self._worker
            return
        with self.ledger.running(self.settings.search.lease) as worker:
            self._worker = worker
            try:
                yield worker
            finally:
                self._worker = None

    def search(self, *, stop: Stop, report: Callable[[Progress], None] = silent) -> None:
        """Run batch by batch; `stop` is asked before each. `report` hears of this and all that follows.

        Other workers may do the same: together they finish the study's number of trials. The trials of one that is
        gone are failed first, and their candidates asked again. What is trained is durable before the trial is
        finished, so that a process that is killed loses at most its last batch.
        """
        self.tracker.hear = report
        with self.working() as worker:
            self._log("begins")
            self._reached()
            while (left := self.asking.left()) and not stop() and not self._settled():
                count = min(left, self.settings.search.batch)
                with self.tracker.doing("search", asking(count)):
                    trials, candidates = self.asking.ask(worker, count)
                self.tracker.begin("search", len(trials) / left)
                if trials:
                    self._log("asked", trials=[trial.number for trial in trials])
                    self._batch(trials, candidates)
                else:  # the others are at the last ones
                    time.sleep(PAUSE)
                self._reached()
            self._log("ends")

    def confirm(self, *, stop: Stop = never) -> None:
        """Train what the verdict needs beside the trials, unless that was done for the trials as they are."""
        with self.working() as worker:
            lacking = None if self._confirmed() else unconfirmed(self.confirming, self.ledger, self.space)
            if lacking is not None:
                lacking.confirm(worker, self._confirm, stop)

    def keep_model(self, *, stop: Stop = never) -> None:
        """Train the selected candidate once more, on all rows, and keep its model, unless it is kept already."""
        selected = self.ledger.selected()
        if selected is None:
            return
        task = f"model-{selected}"
        with self.working() as worker:
            share(worker, [task], lambda: [] if self.ledger.has_model() else [task], self._keep_model, stop)

    def _keep_model(self, task: str) -> None:
        selected = self.ledger.selected()
        assert selected is not None, "there is a model to keep"
        results, candidate = self.ledger.results([selected]), self.ledger.candidate(selected)
        epochs = kept_epochs(self.settings, results)
        with self._doing("model", self.forecast.model()) as report:
            model = refit(self.settings, self.task, candidate, epochs=epochs, report=report)
            found = None
            if model.linear and not model.diverged:
                found = coefficients_of(model, replicates_of(model, self.settings, self.task, candidate, results))
            self.ledger.keep_model(selected, None if model.diverged else encode(model), found)

    @contextmanager
    def after(self, stage: Stage) -> Iterator[None]:
        """One of the stages that follow a run, which the time left counts too."""
        with self._doing(stage, self._last(stage)):
            yield

    def progress(self) -> Progress:
        """How far it is now."""
        best = self.ledger.selected()
        finished = self.ledger.finished()
        return replace(
            self.tracker.progress,
            finished=finished,
            wanted=finished + self.asking.left(),
            best=None if best is None else self.ledger.candidate(best),
            best_loss=None if best is None else self.ledger.validation_loss(best),
        )

    def _reached(self) -> None:
        """Tell how far it is, and look ahead."""
        progress = self.progress()
        trials = progress.wanted - progress.finished
        ahead = self.forecast.ahead(trials, self._unpaired(), confirmed=not trials and self._confirmed())
        self.tracker.ahead = ahead | {(stage, stage): self._last(stage) for stage in self.then}
        self.tracker.reached(progress)

    def _last(self, stage: Stage) -> Job:
        return page() if stage == "page" else self.forecast.verdict(self.settings.search.trials)

    def _confirmed(self) -> bool:
        return self.ledger.confirmed(swept=self.settings.search.confirm)

    def _unpaired(self) -> int:
        """How many candidates of a rotation are tried and not trained without two folds."""
        if not self.task.pairs:
            return 0
        return max(0, len(self.ledger.tally.completed) - self.ledger.confirmations.size("inner"))

    def _training(self, stage: Stage, training: Training, share: float, observer: Observer | None = None) -> Results:
        """Train, and tell how far it is; `share` of what is ahead of the stage."""
        with self._doing(stage, self.forecast.job(training), share) as report:
            return training(observer=observer, report=report)

    def _confirm(self, stage: Stage, training: Training, share: float) -> Results:
        """The same for what confirms the search; candidates of the grid that raise are left out of it."""
        self._log(f"trains part of stage {stage}")
        if stage != "grid":
            return self._training(stage, training, share)
        return replace(self.failures, wanted=math.inf, found={}).train(
            lambda some: self._training(stage, replace(training, candidates=list(some)), share),
            dict.fromkeys(training.candidates),
        )

    def _log(self, event: str, error: Exception | None = None, **told: Any) -> None:  # noqa: ANN401 - numbers, lists
        """For those who collect what workers do; nobody hears it unless they listen to the logger `search.runs`."""
        who = {"study": self.ledger.name, "worker": self._worker.name if self._worker else None}
        LOG.log(logging.INFO if error is None else logging.ERROR, event, exc_info=error, extra=who | told)

    @contextmanager
    def _doing(self, stage: Stage, job: Job, share: float = 1.0) -> Iterator[Callable[[float], None]]:
        self.tracker.begin(stage, share)
        with self.tracker.doing(stage, job) as report:
            yield report

    def _settled(self) -> bool:
        """Whether the study file lets the search end here, and why: `self.settled`."""
        if self.settings.search.stop == "settled":
            results = self.ledger.results(self.ledger.completed_in_order())
            self.settled = settled(results, self.settings.verdict.tolerance, self.settings.search.batch)
        return self.settled is not None

    def _batch(self, trials: Sequence[Trial], candidates: Sequence[Candidate]) -> None:
        """One batch: a candidate that is known already, or stands in it twice, is trained once for all its trials."""
        known = self.ledger.tally.completed
        fresh: dict[Candidate, Trial] = {}
        for candidate, trial in zip(candidates, trials, strict=True):
            if candidate not in known:
                fresh.setdefault(candidate, trial)
        try:
            results = self.failures.train(self._train, fresh)
        except Exception as error:
            if error is not self.tracker.failed:  # else a run that goes on asks these trials again
                self._fail(trials, dict.fromkeys(candidates, error), candidates)
            raise
        numbers = [fresh[candidate].number for candidate in results.candidates]
        stand = {candidate: known[candidate] for candidate in candidates if candidate in known}
        stand |= dict(zip(results.candidates, numbers, strict=True))
        same = {
            trial.number: stand[candidate]
            for candidate, trial in zip(candidates, trials, strict=True)
            if candidate in stand and trial.number != stand[candidate]
        }
        with self.tracker.doing("search", asking(len(trials))):
            late = self.ledger.record(results, numbers, same_as=same)
        self._log("finished", trials=[number for number in (*numbers, *same) if number not in late])
        if late:
            self._log("left to others, who took this worker for gone", trials=late)
        self._fail(trials, self.failures.found, candidates)

    def _fail(
        self, trials: Sequence[Trial], failed: Mapping[Candidate, Exception], candidates: Sequence[Candidate]
    ) -> None:
        """End the trials of candidates that raised, with all that it takes to see it again."""
        for trial, candidate in zip(trials, candidates, strict=True):
            if (error := failed.get(candidate)) is not None:
                why = {"traceback": trace(error), "seed": self.settings.training.seed}
                self.ledger.fail(trial.number, reason(error), why)
                self._log("failed", error, trials=[trial.number])

    def _train(self, fresh: Mapping[Candidate, Trial]) -> Results:
        candidates, per = list(fresh), PRUNERS[self.settings.search.pruner]
        self.forecast.met(candidates)
        observer = None if per is None else Pruning(list(fresh.values()), per)
        return self._training("search", Training(self.task, self.settings, candidates), 0.0, observer)


def versions() -> dict[str, str]:
    """What a result may depend on: Python's version and those of the packages that compute it."""
    packages = ("lambda-search", "torch", "optuna", "numpy", "scikit-learn")
    return {"python": python_version(), **{package: version(package) for package in packages}}
