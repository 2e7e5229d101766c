"""The checked inputs of a verdict, and what several of its parts are made from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.special import ndtri

from search.records import Array, Flags
from search.verdict.bounds import contrast, pair_critical_value
from search.verdict.multiplier import student
from search.verdict.record import Scope
from search.verdict.rules import argmin, mean_losses
from search.verdict.sample import Sample, build

HOPELESS_FACTOR = 10.0
HOPELESS_SHARE = 0.05


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
    def contenders(self) -> Flags:
        """Which candidates the bounds compare: not those that diverged, not those that are hopeless."""
        return self.finite & ~self.hopeless

    @cached_property
    def hopeless(self) -> Flags:
        """Which candidates are certainly worse than the selected one, although their means say nothing.

        A candidate that explodes on single rows has a mean that no number of rows pins down, and would leave every
        bound open. Its losses capped at selected + K, row by row, have a mean that is never above its own; where even
        that is significantly above the selected one's, it cannot be the best. K comes from the validation rows, so the
        test is valid whatever the tails. Only candidates that look ten times worse are tested, and only the truly best
        one must survive: one t test at `HOPELESS_SHARE` of the error probability, which the bounds give up.
        """
        hopeless = np.zeros(len(self.finite), dtype=bool)
        cap = HOPELESS_FACTOR * self.validation_loss[self.selected]
        if self.test is None or not (self.finite[self.selected] and np.isfinite(cap)):
            return hopeless
        suspects = np.flatnonzero(self.finite & (self.risk > HOPELESS_FACTOR * self.risk[self.selected]))
        if len(suspects) and self.losses.shape[2] > 1:
            own, theirs = self.losses[[self.selected]], self.losses[suspects]
            hopeless[suspects] = self._worse(own, np.minimum(theirs, own + cap)) & ~self._worse(own, theirs)
        return hopeless

    def _worse(self, own: Array, losses: Array) -> Flags:
        """Which candidates with these losses are significantly worse than the selected one with its own."""
        gains = contrast(build(np.concatenate([own, losses]), 0, self.scope), relative=False)
        c = student(float(ndtri(1 - HOPELESS_SHARE * (1 - self.confidence))), gains.dof)
        return np.asarray(gains.statistic(0.0) < -c)[1:]

    @property
    def bound_confidence(self) -> float:
        """The confidence left for the bounds: on each side what finding hopeless candidates took is given up."""
        return 1 - (1 - self.confidence) * (1 - 2 * HOPELESS_SHARE * bool(self.hopeless.any()))

    @cached_property
    def best(self) -> int:
        """Position of the lowest judged loss; the selected candidate, where it is no worse."""
        best = argmin(self.risk, self.candidates)
        return self.selected if self.risk[self.selected] <= self.risk[best] * (1 + 1e-12) else best

    @cached_property
    def sample(self) -> Sample:
        """The contenders' differences from the selected one, which must be one of them."""
        losses = self.losses if self.contenders.all() else self.losses[self.contenders]
        return build(losses, self.place(self.selected), self.scope)

    @cached_property
    def pairs(self) -> float | None:
        """The critical value of all pairs, where the judged rows also selected the candidate."""
        if self.test is not None or self.sample.count == 1 or self.losses.shape[2] < 2:
            return None
        return pair_critical_value(self.sample, (1 - self.confidence) / 2)

    def place(self, candidate: int) -> int:
        """Position of a candidate among the contenders."""
        return int(self.contenders[:candidate].sum())

    def spread(self, flags: Flags) -> Flags:
        """Flags of the contenders as flags of all, false for the others."""
        everybody = np.zeros(len(self.finite), dtype=bool)
        everybody[self.contenders] = flags
        return everybody
