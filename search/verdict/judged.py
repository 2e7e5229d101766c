"""The checked inputs of a verdict, and what several of its parts are made from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from search.records import Array, Flags
from search.verdict.bounds import pair_critical_value
from search.verdict.record import Scope
from search.verdict.rules import argmin, mean_losses
from search.verdict.sample import Sample, build


@dataclass(frozen=True)
class Judged:
    """Checked inputs, and what several parts of the verdict are made from."""

    validation: Array
    test: Array | None
    candidates: pd.DataFrame
    selected: int
    confidence: float
    tolerance: float
    scope: Scope

    @property
    def losses(self) -> Array:
        """The judged losses: those of the test rows, or without them those of the validation rows."""
        return self.validation if self.test is None else self.test

    @cached_property
    def validation_loss(self) -> Array:
        """Mean validation loss of every candidate."""
        return mean_losses(self.validation)

    @cached_property
    def risk(self) -> Array:
        """Mean judged loss of every candidate; infinite where a fit diverged."""
        return mean_losses(self.losses)

    @cached_property
    def finite(self) -> Flags:
        """Which candidates can be compared; the others are certainly not the best."""
        return np.isfinite(self.risk)

    @cached_property
    def best(self) -> int:
        """Position of the lowest judged loss; the selected candidate, where it is no worse."""
        best = argmin(self.risk, self.candidates)
        return self.selected if self.risk[self.selected] <= self.risk[best] * (1 + 1e-12) else best

    @cached_property
    def sample(self) -> Sample:
        """The comparable candidates' differences from the selected one, which must be one of them."""
        finite = self.losses if self.finite.all() else self.losses[self.finite]
        return build(finite, self.place(self.selected), self.scope)

    @cached_property
    def pairs(self) -> float | None:
        """The critical value of all pairs, where the judged rows also selected the candidate."""
        if self.test is not None or self.sample.count == 1 or self.losses.shape[2] < 2:
            return None
        return pair_critical_value(self.sample, (1 - self.confidence) / 2)

    def place(self, candidate: int) -> int:
        """Position of a candidate among the comparable ones."""
        return int(self.finite[:candidate].sum())

    def spread(self, flags: Flags) -> Flags:
        """Flags of the comparable candidates as flags of all, false for the others."""
        everybody = np.zeros(len(self.finite), dtype=bool)
        everybody[self.finite] = flags
        return everybody
