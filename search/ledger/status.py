"""How a study is getting on: its workers, its pace, its failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from search.ledger import trials
from search.ledger.workers import TRIALS, records_in

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from search.ledger.study import StudyLedger

LATELY: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """A worker that has not said that it ended: seconds since its last word by its own clock, its running trials."""

    name: str
    host: str
    silent: float
    lease: float
    trials: int

    @property
    def late(self) -> bool:
        """Whether others will take over, or have taken over, what it had in hand."""
        return self.silent > self.lease


@dataclass(frozen=True, slots=True)
class Status:
    """`wanted` trials in all, how many are in each of the `states`, how many were finished a minute lately.

    `failures` are the latest reasons, with how many trials had each.
    """

    name: str
    wanted: int
    states: Mapping[str, int]
    per_minute: float
    workers: Sequence[WorkerStatus]
    failures: Mapping[str, int]
    confirmed: bool

    @property
    def left(self) -> int:
        """How many trials are to be finished yet; of a grid it may be fewer or more."""
        return max(0, self.wanted - self.states.get("complete", 0) - self.states.get("pruned", 0))

    @property
    def minutes_left(self) -> float | None:
        """How long those take at the pace of late, None where nothing moved."""
        return self.left / self.per_minute if self.per_minute else None


def status_of(ledger: StudyLedger) -> Status:
    """What the ledger knows of it now."""
    every = ledger.storage.trials(ledger.id)
    reasons = [trial.user_attrs.get("failed", trial.user_attrs.get(trials.INTERRUPTED)) for trial in every]
    return Status(
        name=ledger.name,
        wanted=ledger.settings["search"]["trials"],
        states=Counter(trials.state_of(trial) for trial in every),
        per_minute=_pace(every),
        workers=_workers(ledger.storage.marks(ledger.id), {trial.number for trial in ledger.tally.open("running")}),
        failures=Counter(reason for reason in reversed(reasons) if reason is not None),
        confirmed=ledger.confirmed(),
    )


def _workers(attributes: Mapping[str, Any], running: set[int]) -> list[WorkerStatus]:
    now = datetime.now(UTC)
    return [
        WorkerStatus(
            name=name,
            host=record["host"],
            silent=max(0.0, (now - datetime.fromisoformat(record["at"])).total_seconds()),
            lease=record["lease"],
            trials=len(running.intersection(attributes.get(TRIALS + name, ()))),
        )
        for name, record in records_in(attributes).items()
        if not record["ended"]
    ]


def _pace(every: Sequence[FrozenTrial]) -> float:
    """Trials finished a minute, within `LATELY` of the last one that was."""
    ends = sorted(
        trial.datetime_complete
        for trial in every
        if trial.datetime_complete is not None and trials.state_of(trial) in {"complete", "pruned"}
    )
    if not ends:
        return 0.0
    starts = [trial.datetime_start for trial in every if trial.datetime_start is not None]
    since = max(ends[-1] - LATELY, min(starts))
    minutes = (ends[-1] - since).total_seconds() / 60
    return sum(end > since for end in ends) / minutes if minutes else 0.0
