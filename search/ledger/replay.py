"""Optuna's storage on the records of a journal, and whose each of them is."""

from __future__ import annotations

import copy
import re
from collections.abc import Container, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import FrozenTrial, TrialState

from search.core.errors import UserError
from search.ledger.lines import from_line, is_whole

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.storages.journal._storage import JournalStorageReplayResult

# What a record that does not fit the others raises in Optuna.
MISFITS: Final = (KeyError, ValueError, TypeError, AttributeError, IndexError, AssertionError, OverflowError)
TRIAL: Final = re.compile(rb'"trial_id":(\d{1,9})\b')
STUDY: Final = re.compile(rb'"study_id":(\d{1,9})\b')


class Replay(JournalStorage):
    """Optuna's storage, which names the record of a journal that it cannot take; `damaged` of the journal says how.

    Its lists of trials are not made anew each time that they are asked for: Optuna asks once a trial for those that
    wait, and a walk over all trials each time grows with their square.
    """

    def __init__(self, journal: BaseJournalBackend) -> None:
        self._listings: dict[int, _Listing] = {}
        super().__init__(journal)

    def __getstate__(self) -> dict[Any, Any]:
        return {**super().__getstate__(), "_listings": {}}

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """A study's trials in these states (None: in any), by their numbers, as Optuna's own storage gives them."""
        with self._thread_lock:
            self._sync_with_backend()
            self._replay_result.get_study(study_id)  # `KeyError` where there is none
            trials = self._listings.setdefault(study_id, _Listing()).of(self._replay_result, study_id, states)
            return copy.deepcopy(trials) if deepcopy else trials

    def _sync_with_backend(self) -> None:
        try:
            super()._sync_with_backend()
        except MISFITS as error:
            number = self._replay_result.log_number_read - 1
            record = next(iter(self._backend.read_logs(number)), {})
            if str(record.get("worker_id")).startswith(self._worker_id_prefix):
                raise  # Optuna's word on what was asked of it
            raise self._backend.damaged(number, "it does not fit the others") from error  # type: ignore[attr-defined]


class _Listing:
    """A study's trials as they were last asked for: only those that had not ended then can have changed since."""

    def __init__(self) -> None:
        self._trials: list[FrozenTrial] = []
        self._open: list[int] = []  # the places of those that have not ended

    def of(
        self, replayed: JournalStorageReplayResult, study: int, states: Container[TrialState] | None
    ) -> list[FrozenTrial]:
        """A list of its own of the trials in these states."""
        ids = replayed._study_id_to_trial_ids[study]
        new = range(len(self._trials), len(ids))
        for place in self._open:
            self._trials[place] = replayed.get_trial(ids[place])
        self._trials += [replayed.get_trial(ids[place]) for place in new]
        self._open = [place for place in (*self._open, *new) if not self._trials[place].state.is_finished()]
        if states is None:
            return self._trials.copy()
        ended = any(state.is_finished() and state in states for state in TrialState)
        found = self._trials if ended else (self._trials[place] for place in self._open)
        return [trial for trial in found if trial.state in states]


class MisfitError(UserError):
    """A record that does not fit those before it; `number` counts from 0."""

    def __init__(self, number: int) -> None:
        super().__init__(f"record {number} does not fit the others")
        self.number = number


class Lines(BaseJournalBackend):
    """A journal in memory, whose lines are whole; nothing is added to it."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self._lines = lines

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """The records from that number on."""
        return map(from_line, self._lines[log_number_from:])

    def append_logs(self, logs: list[dict[str, Any]]) -> NoReturn:
        """Nothing is written here."""
        raise TypeError("these lines are read alone")

    def damaged(self, number: int, why: str) -> MisfitError:
        """For whoever leaves the line out."""
        return MisfitError(number)


class Owner(NamedTuple):
    """A study, by its name, and one of its trials, by its number; None where that is not known."""

    study: str | None = None
    trial: int | None = None

    def __str__(self) -> str:
        if self.study is None:
            return ""
        return f"study {self.study!r}" if self.trial is None else f"trial {self.trial} of study {self.study!r}"


class Owners:
    """Whose the records of a journal are: by the ids that they speak of."""

    def __init__(self, storage: BaseStorage) -> None:
        self._studies: dict[int, Owner] = {}
        self._trials: dict[int, Owner] = {}
        for study in storage.get_all_studies():
            self._studies[study._study_id] = Owner(study.study_name)
            for trial in storage.get_all_trials(study._study_id, deepcopy=False):
                self._trials[trial._trial_id] = Owner(study.study_name, trial.number)

    def of(self, line: bytes) -> Owner:
        """Whose a line is, as far as it can be read."""
        for pattern, owners in ((TRIAL, self._trials), (STUDY, self._studies)):
            if (found := pattern.search(line)) and (known := owners.get(int(found[1]))):
                return known
        return Owner()


def owner(lines: Sequence[bytes], number: int) -> Owner:
    """Whose the line of this number is, told by those before it that are whole."""
    try:
        return Owners(Replay(Lines([line for line in lines[:number] if is_whole(line)]))).of(lines[number])
    except UserError:
        return Owner()
