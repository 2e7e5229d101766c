"""The studies of a storage, one line each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from search.core.candidate import Candidate
from search.ledger import trials
from search.ledger.storage import Storage

if TYPE_CHECKING:
    from optuna.study._frozen import FrozenStudy


@dataclass(frozen=True, slots=True)
class StudySummary:
    """How far a study is. `when` is the local time at which a trial last began or ended, None without trials."""

    name: str
    complete: int
    pruned: int
    failed: int
    running: int
    best_loss: float | None
    selected: Candidate | None
    when: datetime | None


def list_studies(storage: Storage) -> list[StudySummary]:
    """The studies of this project in the storage, the one with the latest news first."""
    studies = [study for study in storage.optuna.get_all_studies() if "settings" in study.user_attrs]
    summaries = [_summary(storage, study) for study in studies]
    return sorted(summaries, key=lambda summary: summary.when or datetime.min, reverse=True)


def _summary(storage: Storage, study: FrozenStudy) -> StudySummary:
    every = storage.optuna.get_all_trials(study._study_id, deepcopy=False)
    states = Counter(trials.state_of(trial) for trial in every)
    best = trials.best(every)
    times = [time for trial in every for time in (trial.datetime_start, trial.datetime_complete) if time]
    return StudySummary(
        name=study.study_name,
        **{state: states[state] for state in ("complete", "pruned", "failed", "running")},
        best_loss=None if best is None else best.values[0],
        selected=None if best is None else trials.candidate_of(best),
        when=max(times, default=None),
    )
