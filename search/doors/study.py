"""The door in Python: run a study or load one, and have its trials, losses, verdict and figures."""

from __future__ import annotations

import math
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from search.core.arrays import Array
from search.core.candidate import NO_STRENGTH, PENALTY, STRENGTH, Candidate
from search.core.errors import UserError
from search.core.results import Results
from search.core.snapshot import Snapshot
from search.doors.refused import in_one_line
from search.ledger import Ledger, StudyLedger, find_study, open_storage
from search.report.view import StudyView
from search.settings import Settings, VerdictSettings, verdict_settings
from search.verdict import Verdict

if TYPE_CHECKING:
    import optuna
    import pandas as pd
    from optuna.storages import BaseStorage

    from search.ledger import Storage
    from search.report.gallery import Gallery
    from search.runs import Progress
    from search.runs.model import FittedModel
    from search.verdict.record import Scope

ProgressCallback = Callable[["Progress"], None]
FIGURES_HINT: Final = (
    "<p>Figures: <code>study.figures[&quot;losses&quot;]</code> draws one, <code>list(study.figures)</code> names "
    "them, <code>study.report()</code> writes all of them as a page.</p>"
)


class Interrupted(KeyboardInterrupt):
    """A run was stopped by Ctrl-C after its current batch; all finished trials are kept, and running again goes on."""


class StudyLosses(NamedTuple):
    """The loss of every held-out row, for the distinct complete candidates in the order of `Study.candidates`.

    `validation` has shape (candidates, replicates, validation rows), `test` (candidates, fits, test rows); `test` is
    None as long as the test rows are sealed, and where there are none. In a rotation each turn's validation rows are
    its test rows: the two are the same, and what is held against them was picked without them.
    """

    validation: Array
    test: Array | None

    def __repr__(self) -> str:
        test = None if self.test is None else self.test.shape
        return f"<losses: validation {self.validation.shape}, test {test}>"


class RunCounts(NamedTuple):
    """What a run of this process did: fits trained, and seconds; `stopped` says what it ended early for."""

    fits: int
    seconds: float
    stopped: str | None = None


class Study:
    """A study as its ledger stood when it was run or loaded; `refresh` looks again.

    The test rows stay sealed until `judge` opens them. `ran` says what this process did for it. A study that somebody
    else ran has no settings; its verdict is judged by their defaults.
    """

    def __init__(self, ledger: Ledger, settings: Settings | None, ran: RunCounts | None = None) -> None:
        self.ledger, self.ran = ledger, ran or RunCounts(0, 0.0)
        self._settings = settings
        self._asked = VerdictSettings() if settings is None else settings.verdict
        self._view: StudyView | None = None
        self._figures: Gallery | None = None

    @property
    def name(self) -> str:
        """The study's name."""
        return self.ledger.name

    @property
    def storage(self) -> str:
        """Where it is kept."""
        return self.ledger.storage.name

    @property
    def own(self) -> bool:
        """Whether lambda-search ran it."""
        return self._settings is not None

    @property
    def settings(self) -> Settings:
        """The study file; `UserError` where somebody else ran the study."""
        if self._settings is None:
            raise UserError(f"study {self.name!r} was not run by lambda-search: it has no settings")
        return self._settings

    @property
    def view(self) -> StudyView:
        """Everything that verdict and figures are made of, read once; with a verdict where nothing sealed is opened."""
        if self._view is None:
            study = self.ledger.snapshot()
            sealed = study.sealed and self.ledger.has_test()
            closed = study.selected is None or study.unconfirmed or sealed
            self._view = StudyView(study) if closed else self._judged(study)
        return self._view

    @property
    def snapshot(self) -> Snapshot:
        """What the ledger holds."""
        return self.view.study

    @property
    def results(self) -> Results:
        """The complete trials, each distinct candidate once."""
        return self.snapshot.results

    @property
    def trials(self) -> pd.DataFrame:
        """One row a trial in any state, with the columns of an export."""
        return self.snapshot.trials

    @property
    def candidates(self) -> pd.DataFrame:
        """One row a distinct candidate: its parameters and the means over its replicates."""
        return self.results.frame()

    @property
    def selected(self) -> Candidate | None:
        """The candidate with the lowest validation loss; None without a complete trial."""
        return None if self.snapshot.selected is None else self.results.candidates[self.snapshot.selected]

    @property
    def selected_loss(self) -> float | None:
        """The lowest validation loss; infinite where every candidate diverged, None without a complete trial."""
        place = self.snapshot.selected
        return None if place is None else float(self.results.validation_loss[place])

    @property
    def losses(self) -> StudyLosses:
        """The losses of the candidates."""
        rotated = self.snapshot.evidence.inner is not None and not self.snapshot.unconfirmed
        return StudyLosses(self.results.validation, self.results.validation if rotated else self.results.test)

    @property
    def verdict(self) -> Verdict | None:
        """The verdict; None as long as the test rows are sealed (`judge` opens them)."""
        return self.view.verdict

    @property
    def figures(self) -> Gallery:
        """Name -> plotly figure, drawn when it is asked for; those that do not apply are not in it."""
        from search.report.gallery import Gallery

        if self._figures is None:
            self._figures = Gallery(self.view)
        return self._figures

    def judge(
        self, *, confidence: float | None = None, tolerance: float | None = None, scope: Scope | None = None
    ) -> Verdict:
        """Open the test rows, which the study records, and judge the selected candidate.

        Confidence, tolerance and scope are the settings' where they are not given here; what is given stays for the
        study's report. `UserError` without a complete trial, and for values that are not valid.
        """
        asked = {"confidence": confidence, "tolerance": tolerance, "scope": scope}
        if changes := {key: value for key, value in asked.items() if value is not None}:
            self._ask(changes)
        if self._view is None or self._view.verdict is None:
            self._view, self._figures = self._judged(self.ledger.snapshot(open_test=True)), None
        assert self._view.verdict is not None
        return self._view.verdict

    def refresh(self) -> Study:
        """The study as it stands now."""
        return Study(self.ledger, self._settings)

    def report(self, path: str | Path | None = None) -> Path:
        """Write the study as one self-contained page (default NAME.html), which opens nothing; returns its path."""
        from search.report.page import write_report

        return write_report(self.view, Path(path or f"{self.name}.html"))

    def model(self) -> FittedModel:
        """The selected candidate, trained once more on all rows: `predict` takes raw rows.

        `UserError` where none is kept: a run that was not finished, or a study of version 0.1; run it again. A study
        that was run elsewhere has its model there.
        """
        if not isinstance(self.ledger, StudyLedger):
            raise UserError(f"study {self.name!r} was not run by lambda-search: its models are where they were trained")
        from search.runs.model_file import decode

        return replace(decode(self.ledger.model()), known=self.ledger.coefficients())

    def publish(self) -> None:
        """Bring the study's note and plots in optuna-dashboard up to date, where that is installed."""
        if find_spec("optuna_dashboard") and self.selected is not None:
            from search.report.published import publish

            publish(self.ledger, self.view)

    def to_dict(self) -> dict[str, Any]:
        """What `run --json` prints: study, trials, what this run trained, the selected candidate, the verdict."""
        states = self.trials["state"].value_counts()
        return {
            "study": self.name,
            "storage": self.storage,
            "trials": {state: int(states.get(state, 0)) for state in ("complete", "pruned", "failed")},
            "fits": self.ran.fits,
            "seconds": round(self.ran.seconds, 3),
            "selected": self._selection(),
            "verdict": None if self.verdict is None else self.verdict.to_dict(),
        }

    def _selection(self) -> dict[str, Any] | None:
        place = self.snapshot.selected
        if place is None:
            return None
        candidate, loss = self.results.candidates[place], self.selected_loss
        return {
            "trial": int(self.results.trials[place]),
            **{name: None if candidate.penalty == NO_STRENGTH else candidate[name] for name in (PENALTY, STRENGTH)},
            "l1_ratio": None,
            **candidate.others,
            "validation_loss": loss if loss is not None and math.isfinite(loss) else None,
        }

    def _ask(self, changes: Mapping[str, Any]) -> None:
        """Judge by other settings from now on."""
        if self._settings is None:
            self._asked = verdict_settings(self._asked.model_dump() | dict(changes), self.name)
        else:
            self._settings = self._settings.replace({f"verdict.{key}": value for key, value in changes.items()})
            self._asked = self._settings.verdict
        self._view = None

    def _judged(self, study: Snapshot) -> StudyView:
        asked = self._asked
        return StudyView.judged(study, confidence=asked.confidence, tolerance=asked.tolerance, scope=asked.scope)

    def __repr__(self) -> str:
        return f"<study {self.name!r}: {len(self.trials)} trials>"

    def __str__(self) -> str:
        """The study's name, and below it the verdict as the command line prints it, or why there is none."""
        from search.report.answer import answer_of

        answer = answer_of(self.view)
        warned = [f"Warning: {message}" for message in answer.warnings]
        return "\n".join([f"Study {self.name}", answer.sentence, *answer.basis, *warned])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ANN401 - IPython's protocol
        """A session that shows text alone has the verdict too."""
        printer.text(str(self))

    def _repr_html_(self) -> str:
        """What a notebook shows: the verdict, the leading trials, and how to have the figures, which are large."""
        from search.report.answer import answer_of
        from search.report.tables import leading_trials

        answer = answer_of(self.view)
        lines = [*answer.basis, *(f"Warning: {message}" for message in answer.warnings)]
        parts = [
            f"<h3>{escape(self.name)}</h3><p><b>{escape(answer.sentence)}</b></p>",
            f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>",
            leading_trials(self.view).to_html(index=False, escape=True, border=0, float_format="{:.4g}".format),
            FIGURES_HINT,
        ]
        return "".join(parts)


def run(  # noqa: PLR0913 - the signature that the design promises
    study: str | Path | Mapping[str, Any] | Settings,
    *,
    data: object = None,
    storage: str | None = None,
    trials: int | None = None,
    device: str | None = None,
    artifacts: str | None = None,
    sealed: bool = False,
    progress: bool | ProgressCallback = True,
    workers: int | None = None,
    ray: str | None = None,
) -> Study:
    """Search, or go on with a search that was stopped; then judge what was selected.

    Parameters
    ----------
    study
        A study file's path, a mapping of its form, or `Settings`.
    data
        A pandas frame that holds the target, or a pair (X, y) of frames or arrays, in place of a source in the study
        file: then `[data]` names the `target` alone, and with (X, y) nothing.
    storage
        A journal's path (default `runs/ledger.journal`) or a database's URL.
    trials, device, artifacts
        In place of the study file's.
    sealed
        Stop before the test rows are opened; `Study.judge` opens them.
    progress
        True: a bar in a terminal or a notebook, elsewhere a line a minute on standard error. A function is called with
        a `Progress` before the first batch, after each, and on the way up to ten times a second. False: nothing.
    workers, ray
        So many processes share the trials, placed by Ray: the one at this address, or one of this machine's own. The
        study file's [cluster] says what each asks for.

    Returns the study. Raises `UserError` for what is not valid, in one line; `Interrupted` after Ctrl-C, when the batch
    in hand is stored (a second Ctrl-C ends at once): the same call then goes on.

    >>> import tempfile
    >>> found = run(
    ...     {"name": "a", "data": {"source": "synthetic_linear", "features": 5}, "search": {"trials": 4}},
    ...     storage=f"{tempfile.mkdtemp()}/ledger.journal",
    ...     progress=False,
    ... )
    >>> len(found.trials), found.verdict is not None
    (4, True)
    """
    settings = settings_for(study, data, trials=trials, device=device, artifacts=artifacts)
    from search.doors.running import run_study

    return run_study(settings, data=data, storage=storage, sealed=sealed, progress=progress, workers=workers, ray=ray)


def load(name: str | optuna.Study, storage: str | BaseStorage | None = None, *, strength: str | None = None) -> Study:
    """A study that is there already; opens nothing sealed.

    Parameters
    ----------
    name
        Its name, its study file, or an `optuna.Study`, which knows its storage.
    storage
        A journal's path (default `runs/ledger.journal`), a database's URL, or a storage object of Optuna's.
    strength
        Of a study that somebody else ran, see `search.record`: the parameter that is the strength of the penalty,
        needed where more than one could be.

    Raises `UserError` for a storage or a study that is not there, and for one whose trials recorded no losses.
    """
    if not isinstance(name, str | Path):
        storage, name = name._storage, name.study_name
    given = Settings.load(name) if str(name).endswith(".toml") else None
    with in_one_line(), quiet_optuna():
        found = study_in(open_storage(storage, create=False), given.name if given else str(name), strength, given)
    if found.own:
        find_modules(found.settings, Path(str(name)).parent if given else Path())
    return found


def study_in(storage: Storage, name: str, strength: str | None = None, settings: Settings | None = None) -> Study:
    """The study of that name in an open storage; `settings` are those of its file, if not the stored ones."""
    ledger = find_study(storage, name, strength)
    return Study(ledger, settings or (Settings.stored(ledger.settings) if isinstance(ledger, StudyLedger) else None))


def settings_for(
    study: str | Path | Mapping[str, Any] | Settings,
    data: object = None,
    *,
    trials: int | None = None,
    device: str | None = None,
    artifacts: str | None = None,
) -> Settings:
    """The settings of a run, see `run`; data that are handed over need no source."""
    changes = {"search.trials": trials, "training.device": device, "search.artifacts": artifacts}
    return _settings(study, data).replace({key: value for key, value in changes.items() if value is not None})


def _settings(study: str | Path | Mapping[str, Any] | Settings, data: object) -> Settings:
    """The settings; data that are handed over need no source."""
    if isinstance(study, Settings):
        return study
    source = "frame" if data is not None else None
    if not isinstance(study, Mapping | str | Path):
        raise UserError(
            f"study: is {type(study).__name__}; give a study file's path, a mapping of its form or Settings"
        )
    if isinstance(study, Mapping):
        return find_modules(Settings.parse(study, source=source), Path())
    return find_modules(Settings.load(study, source=source), Path(study).parent)


def find_modules(settings: Settings, folder: Path) -> Settings:
    """Let a study that names functions find them in modules beside it, or in the working folder.

    No other study may: a `redis.py` beside it would be run by whoever imports that.
    """
    for place in (os.getcwd(), str(folder.resolve())) if settings.functions else ():
        if place not in sys.path:
            sys.path.append(place)
    return settings


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Optuna's log of what it does, and its word on samplers that it calls experimental, are not for our user.

    Nor is what its import says in a notebook: that there could be another progress bar.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="IProgress not found")
        import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)
