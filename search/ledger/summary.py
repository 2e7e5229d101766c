"""The studies of a storage, one line each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from search.core.candidate import Candidate
from search.core.errors import UserError
from search.ledger import recorded, trials
from search.ledger.foreign import roles_in
from search.ledger.roles import Roles
from search.ledger.storage import Storage
from search.ledger.usable import usable

if TYPE_CHECKING:
    from optuna.study._frozen import FrozenStudy
    from optuna.trial import FrozenTrial


@dataclass(frozen=True, slots=True)
class StudySummary:
    """How far a study is. `when` is the local time at which a trial last began or ended, None without trials.

    `recorded`: whether somebody else ran it, and its trials recorded their losses.
    """

    name: str
    complete: int
    pruned: int
    failed: int
    running: int
    best_loss: float | None
    selected: Candidate | None
    when: datetime | None
    recorded: bool = False


def list_studies(storage: Storage) -> list[StudySummary]:
    """The studies of this project, and those whose trials recorded their losses, the latest news first."""
    found = [_summary(storage, study) for study in storage.studies()]
    return sorted(filter(None, found), key=lambda summary: summary.when or datetime.min, reverse=True)


def _summary(storage: Storage, study: FrozenStudy) -> StudySummary | None:
    every = storage.trials(study._study_id)
    if "settings" in study.user_attrs:
        best = trials.best(every)
        loss, selected = (None, None) if best is None else (best.values[0], trials.candidate_of(best))
    elif any(map(recorded.recorded, every)):
        loss, selected = _recorded_best(every, study.study_name)
    else:
        return None
    states = Counter(trials.state_of(trial) for trial in every)
    times = [time for trial in every for time in (trial.datetime_start, trial.datetime_complete) if time]
    return StudySummary(
        name=study.study_name,
        **{state: states[state] for state in ("complete", "pruned", "failed", "running")},
        best_loss=loss,
        selected=selected,
        when=max(times, default=None),
        recorded="settings" not in study.user_attrs,
    )


def _recorded_best(every: Sequence[FrozenTrial], name: str) -> tuple[float | None, Candidate | None]:
    """The lowest recorded loss of somebody else's study, and its candidate."""
    try:
        roles = roles_in(every, name)
    except UserError:  # which strength is meant does not matter here
        roles = Roles()
    found = [(recorded.mean_of(trial).loss, roles.candidate(trial.params)) for trial in usable(every).trials]
    return min(found, key=lambda each: (each[0], -each[1].lambda_), default=(None, None))
