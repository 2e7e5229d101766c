"""The paired comparison that every part of a verdict is read from: computed once, for the verdict and its figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from search.core.arrays import Array, Flags
from search.core.choice import tied
from search.core.errors import UserError
from search.core.evidence import Evidence
from search.core.results import Results
from search.verdict.bounds import contrast, pair_critical_value
from search.verdict.confidence_set import confidence_set
from search.verdict.inputs import cleaned
from search.verdict.multiplier import t_critical
from search.verdict.record import Scope
from search.verdict.sample import Sample, build

if TYPE_CHECKING:
    from search.core.snapshot import Snapshot

EXPLODING_FACTOR = 10.0
EXPLODING_SHARE = 0.05


@dataclass(frozen=True, eq=False)
class Comparison:
    """The judged candidates against the selected one (its position), with what is known beside their losses.

    `results` are cleaned (`search.verdict.inputs`). The judged losses are those of the test rows, or without them those
    of the validation rows.
    """

    results: Results
    selected: int
    confidence: float = 0.95
    tolerance: float = 0.01
    scope: Scope = "models"
    evidence: Evidence = field(default_factory=Evidence)

    def __post_init__(self) -> None:
        if not 0 <= self.selected < len(self.results):
            last = len(self.results) - 1
            raise UserError(f"judge: selected is {self.selected}; valid are the positions 0 to {last} of candidates")
        if not 0.5 <= self.confidence < 1:
            raise UserError(
                f"judge: confidence is {self.confidence}; valid is a share from 0.5 to below 1, such as 0.95"
            )
        if not 0 <= self.tolerance < 1:
            raise UserError(f"judge: tolerance is {self.tolerance}; valid is a share from 0 to below 1, such as 0.01")
        if self.scope not in ("models", "procedure"):
            raise UserError(f'judge: scope is "{self.scope}"; valid are "models" and "procedure"')

    @classmethod
    def from_snapshot(
        cls, study: Snapshot, *, confidence: float, tolerance: float, scope: Scope = "models"
    ) -> Comparison:
        """The comparison of a study's candidates; `UserError` where none is complete."""
        if study.selected is None:
            raise UserError(f"study {study.name!r} has no complete trial yet; run it first")
        return cls(cleaned(study.results), study.selected, confidence, tolerance, scope, study.evidence)

    @property
    def on_test(self) -> bool:
        """Whether the judged rows are test rows."""
        return self.results.test is not None

    @property
    def losses(self) -> Array:
        """The judged losses, (candidates, replicates, rows)."""
        return self.results.validation if self.results.test is None else self.results.test

    @property
    def risk(self) -> Array:
        """Mean judged loss of every candidate; infinite where a fit diverged."""
        test = self.results.test_loss
        return self.results.validation_loss if test is None else test

    @cached_property
    def finite(self) -> Flags:
        """Which candidates can be compared; the others are certainly not the best."""
        return np.isfinite(self.risk)

    @cached_property
    def contenders(self) -> Flags:
        """Which candidates the bounds compare: not those that diverged, and not those that explode."""
        return self.finite & ~self.exploding

    @cached_property
    def exploding(self) -> Flags:
        """Which candidates are certainly worse than the selected one, although their means say nothing.

        A candidate that explodes on single rows has a mean that no number of rows pins down, and would leave every
        bound open. Its losses capped at selected + K, row by row, have a mean that is never above its own; where even
        that is significantly above the selected one's, it cannot be the best. K comes from the validation rows, so the
        test is valid whatever the tails. Only candidates that look ten times worse are tested, and only the truly best
        one must survive: one t test at `EXPLODING_SHARE` of the error probability, which the bounds give up.
        """
        exploding = np.zeros(len(self.finite), dtype=bool)
        cap = EXPLODING_FACTOR * self.results.validation_loss[self.selected]
        if not (self.on_test and self.finite[self.selected] and np.isfinite(cap)):
            return exploding
        suspects = np.flatnonzero(self.finite & (self.risk > EXPLODING_FACTOR * self.risk[self.selected]))
        if len(suspects) and self.losses.shape[2] > 1:
            own, theirs = self.losses[[self.selected]], self.losses[suspects]
            exploding[suspects] = self._worse(own, np.minimum(theirs, own + cap)) & ~self._worse(own, theirs)
        return exploding

    def _worse(self, own: Array, losses: Array) -> Flags:
        """Which candidates with these losses are significantly worse than the selected one with its own."""
        gains = contrast(build(np.concatenate([own, losses]), 0, self.scope), relative=False)
        c = t_critical(float(ndtri(1 - EXPLODING_SHARE * (1 - self.confidence))), gains.dof)
        return np.asarray(gains.statistic(0.0) < -c)[1:]

    @property
    def bound_confidence(self) -> float:
        """The confidence left for the bounds: on each side what finding exploding candidates took is given up."""
        return 1 - (1 - self.confidence) * (1 - 2 * EXPLODING_SHARE * bool(self.exploding.any()))

    @cached_property
    def best(self) -> int:
        """Position of the lowest judged loss; the selected candidate, where it is no worse."""
        best = self.results.lowest(self.risk)
        return self.selected if tied(self.risk[self.selected], self.risk[best]) else best

    @cached_property
    def sample(self) -> Sample:
        """The contenders' differences from the selected one, which must be one of them."""
        losses = self.losses if self.contenders.all() else self.losses[self.contenders]
        place = int(self.contenders[: self.selected].sum())
        return build(losses, place, self.scope)

    @cached_property
    def pairs(self) -> float | None:
        """The critical value of all pairs, where the judged rows also selected the candidate."""
        if self.on_test or self.sample.count == 1 or self.losses.shape[2] < 2:
            return None
        return pair_critical_value(self.sample, (1 - self.confidence) / 2)

    @cached_property
    def members(self) -> Flags:
        """The confidence set: all candidates where none can be compared."""
        if not self.finite.any():
            return np.ones(len(self.finite), dtype=bool)
        own = self.finite[self.selected]
        sample = self.sample if own else build(self.losses[self.contenders], 0, self.scope)
        return self.from_contenders(confidence_set(sample, confidence=self.bound_confidence))

    def from_contenders(self, flags: Flags) -> Flags:
        """Flags of the contenders as flags of all, false for the others."""
        found = np.zeros(len(self.finite), dtype=bool)
        found[self.contenders] = flags
        return found
