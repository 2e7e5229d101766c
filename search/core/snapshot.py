"""A study as it stood at one moment: what its ledger gives, and what verdict and report read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search.core.arrays import Index
from search.core.coefficients import Coefficients
from search.core.evidence import Evidence
from search.core.results import Results

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Everything that a study has, read once.

    `settings` is its study file as tables, `versions` the software that worked on it, `storage` where it is kept.
    `trials` has one row a trial in any state, with the columns of an export; `results` the complete ones, each
    candidate once, without test losses while it is `sealed`; `complete` (complete trials,) says, trial by trial, where
    in `results` its candidate is. `selected` is a position in `results`, None without a complete trial.
    `coefficients` are those of its model, where it is linear.
    """

    name: str
    settings: Mapping[str, Any]
    versions: tuple[Mapping[str, str], ...]
    storage: str
    trials: pd.DataFrame
    results: Results
    complete: Index
    selected: int | None
    evidence: Evidence
    sealed: bool
    coefficients: Coefficients | None = None

    def __repr__(self) -> str:
        return f"<snapshot of study {self.name!r}: {len(self.trials)} trials>"

    @property
    def unconfirmed(self) -> bool:
        """Whether this is a rotation of which some tried candidates lack what its picks are made from."""
        inner = self.evidence.inner
        rotates = bool(self.settings.get("split", {}).get("test_folds"))
        return rotates and (inner is None or any(each not in inner.position for each in self.results.candidates))

    @property
    def question(self) -> str:
        """The question that the study answers; empty where its file asks none."""
        return str(self.settings.get("question") or "")
