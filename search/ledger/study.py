"""One study's ledger: its trials in Optuna's storage, their losses beside it, the test losses under a seal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from search.core.candidate import Candidate
from search.core.coefficients import Coefficients
from search.core.errors import UserError
from search.core.evidence import Evidence, Facts
from search.core.results import Results
from search.core.snapshot import Snapshot
from search.ledger import facts, trials
from search.ledger.agreement import difference
from search.ledger.confirmations import OWN as CONFIRMING
from search.ledger.confirmations import Confirmations
from search.ledger.identity import ARTIFACTS, Identity, create_or_resume, find
from search.ledger.losses import TRIALS, LossStore, Place
from search.ledger.models import ModelStore
from search.ledger.openings import OPENED, Opening, note_opening, openings_in, still_sealed
from search.ledger.storage import Storage
from search.ledger.tally import Tally
from search.ledger.workers import LEASE, Worker

if TYPE_CHECKING:
    import pandas as pd
    from optuna import Study
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

LOSSES: Final = "losses"
SAME_AS: Final = "same_as"
MODEL: Final = "model"
OWN: Final = frozenset({"settings", "fingerprint", "versions", "seal", ARTIFACTS, MODEL, *CONFIRMING})


def is_own(attribute: str) -> bool:
    """Whether the ledger keeps a study's attribute of this name for itself; paths of this machine are among them."""
    return attribute in OWN or attribute.startswith(OPENED)


def _told(trial: FrozenTrial) -> tuple[Mapping[str, Any], bool]:
    """A finished trial's attributes, and whether it was pruned."""
    return trial.user_attrs, trials.state_of(trial) == "pruned"


@dataclass(frozen=True)
class StudyLedger:
    """A study's durable record. `open` makes or resumes one, `load` reads one; `id` is the storage's own."""

    storage: Storage
    name: str
    id: int

    @classmethod
    def open(
        cls,
        storage: Storage,
        name: str,
        *,
        settings: Mapping[str, Any],
        fingerprint: str,
        versions: Mapping[str, str],
    ) -> StudyLedger:
        """Make the study, or resume it where settings and data are still the same; else `UserError` says what differs.

        Parameters
        ----------
        storage
            Where it is kept, see `open_storage`.
        name
            The study's name.
        settings
            `Settings.to_dict()`; keys that cannot change a trial (its number of trials) may differ and are stored anew.
        fingerprint
            The task's, which changes when the data do.
        versions
            Package to version; added to those that worked on the study before.

        >>> import tempfile
        >>> from search.ledger import open_storage
        >>> from search.settings import Settings
        >>> settings = Settings.parse({"name": "a", "data": {"source": "digits"}}).to_dict()
        >>> storage = open_storage(f"{tempfile.mkdtemp()}/ledger.journal")
        >>> ledger = StudyLedger.open(storage, "a", settings=settings, fingerprint="f", versions={"python": "3"})
        >>> ledger.asked(), ledger.sealed
        (0, True)
        """
        return cls(storage, name, create_or_resume(storage, name, Identity(settings, fingerprint, versions)))

    @classmethod
    def load(cls, storage: Storage, name: str) -> StudyLedger:
        """An existing study; an unknown name raises `UserError` with the known ones."""
        return cls(storage, name, find(storage, name))

    # What the study is

    @property
    def settings(self) -> dict[str, Any]:
        """The study file it was last run with."""
        settings: dict[str, Any] = self._noted("settings")
        return settings

    @property
    def versions(self) -> list[dict[str, str]]:
        """The software versions that worked on it, first to last."""
        versions: list[dict[str, str]] = self._noted("versions")
        return versions

    def study(self, sampler: BaseSampler | None = None, pruner: BasePruner | None = None) -> Study:
        """Optuna's study, to ask with; finish trials through `record`."""
        from optuna import load_study

        return load_study(study_name=self.name, storage=self.storage.optuna, sampler=sampler, pruner=pruner)

    def trials(self) -> pd.DataFrame:
        """One row a trial, sorted by number, with the columns of an export (design: command line) without test."""
        return trials.table(self._trials())

    @property
    def tally(self) -> Tally:
        """What the trials amount to now."""
        return self._tally.read(self._trials())

    def completed(self) -> dict[Candidate, int]:
        """The completed candidates and their first trials' numbers, in the order of these."""
        return dict(sorted(self.tally.completed.items(), key=lambda each: each[1]))

    def completed_in_order(self) -> list[int]:
        """The numbers of the completed trials, each candidate's first one, in the order in which they were asked."""
        return list(self.completed().values())

    def finished(self) -> int:
        """The number of trials that are complete or pruned."""
        return self.tally.finished

    def asked(self) -> int:
        """The number of trials in any state."""
        return len(self._trials())

    def candidate(self, number: int) -> Candidate:
        """A trial's candidate."""
        found = trials.candidate_of(self._trials()[number])
        if found is None:
            raise UserError(f"study {self.name!r}: trial {number} was interrupted before it had all its parameters")
        return found

    def validation_loss(self, number: int) -> float:
        """A trial's value in Optuna."""
        return float(self._trials()[number].values[0])

    def selected(self) -> int | None:
        """The number of the trial with the lowest validation loss, of equals the one with the most penalty."""
        return self.tally.selected()

    # Running it

    @contextmanager
    def running(self, lease: float = LEASE) -> Iterator[Worker]:
        """Be one of the workers of this study, on whatever machines; `lease`: the seconds one may be silent."""
        with Worker(self.storage, self.name, self.id, lease).at_work() as worker:
            yield worker

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One write, in which no other worker changes the study."""
        with self.storage.alone(self.id):
            yield

    def recover(self, worker: Worker) -> list[Candidate]:
        """Fail the trials of workers that are gone; return the candidates that are to be asked again.

        `worker` has nothing in hand when it asks: what is its own was left by an attempt that broke off.
        A candidate that an earlier recovery returned and that was never asked since is returned once more: ask within
        the same `alone` block, so that no other worker does.
        """
        with self.alone():
            tally = self.tally
            running = {trial.number for trial in tally.open("running")}
            dead = running - worker.held_by_others() if running else running
            again = tally.to_ask_again(dead)  # not after: what a broken connection undoes must not be remembered
            for number in sorted(dead):
                self._fail(number, {trials.INTERRUPTED: "the process that ran it died"})
            return again

    def record(
        self, results: Results, numbers: Sequence[int], *, same_as: Mapping[int, int] | None = None
    ) -> list[int]:
        """Finish the trials with these numbers: first their results become durable, then one write ends the trials.

        A trial that is not running any more is left as it is: another worker took this one for gone, and asks its
        candidate again. Returns the numbers of those.

        `same_as` finishes further trials whose candidate is that of an earlier trial (or of one in `numbers`): they
        share its losses, and nothing was trained for them.

        The value is the validation loss, infinity for a diverged candidate; NaN raises `ValueError`. Pruned ones
        keep their losses too. Optuna's `Study.tell` would also call the sampler's `after_trial`, which no sampler
        here needs and which, in `GridSampler`, fails outside `Study.optimize`.
        """
        if len(results) != len(numbers):
            raise ValueError(f"{len(results)} results for {len(numbers)} trials")
        attributes = trials.attributes(results)
        artifact = f"{TRIALS}{min(numbers, default=0)}"  # unique: a trial is finished once
        if len(results):
            self.losses.write(artifact, results, numbers)
        pruned = results.pruned if results.pruned is not None else np.zeros(len(results), bool)
        own: dict[int, tuple[Mapping[str, Any], bool]] = {
            number: ({**each, LOSSES: artifact}, stopped)
            for number, each, stopped in zip(numbers, attributes, pruned.tolist(), strict=True)
        }
        tried: set[int] = set()
        return self.storage.steadily(lambda: self._record(own, same_as or {}, tried))

    def _record(
        self, own: Mapping[int, tuple[Mapping[str, Any], bool]], same_as: Mapping[int, int], tried: set[int]
    ) -> list[int]:
        """`tried` are those that an attempt that broke off has ended, where the storage did not undo it."""
        with self.alone():
            every = self._trials()
            running = {trial.number for trial in self.tally.open("running")}
            # Nothing is read again: what a broken connection undoes must not be remembered.
            told = dict(own)
            for number, original in same_as.items():
                known, stopped = own.get(original) or _told(every[original])
                told[number] = ({**known, SAME_AS: original, "seconds": 0.0}, stopped)
            for number, (known, stopped) in told.items():
                if number in running:
                    tried.add(number)
                    self._tell(number, known, pruned=stopped)
        mine = {number for number in tried if trials.state_of(every[number]) in {"complete", "pruned"}}
        return [number for number in told if number not in running | mine]

    def fail(self, number: int, reason: str, more: Mapping[str, Any] | None = None) -> None:
        """Finish a trial without a value; `reason` becomes its user attribute `failed`, `more` are further ones."""
        self.storage.steadily(lambda: self._fail_running(number, {"failed": reason, **(more or {})}))

    def keep_facts(self, told: Facts, *, swept: bool = True) -> None:
        """Keep what a verdict has to know of data, space and training; it marks the trials as confirmed.

        `swept` is false where the dense grid was left out.
        """
        self.confirmations.keep_facts(told, self.tally.complete, swept=swept)

    def keep_model(self, trial: int, body: bytes | None, coefficients: Coefficients | None = None) -> None:
        """Keep the model of this trial's candidate, in the place of an earlier one; None: it has diverged."""
        before = (self._attributes().get(MODEL) or {"trial": trial})["trial"]
        diverged = {"trial": trial, "sha256": None}
        self._set(MODEL, diverged if body is None else self.models.write(trial, body, coefficients))
        if before != trial:
            self.models.remove(before)

    def forget_model(self) -> None:
        """Have the next run train the model anew."""
        self._set(MODEL, None)

    def has_model(self) -> bool:
        """Whether what is kept is the model of the candidate that is selected now."""
        kept = self._attributes().get(MODEL)
        if kept is None or kept["trial"] != self.selected():
            return False
        return kept["sha256"] is None or self.models.intact(kept)

    def confirmed(self, *, swept: bool = True) -> bool:
        """Whether all that confirms the search was kept for the trials as they are now; the grid only if `swept`."""
        return self.confirmations.confirmed(self.tally.complete, swept=swept)

    # Reading it

    def results(self, numbers: Sequence[int]) -> Results:
        """The results of trials, in the order of `numbers`; without test losses as long as the study is sealed."""
        return self._read(numbers, with_test=not self.sealed)

    def model(self) -> bytes:
        """The model that is kept, see `runs.model_file`; `UserError` where there is none, or it is not whole."""
        kept, selected = self._attributes().get(MODEL), self.selected()
        if kept is None or selected is None:
            raise UserError(
                f"study {self.name!r} keeps no model yet; run it again, which trains the selected candidate on all rows"
            )
        if kept["trial"] != selected:
            raise UserError(
                f"study {self.name!r} keeps the model of trial {kept['trial']}, and trial {selected} is selected now; "
                "run it again, which trains that on all rows"
            )
        if kept["sha256"] is None:
            raise UserError(f"study {self.name!r}: {self.candidate(selected)} diverged when it was trained on all rows")
        return self.models.read(kept)

    def coefficients(self) -> Coefficients | None:
        """A linear model's, of the candidate that is selected now; None where none are kept, or not whole."""
        kept = self._attributes().get(MODEL)
        if kept is None or kept["trial"] != self.selected():
            return None
        with suppress(UserError):  # `model` says what is wrong
            return self.models.coefficients(kept)
        return None

    def snapshot(self, *, open_test: bool = False) -> Snapshot:
        """Everything that the study has now, read once.

        `open_test` breaks the seal: the opening is recorded in the study first, unless all is open already or there are
        no test rows.
        """
        every = self._trials()
        if open_test:
            self.open_test()
        # Without test rows there is nothing to keep shut.
        is_open = open_test or not self.sealed or (bool(self.tally.complete) and not self.has_test())
        numbers, complete, selected = trials.distinct(every)
        confirmed = self.confirmations
        told = confirmed.facts(with_test=is_open)
        results = self._read(numbers, with_test=is_open)
        return Snapshot(
            name=self.name,
            settings=self.settings,
            versions=tuple(self.versions),
            storage=self.storage.name,
            trials=trials.table(every),
            results=replace(results, criteria=facts.aligned(told, numbers)),
            complete=complete,
            selected=selected,
            evidence=Evidence(
                features=told.features,
                lambda_range=told.lambda_range,
                baseline_loss=told.baseline_loss,
                seed_losses=told.seed_losses,
                plain=told.plain,
                grid=confirmed.read("grid", with_test=is_open) if confirmed.swept else None,
                unswept=not confirmed.swept,
                inner=confirmed.read("inner", with_test=is_open),
                exact=confirmed.read("exact", with_test=is_open),
                openings=tuple(opening.complete for opening in self.openings),
                trials=len(complete),
            ),
            sealed=not is_open,
            coefficients=self.coefficients(),
        )

    # The seal

    def has_test(self) -> bool:
        """Whether the completed trials have test losses; the seal stays closed."""
        first = next((trial for trial in self._trials() if trials.state_of(trial) == "complete"), None)
        return first is not None and self.losses.has_test(self.place(first.number, first.user_attrs))

    @property
    def openings(self) -> list[Opening]:
        """Every opening of the test losses so far, first to last."""
        return openings_in(self._attributes())

    @property
    def sealed(self) -> bool:
        """Whether there are completed trials whose test losses were never opened; true also without trials."""
        return still_sealed(self.openings, self.tally.complete)

    def open_test(self) -> bool:
        """Break the seal, and record it in the study; to look again at what is open already is no further opening.

        False, and nothing recorded, where there are no test rows.
        """
        if not self.has_test():
            return False
        with self.alone():  # several workers end at once: it is one opening
            if self.sealed:
                note_opening(self.storage, self.id, self.tally.complete)
        return True

    # How it is stored

    @cached_property
    def _kept(self) -> Storage:
        """The storage with the losses where this study noted them, from whatever folder it is opened."""
        noted = self._attributes().get(ARTIFACTS)
        return self.storage if noted in (None, self.storage.losses_at) else self.storage.keeping_at(noted)

    @cached_property
    def losses(self) -> LossStore:
        """Where its losses lie."""
        return LossStore(self._kept, self.name, self._key)

    @cached_property
    def _tally(self) -> Tally:
        return Tally()

    @cached_property
    def confirmations(self) -> Confirmations:
        """What confirms the search."""
        return Confirmations(self.storage, self.id, self.losses)

    @property
    def models(self) -> ModelStore:
        """Where its model lies."""
        return ModelStore(self._kept, self.name)

    @property
    def _key(self) -> str:
        key: str = self._noted("seal")
        return key

    def _noted(self, name: str) -> Any:  # noqa: ANN401 - JSON
        """What the study noted when it was made; `UserError` where that is lost."""
        try:
            return self._attributes()[name]
        except KeyError as error:
            where = f"study {self.name!r} in {self.storage.name}"
            raise UserError(f"{where}: its {name} are not there any more; bring the storage back as it was") from error

    def _read(self, numbers: Sequence[int], *, with_test: bool) -> Results:
        every = {trial.number: trial for trial in self._trials()}
        kept = {number: trial.user_attrs for number, trial in every.items()}
        places = [self.place(number, kept.get(number, {})) for number in numbers]
        found = replace(self.losses.read(places, with_test=with_test), trial=np.array(numbers, dtype=np.int64))
        for row, number in enumerate(numbers):
            if what := difference(every[number], found, row, self.storage.name, self._kept.place):
                raise UserError(
                    f"study {self.name!r}: trial {number} {what}: one of them is damaged, or of another study; "
                    "lambda-search check tells more"
                )
        return found

    def place(self, number: int, attributes: Mapping[str, Any]) -> Place:
        """Where the losses of a trial with these attributes lie."""
        if LOSSES not in attributes:
            raise UserError(f"study {self.name!r}: trial {number} has no losses; it was not finished by lambda-search")
        return Place(attributes[LOSSES], attributes.get(SAME_AS, number))

    def _tell(self, number: int, attributes: Mapping[str, Any], *, pruned: bool) -> None:
        self._end(number, attributes, "PRUNED" if pruned else "COMPLETE", [attributes["validation_loss"]])

    def _fail(self, number: int, why: Mapping[str, Any]) -> None:
        self._end(number, why, "FAIL")

    def _fail_running(self, number: int, why: Mapping[str, Any]) -> None:
        with self.alone():
            if number in {trial.number for trial in self.tally.open("running")}:
                self._fail(number, why)

    def _end(self, number: int, attributes: Mapping[str, Any], state: str, values: list[float] | None = None) -> None:
        from optuna.trial import TrialState

        trial_id = self._trial_id(number)
        for name, attribute in attributes.items():
            self.storage.optuna.set_trial_user_attr(trial_id, name, attribute)
        self.storage.optuna.set_trial_state_values(trial_id, TrialState[state], values)

    def _trial_id(self, number: int) -> int:
        return self.storage.optuna.get_trial_id_from_study_id_trial_number(self.id, number)

    def _trials(self) -> list[FrozenTrial]:
        return self.storage.trials(self.id)

    def _attributes(self) -> dict[str, Any]:
        return self.storage.attributes(self.id)

    def _set(self, name: str, value: dict[str, Any] | None) -> None:
        self.storage.steadily(lambda: self.storage.optuna.set_study_user_attr(self.id, name, value))
