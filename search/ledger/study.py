"""One study's ledger: its trials in Optuna's storage, their losses beside it, the test losses under a seal."""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

import pandas as pd

from search.ledger import trials
from search.ledger.files import folder_name, locked
from search.ledger.losses import LossStore, Place
from search.ledger.opening import Identity, create_or_resume, find
from search.ledger.seal import break_seal, close_seal
from search.ledger.storage import Storage
from search.records import Array, Candidate, Outcome, UserError

if TYPE_CHECKING:
    from optuna import Study
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

OPENED: Final = "test losses opened "
LOSSES: Final = "losses"
SAME_AS: Final = "same_as"
FACTS: Final = "facts"
HIDDEN: Final = "sealed"
Confirmation = Literal["sweep", "exact"]


@dataclass(frozen=True, slots=True)
class Opening:
    """One opening of the test losses: when (ISO 8601, UTC), and how many trials were complete by then."""

    when: str
    complete: int


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

        `settings` is `Settings.to_dict()`; keys that cannot change a trial (its number of trials) may differ and
        are stored anew. `fingerprint` is the task's. `versions` are added to those that worked on the study before.
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
        settings: dict[str, Any] = self._attributes()["settings"]
        return settings

    @property
    def versions(self) -> list[dict[str, str]]:
        """The software versions that worked on it, first to last."""
        versions: list[dict[str, str]] = self._attributes()["versions"]
        return versions

    def study(self, sampler: BaseSampler | None = None, pruner: BasePruner | None = None) -> Study:
        """Optuna's study, to ask with; tell through `record`."""
        from optuna import load_study

        return load_study(study_name=self.name, storage=self.storage.optuna, sampler=sampler, pruner=pruner)

    def trials(self) -> pd.DataFrame:
        """One row a trial, sorted by number, with the columns of an export (design: command line) without test."""
        return trials.table(self._trials())

    def done(self) -> dict[Candidate, int]:
        """The completed candidates and their trials' numbers: an identical candidate need not be trained again."""
        return trials.done(self._trials())

    def tried(self) -> set[Candidate]:
        """The candidates that were told, complete or pruned."""
        return {candidate for trial in self._told() if (candidate := trials.candidate_of(trial)) is not None}

    def told(self) -> int:
        """The number of trials that are complete or pruned."""
        return len(self._told())

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
        """The value that a trial was told with."""
        return float(self._trials()[number].values[0])

    def selected(self) -> int | None:
        """The number of the trial with the lowest validation loss, of equals the one with the most penalty."""
        best = trials.best(self._trials())
        return None if best is None else best.number

    # Running it

    @contextmanager
    def running(self) -> Iterator[None]:
        """Hold the study for this process; `UserError` names the process of this machine that holds it already."""
        path = self.storage.folder / folder_name(self.name) / "running.lock"
        try:
            with locked(path, wait=False) as file:
                file.truncate(0)
                file.write(str(os.getpid()).encode())
                file.flush()
                yield
        except BlockingIOError as error:
            raise UserError(
                f"study {self.name!r} in {self.storage.name} is being run by process {path.read_text()}; "
                "wait for it or stop it"
            ) from error

    def recover(self) -> list[Candidate]:
        """Fail the trials that a killed process left running; return the candidates that are to be asked again.

        A candidate that an earlier recovery returned and that was never asked since is returned once more. Call it
        within `running()`: holding that lock shows that no process of this machine works on those trials.
        """
        from optuna.trial import TrialState

        with self.storage.one_write():
            for number in trials.left_running(self._trials()):
                trial_id = self._trial_id(number)
                self.storage.optuna.set_trial_user_attr(trial_id, trials.INTERRUPTED, "the process that ran it died")
                self.storage.optuna.set_trial_state_values(trial_id, TrialState.FAIL)
        return trials.to_ask_again(self._trials())

    def record(self, outcomes: Mapping[int, Outcome], *, same_as: Mapping[int, int] | None = None) -> None:
        """Finish trials (by number): first their losses are durable, then all are told by one write.

        `same_as` finishes further trials whose candidate is that of an earlier trial (or of one in `outcomes`): they
        share its losses, and nothing was trained for them.

        The value is the validation loss, infinity for a diverged candidate; NaN raises `ValueError`. Pruned ones
        keep their losses too. Optuna's `Study.tell` would also call the sampler's `after_trial`, which no sampler
        here needs and which, in `GridSampler`, fails outside `Study.optimize`.
        """
        attributes = {number: trials.attributes(outcome) for number, outcome in outcomes.items()}
        if outcomes:
            artifact = f"trials-{min(outcomes)}"  # nobody else's: a trial is told once
            self._losses.write(artifact, outcomes)
        with self.storage.one_write():
            for number, outcome in outcomes.items():
                self._tell(number, attributes[number] | {LOSSES: artifact}, pruned=outcome.pruned)
            every = self._trials()
            for number, original in (same_as or {}).items():
                shared = every[original].user_attrs | {SAME_AS: original, "seconds": 0.0}
                self._tell(number, shared, pruned=trials.state_of(every[original]) == "pruned")

    def fail(self, number: int, reason: str) -> None:
        """Finish a trial without a value; `reason` becomes its user attribute `failed`."""
        from optuna.trial import TrialState

        with self.storage.one_write():
            self.storage.optuna.set_trial_user_attr(self._trial_id(number), "failed", reason)
            self.storage.optuna.set_trial_state_values(self._trial_id(number), TrialState.FAIL)

    def keep_confirmation(self, part: Confirmation, outcomes: Sequence[Outcome]) -> None:
        """Keep what confirms the search, outside the trials, in the place of an earlier one; test losses sealed.

        `sweep` is the dense grid with the finalists on fresh seeds, `exact` the selected candidate solved exactly.
        """
        self._losses.write(part, dict(enumerate(outcomes)))
        self._set(part, {"when": _now(), "candidates": len(outcomes), "trials": len(self._complete())})

    def keep_facts(self, facts: Mapping[str, Any], *, sealed: Mapping[str, Any]) -> None:
        """Keep what a verdict has to know of data and space, plain JSON; `sealed` under the test losses' seal."""
        hidden = close_seal(json.dumps(dict(sealed)).encode(), self._attributes()["seal"])
        self._set(FACTS, {**facts, HIDDEN: b64encode(hidden).decode()})

    @property
    def facts(self) -> dict[str, Any]:
        """What `keep_facts` kept, empty before; without its sealed part as long as the study is sealed."""
        facts = dict(self._attributes().get(FACTS, {}))
        hidden = facts.pop(HIDDEN, None)
        if hidden is not None and not self.sealed:
            facts |= json.loads(break_seal(b64decode(hidden), self._attributes()["seal"]))
        return facts

    def confirmed(self) -> bool:
        """Whether the sweep was run for the trials as they are now."""
        return bool(self._attributes().get("sweep", {}).get("trials") == len(self._complete()))

    # Reading its losses

    def outcome(self, number: int) -> Outcome:
        """A trial's outcome. Its test losses are None as long as the study is sealed, see `sealed`."""
        return self.outcomes([number])[0]

    def outcomes(self, numbers: Sequence[int]) -> list[Outcome]:
        """The outcomes of trials, in the order of `numbers`; read at once, a file of many trials is opened once."""
        return self._losses.read(self._places(numbers), with_test=not self.sealed)

    def confirmation(self, part: Confirmation) -> list[Outcome]:
        """The outcomes of a part of the confirmation, empty without one; test losses as in `outcome`."""
        kept = self._attributes().get(part, {"candidates": 0})
        places = [Place(part, index) for index in range(kept["candidates"])]
        return self._losses.read(places, with_test=not self.sealed)

    def validation(self) -> tuple[pd.DataFrame, Array]:
        """The completed trials, as in `trials`, and their losses (candidates, replicates, rows) in the same order."""
        frame = trials.table(self._complete())
        return frame, self._losses.validation(self._places(frame["trial"].tolist()))

    # The seal

    def has_test(self) -> bool:
        """Whether the completed trials have test losses; the seal stays closed."""
        places = self._places([trial.number for trial in self._complete()][:1])
        return bool(places) and self._losses.has_test(places[0])

    @property
    def openings(self) -> list[Opening]:
        """Every opening of the test losses so far, first to last."""
        opened = [value for name, value in self._attributes().items() if name.startswith(OPENED)]
        return sorted((Opening(**value) for value in opened), key=lambda opening: opening.when)

    @property
    def sealed(self) -> bool:
        """Whether there are completed trials whose test losses nobody has opened yet; true also without trials."""
        openings = self.openings
        return not openings or openings[-1].complete < len(self._complete())

    def open_test(self, numbers: Sequence[int]) -> Array | None:
        """Break the seal: the test losses (trials, fits, rows) of completed trials, in the order of `numbers`.

        First the opening is recorded in the study; to look again at what is open already is no further one.
        None, and nothing recorded, where there are no test rows.
        """
        places = self._places(numbers)
        if not places or not self._losses.has_test(places[0]):
            return None
        if self.sealed:
            opening = Opening(_now(), len(self._complete()))
            self._set(OPENED + opening.when, asdict(opening))
        return self._losses.test(places)

    # How it is stored

    @cached_property
    def _losses(self) -> LossStore:
        return LossStore(self.storage, self.name, self._attributes()["seal"])

    def _places(self, numbers: Sequence[int]) -> list[Place]:
        kept = {trial.number: trial.user_attrs for trial in self._trials()}
        return [self._place(number, kept.get(number, {})) for number in numbers]

    def _place(self, number: int, attributes: Mapping[str, Any]) -> Place:
        if LOSSES not in attributes:
            raise UserError(f"study {self.name!r}: trial {number} has no losses; it was not told by lambda-search")
        return Place(attributes[LOSSES], attributes.get(SAME_AS, number))

    def _tell(self, number: int, attributes: dict[str, Any], *, pruned: bool) -> None:
        from optuna.trial import TrialState

        trial_id = self._trial_id(number)
        for name, attribute in attributes.items():
            self.storage.optuna.set_trial_user_attr(trial_id, name, attribute)
        state = TrialState.PRUNED if pruned else TrialState.COMPLETE
        self.storage.optuna.set_trial_state_values(trial_id, state, [attributes["validation_loss"]])

    def _trial_id(self, number: int) -> int:
        return self.storage.optuna.get_trial_id_from_study_id_trial_number(self.id, number)

    def _trials(self) -> list[FrozenTrial]:
        return self.storage.optuna.get_all_trials(self.id, deepcopy=False)

    def _told(self) -> list[FrozenTrial]:
        return [trial for trial in self._trials() if trials.state_of(trial) in {"complete", "pruned"}]

    def _complete(self) -> list[FrozenTrial]:
        return [trial for trial in self._trials() if trials.state_of(trial) == "complete"]

    def _attributes(self) -> dict[str, Any]:
        return self.storage.optuna.get_study_user_attrs(self.id)

    def _set(self, name: str, value: dict[str, Any]) -> None:
        self.storage.optuna.set_study_user_attr(self.id, name, value)


def _now() -> str:
    return datetime.now(UTC).isoformat()
