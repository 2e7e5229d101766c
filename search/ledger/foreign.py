"""A study that somebody else ran, read from Optuna's storage alone: its trials hold the losses that they recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from search.core.arrays import Array
from search.core.candidate import NO_STRENGTH, PENALTY, STRENGTH, Candidate
from search.core.errors import UserError
from search.core.evidence import Evidence, Recording
from search.core.results import Results, empty_results
from search.core.snapshot import Snapshot
from search.ledger import recorded, trials
from search.ledger.npz import DamagedError
from search.ledger.openings import Opening, note_opening, openings_in, still_sealed
from search.ledger.roles import Roles, find_roles
from search.ledger.storage import Storage
from search.ledger.usable import Usable, usable

if TYPE_CHECKING:
    import pandas as pd
    from optuna import Study
    from optuna.trial import FrozenTrial

LEFT_OUT: Final = "left out"
MEASURED: Final = ("validation_loss", "validation_se")
SAME: Final = 1e-5  # relative: a value that is the recorded loss, computed in single precision


@dataclass(frozen=True)
class ForeignLedger:
    """A study of somebody else's, as `StudyLedger` reads one of ours; `roles` says what its parameters are."""

    storage: Storage
    name: str
    id: int
    roles: Roles

    @classmethod
    def load(cls, storage: Storage, name: str, strength: str | None = None) -> ForeignLedger:
        """A study of the storage; `strength` names the parameter that is it, where more than one could be.

        `UserError` where no trial has recorded its losses, and where the strength is not clear.
        """
        study_id = storage.optuna.get_study_id_from_name(name)
        every = storage.trials(study_id)
        if not any(map(recorded.recorded, every)):
            raise UserError(
                f"study {name!r} in {storage.name}: none of its {len(every)} trials has recorded its losses; add "
                "the line search.record(trial, validation=losses) to its objective, and run new trials"
            )
        beside_others = replace(storage, one_write=storage.shared_write)
        return cls(beside_others, name, study_id, roles_in(every, name, strength))

    def study(self) -> Study:
        """Optuna's study."""
        from optuna import load_study

        return load_study(study_name=self.name, storage=self.storage.optuna)

    def trials(self) -> pd.DataFrame:
        """One row a trial, sorted by number: the columns of an export, then the study's own parameters."""
        every = self._trials()
        return table(every, self.roles, usable(every))

    def completed(self) -> dict[Candidate, int]:
        """The candidates that can be compared, each with its first trial's number."""
        found: dict[Candidate, int] = {}
        for trial in usable(self._trials()).trials:
            found.setdefault(self.roles.candidate(trial.params), trial.number)
        return found

    def snapshot(self, *, open_test: bool = False) -> Snapshot:
        """Everything that the study has now, read once; `open_test` as in `StudyLedger`."""
        every = self._trials()
        found = usable(every)
        count = len(found.trials)
        if open_test and found.with_test and still_sealed(self.openings, count):
            with self.storage.one_write():
                note_opening(self.storage, self.id, count)
        openings = self.openings
        is_open = open_test or not still_sealed(openings, count) or (bool(count) and not found.with_test)
        whole = self._results(found, with_test=is_open)
        results, selected = _distinct(whole)
        return Snapshot(
            name=self.name,
            settings={},
            versions=(),
            storage=self.storage.name,
            trials=table(every, self.roles, found),
            results=results,
            complete=np.array([results.position[each] for each in whole.candidates], dtype=np.intp),
            selected=selected,
            evidence=Evidence(
                lambda_range=self._range(whole, every),
                openings=tuple(opening.complete for opening in openings),
                trials=count,
                recording=self._recording(found),
            ),
            sealed=not is_open,
        )

    def has_test(self) -> bool:
        """Whether the trials that can be compared have test losses; the seal stays closed."""
        return usable(self._trials()).with_test

    @property
    def openings(self) -> list[Opening]:
        """Every opening of the test losses so far, first to last."""
        return openings_in(self.storage.attributes(self.id))

    def losses(self, trial: FrozenTrial, *, with_test: bool) -> recorded.Losses:
        """What a trial recorded; `UserError` where it is damaged."""
        try:
            return recorded.read(trial, with_test=with_test)
        except DamagedError as error:
            raise UserError(
                f"study {self.name!r}: the losses that trial {trial.number} recorded in {self.storage.name} are "
                f"damaged: {error}; bring the storage back as it was"
            ) from error

    def _trials(self) -> list[FrozenTrial]:
        return self.storage.trials(self.id)

    def _results(self, found: Usable, *, with_test: bool) -> Results:
        if not found.trials:
            return empty_results()
        losses = [self.losses(trial, with_test=with_test and found.with_test) for trial in found.trials]
        tests = [each.test for each in losses if each.test is not None]
        return Results(
            tuple(self.roles.candidate(trial.params) for trial in found.trials),
            _stacked([each.validation for each in losses]),
            _stacked(tests) if tests else None,
            trial=np.array([trial.number for trial in found.trials], dtype=np.int64),
        )

    def _range(self, whole: Results, every: Sequence[FrozenTrial]) -> dict[str, tuple[float, float]]:
        """The range that was searched, as the latest trial has it, of every penalty that was tried."""
        spaces: list[Any] = [space for each in every if (space := each.distributions.get(self.roles.strength or ""))]
        if not spaces or not getattr(spaces[-1], "low", 0) > 0:
            return {}
        ends = float(spaces[-1].low), float(spaces[-1].high)
        low, high = (1 / ends[1], 1 / ends[0]) if self.roles.inverse else ends
        return {str(penalty): (low, high) for penalty in set(whole.penalty[whole.lambda_ > 0])}

    def _recording(self, found: Usable) -> Recording:
        """What was left out, and whether the study optimises something else than the recorded losses."""
        directions = self.storage.read(lambda: self.storage.optuna.get_study_directions(self.id))
        if len(directions) > 1:
            return Recording(found.left_out, f"has {len(directions)} objectives")
        sign = -1.0 if directions[0].name == "MAXIMIZE" else 1.0
        values = np.array([sign * trial.values[0] for trial in found.trials])
        means = np.array([recorded.mean_of(trial).loss for trial in found.trials])
        if sign > 0 and np.allclose(values, means, rtol=SAME, atol=0.0):
            return Recording(found.left_out)
        best = found.trials[int(values.argmin())].number if len(values) else None
        if sign > 0 and len(means) and means[values.argmin()] == means.min():
            return Recording(found.left_out)  # a root of the loss, say
        return Recording(found.left_out, "maximises its objective" if sign < 0 else "minimises another value", best)


def roles_in(every: Sequence[FrozenTrial], name: str, strength: str | None = None) -> Roles:
    """The roles of the parameters of these trials; errors name the study."""
    spaces = {key: space for trial in every for key, space in trial.distributions.items()}
    try:
        return find_roles(spaces, strength)
    except UserError as error:
        raise UserError(f"study {name!r}: {error}") from error


def table(every: Sequence[FrozenTrial], roles: Roles, found: Usable) -> pd.DataFrame:
    """One row a trial: the columns of an export, then the study's own parameters by their own names.

    The state is "left out" for a complete trial that cannot be compared.
    """
    import pandas as pd

    compared = {trial.number for trial in found.trials}
    rows = [_row(trial, roles, trial.number in compared) for trial in sorted(every, key=lambda trial: trial.number)]
    own = dict.fromkeys(name for row in rows for name in row if name not in (*trials.FIRST, *MEASURED))
    frame = pd.DataFrame(rows, columns=[*trials.FIRST, *own, *MEASURED])
    types = dict.fromkeys([STRENGTH, *MEASURED], "float64") | {"trial": "int64", "state": "str", PENALTY: "str"}
    for name in own:
        if frame[name].map(lambda value: isinstance(value, str)).any():  # a file's column has one type
            types[name] = "str"
    return frame.astype(types).infer_objects()


def _row(trial: FrozenTrial, roles: Roles, compared: bool) -> Mapping[str, Any]:
    state = trials.state_of(trial)
    row = {"trial": trial.number, "state": LEFT_OUT if state == "complete" and not compared else state}
    if trial.params:
        candidate = roles.candidate(trial.params)
        row |= roles.own(trial.params)
        if candidate.penalty != NO_STRENGTH:
            row |= {PENALTY: candidate.penalty, STRENGTH: candidate.lambda_}
    if recorded.recorded(trial):
        mean = recorded.mean_of(trial)
        row |= {"validation_loss": mean.loss, "validation_se": mean.error}
    return row


def _distinct(whole: Results) -> tuple[Results, int | None]:
    """Each candidate once, and where the selected one is among them."""
    if not len(whole):
        return whole, None
    best = whole.lowest(whole.validation_loss)
    results = whole.distinct(int(whole.trials[best]))
    return results, results.position[whole.candidates[best]]


def _stacked(losses: Sequence[Array]) -> Array:
    """The losses of all trials; what diverged may be infinite where the others hold out nothing."""
    every = np.stack(losses)
    finite = ~np.isinf(every).any(axis=(1, 2))
    return np.where(np.isnan(every[finite]).any(axis=0), np.nan, every) if finite.any() else every
