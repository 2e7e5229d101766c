"""Everything that a report shows of a study, read from its ledger once: frames and arrays, without torch or Optuna."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from search.records import Array, Losses, Outcome
from search.verdict.record import Verdict
from search.verdict.study import distinct

if TYPE_CHECKING:
    from search.ledger import StudyLedger


@dataclass(frozen=True)
class StudyView:
    """A study as its report sees it.

    `trials` has one row a trial in any state, with the columns of an export. `candidates` are the completed trials
    with each distinct candidate once, in the order of the verdict; `selected` is the selected one's position, None
    without a complete trial. `validation` (candidates, replicates, rows), `test` (candidates, fits, test rows) and
    `outcomes` follow that order. `test` is None, and so are the test losses of `outcomes` and `sweep`, as long as
    trials are `sealed` and where there are no test rows. `versions` has the latest last. `facts` is what the
    computing arm kept for the judging arm.
    """

    name: str
    question: str
    settings: Mapping[str, Any]
    versions: tuple[Mapping[str, str], ...]
    storage: str
    trials: pd.DataFrame
    candidates: pd.DataFrame
    selected: int | None
    validation: Array
    test: Array | None
    outcomes: tuple[Outcome, ...]
    verdict: Verdict | None
    sweep: tuple[Outcome, ...]
    facts: Mapping[str, Any]
    sealed: bool

    @classmethod
    def of(cls, ledger: StudyLedger, verdict: Verdict | None = None) -> StudyView:
        """What the ledger holds now, with the verdict of `judge_study` where there is one.

        This never opens the test rows. A study without a complete trial gives a view without candidates.
        """
        selected, trials = ledger.selected(), ledger.trials()
        complete = trials[trials["state"] == "complete"].reset_index(drop=True)
        candidates = complete.iloc[distinct(complete, selected)].reset_index(drop=True)
        validation, test, outcomes = _stacked(ledger.outcomes(candidates["trial"].tolist()))
        return cls(
            name=ledger.name,
            question=ledger.settings.get("question") or "",
            settings=ledger.settings,
            versions=tuple(ledger.versions),
            storage=ledger.storage.name,
            trials=trials,
            candidates=candidates,
            selected=None if selected is None else int(np.flatnonzero(candidates["trial"] == selected)[0]),
            validation=validation,
            test=test,
            outcomes=outcomes,
            verdict=verdict,
            sweep=tuple(ledger.confirmation("sweep")),
            facts=ledger.facts,
            sealed=ledger.sealed,
        )

    @cached_property
    def metric(self) -> str | None:
        """The name of the evaluation loss; None where neither the study file nor its source of data says it."""
        from search.settings import Settings
        from search.settings.sections import METRICS

        settings = Settings.parse(dict(self.settings))
        task = settings.data.task
        return settings.search.metric or (None if task is None else METRICS[task][0])


def _stacked(outcomes: Sequence[Outcome]) -> tuple[Array, Array | None, tuple[Outcome, ...]]:
    """The losses of all outcomes as arrays, and the outcomes with their losses as views of these."""
    if not outcomes:
        return np.empty((0, 0, 0)), None, ()
    validation = np.stack([outcome.losses.validation for outcome in outcomes])
    tests = [outcome.losses.test for outcome in outcomes if outcome.losses.test is not None]
    test = np.stack(tests) if tests else None
    losses = [Losses(rows, None if test is None else test[i]) for i, rows in enumerate(validation)]
    return validation, test, tuple(replace(own, losses=each) for own, each in zip(outcomes, losses, strict=True))
