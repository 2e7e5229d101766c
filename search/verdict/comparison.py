"""The paired comparison that every part of a verdict is read from: computed once, for the verdict and its figures."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from search.core.arrays import Array, Flags, Index
from search.core.candidate import Candidate
from search.core.choice import tied
from search.core.errors import UserError
from search.core.evidence import Evidence
from search.core.means import candidate_means, packed
from search.core.results import Results, join
from search.verdict.against import challenges
from search.verdict.bounds import contrast, pair_critical_value
from search.verdict.confidence_set import confidence_set
from search.verdict.inputs import cleaned
from search.verdict.multiplier import Errors, critical_value, t_critical
from search.verdict.record import Scope
from search.verdict.rotation import complete, picked_losses, picks
from search.verdict.sample import Sample, build

if TYPE_CHECKING:
    from search.core.snapshot import Snapshot

CAP_FACTOR = 10.0
MOST_CONFIDENCE = 0.999999
EXPLODING_SHARE = 0.05
THIN_ROWS = 2.0


@dataclass(frozen=True, eq=False)
class Comparison:
    """The judged candidates against the selected one (its position), with what is known beside their losses.

    `results` are those that were tried, cleaned (`search.verdict.inputs`). Compared are they and the evidence's dense
    grid. The judged losses are those of the test rows; in a rotation those of all rows, each judged by a turn that had
    not seen it; without either those of the validation rows.

    `given` makes a rotation of arrays: for each test row the position that was picked without it, (1, test rows).
    """

    results: Results
    selected: int
    confidence: float = 0.95
    tolerance: float = 0.01
    scope: Scope = "models"
    evidence: Evidence = field(default_factory=Evidence)
    given: Index | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.selected < len(self.results):
            last = len(self.results) - 1
            raise UserError(f"judge: selected is {self.selected}; valid are the positions 0 to {last} of candidates")
        if not 0.5 <= self.confidence <= MOST_CONFIDENCE:
            raise UserError(
                f"judge: confidence is {self.confidence}; valid is a share from 0.5 to {MOST_CONFIDENCE}, such as 0.95"
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
        if study.unconfirmed:
            raise UserError(f"study {study.name!r} was stopped before its rotation was complete; run it again")
        return cls(cleaned(study.results), study.selected, confidence, tolerance, scope, study.evidence)

    # What is compared, and on which losses

    @cached_property
    def compared(self) -> Results:
        """The tried candidates, and after them those of the dense grid that were not tried; these have trial -1."""
        grid, tried = self.evidence.grid, self.results
        if grid is None or (tried.test is None) != (grid.test is None):
            return tried
        new = [place for place, each in enumerate(grid.candidates) if each not in tried.position]
        if not new:
            return tried
        fresh = cleaned(grid.take(new))
        if fresh.validation.shape[1:] != tried.validation.shape[1:]:
            return tried
        both = join([replace(tried, trial=tried.trials), replace(fresh, trial=np.full(len(fresh), -1))])
        return cleaned(both)  # once more: what all of the new ones lack, the tried ones may have

    @cached_property
    def inner(self) -> Results | None:
        """The evidence that makes this a rotation, cleaned, in the order of `results`; not beside test rows."""
        if self.evidence.inner is None or self.given is not None or self.results.test is not None:
            return None
        found = complete(self.evidence.inner, self.results)
        return None if found is None else cleaned(found)

    @cached_property
    def picked(self) -> Index | None:
        """In a rotation the position that was picked for each replicate (replicates, 1) or each row (1, rows)."""
        if self.given is not None:
            return self.given
        found = None if self.inner is None else picks(self.results, self.inner)
        return None if found is None else found[:, None]

    @property
    def rotated(self) -> bool:
        """Whether the judged rows took turns as test rows."""
        return self.picked is not None

    @property
    def on_test(self) -> bool:
        """Whether the judged rows are test rows."""
        return self.results.test is not None or self.rotated

    @property
    def losses(self) -> Array:
        """The judged losses, (compared candidates, replicates, rows)."""
        return self.compared.validation if self.compared.test is None else self.compared.test

    @property
    def groups(self) -> Index | None:
        """The groups of the judged rows, (rows,), which are then the sample; None where each row stands for itself."""
        return self.compared.validation_groups if self.compared.test is None else self.compared.test_groups

    @cached_property
    def units(self) -> int:
        """The size of the sample: judged rows, or their groups."""
        return self.losses.shape[2] if self.groups is None else len(np.unique(self.groups))

    @property
    def risk(self) -> Array:
        """Mean judged loss of every compared candidate; infinite where a fit diverged."""
        test = self.compared.test_loss
        return self.compared.validation_loss if test is None else test

    @cached_property
    def pooled(self) -> Array:
        """The same losses as differences are made of: `packed` in a rotation, where a replicate is no sample."""
        return packed(self.losses, self._held) if self.rotated else self.losses

    @cached_property
    def _held(self) -> Flags:
        """Which entries of the judged losses each candidate has, (replicates, rows)."""
        return np.asarray(~np.isnan(self.losses[0]))

    @cached_property
    def own_losses(self) -> Array:
        """The `pooled` losses of the selected candidate, or of what each turn picked, (1, replicates, rows)."""
        return self.pooled[[self.selected]] if self.picked is None else packed(self._picked_losses, self._held)

    @property
    def _picked_losses(self) -> Array:
        return self.losses[[self.selected]] if self.picked is None else picked_losses(self.losses, self.picked)

    @cached_property
    def own_risk(self) -> float:
        """The mean of `own_losses`."""
        return float(candidate_means(self._picked_losses)[0])

    @cached_property
    def finite(self) -> Flags:
        """Which candidates can be compared; the others are certainly not the best."""
        return np.isfinite(self.risk)

    @property
    def comparable(self) -> bool:
        """Whether the selected candidate (in a rotation: everything that was picked) has finite losses."""
        return bool(self.finite[self.selected] and np.isfinite(self.own_risk))

    @cached_property
    def contenders(self) -> Flags:
        """Which candidates the bounds compare: not those that diverged, and not those that explode."""
        return self.finite & ~self.exploding

    @cached_property
    def exploding(self) -> Flags:
        """Which candidates are certainly worse than the selected one, although their means do not say so.

        Their capped losses (see `capped`) have means that are never above their own; where even these are significantly
        above the selected one's, they cannot be the best. Only the truly best candidate must survive: one t test at
        `EXPLODING_SHARE` of the error probability, which sets and intervals give up.
        """
        exploding = np.zeros(len(self.finite), dtype=bool)
        if not (self.on_test and self.comparable and np.isfinite(self.cap)):
            return exploding
        if self.units > 1:
            own = self.own_losses
            suspects = np.flatnonzero(self.finite)
            suspects = suspects[self._over_cap(own)[suspects] & ~self._worse(self.whole)[-len(suspects) :]]
            suspects = suspects[suspects != self.selected]
            capped = np.minimum(self.pooled[suspects], own + self.cap)
            exploding[suspects] = self._worse(self.sample_of(np.concatenate([own, capped]), 0))[1:]
        return exploding

    def _worse(self, sample: Sample) -> Flags:
        """Which candidates of a sample are significantly worse than its selected one."""
        gains = contrast(sample, relative=False)
        c = t_critical(float(ndtri(1 - EXPLODING_SHARE * (1 - self.confidence))), gains.dof)
        return np.asarray(gains.statistic(0.0) < -c)

    @property
    def bound_confidence(self) -> float:
        """The confidence left for sets and intervals: what finding exploding candidates took is given up."""
        return 1 - (1 - self.confidence) * (1 - 2 * EXPLODING_SHARE * bool(self.exploding.any()))

    @cached_property
    def best(self) -> int:
        """Position of the lowest judged loss; the selected candidate, where it is no worse."""
        best = self.compared.lowest(self.risk)
        return self.selected if tied(self.risk[self.selected], self.risk[best]) else best

    # Their differences

    def sample_of(self, losses: Array, place: int) -> Sample:
        """Differences from the candidate at that place, with what rows and replicates contribute to them."""
        scope: Scope = "models" if self.rotated else self.scope
        return build(losses, place, scope, rotated=self.rotated, groups=self.groups)

    @property
    def _finite_losses(self) -> Array:
        """The `pooled` losses of the finite candidates; no copy where that is all of them."""
        return self.pooled if self.finite.all() else self.pooled[self.finite]

    @cached_property
    def whole(self) -> Sample:
        """The finite candidates' differences from the selected one; in a rotation from what was picked, at place 0."""
        if self.rotated:
            return self.sample_of(np.concatenate([self.own_losses, self._finite_losses]), 0)
        return self.sample_of(self._finite_losses, int(self.finite[: self.selected].sum()))

    @cached_property
    def fixed(self) -> Sample:
        """The contenders' differences from the selected one, which must be one of them."""
        if not self.rotated and not self.exploding.any():
            return self.whole
        losses = self.pooled if self.contenders.all() else self.pooled[self.contenders]
        return self.sample_of(losses, int(self.contenders[: self.selected].sum()))

    @cached_property
    def sample(self) -> Sample:
        """What the regret is read from: `fixed`; in a rotation the contenders' differences from what was picked.

        What was picked then stands before them, at place 0.
        """
        if not self.rotated:
            return self.fixed
        if not self.exploding.any():
            return self.whole
        return self.sample_of(np.concatenate([self.own_losses, self.pooled[self.contenders]]), 0)

    @cached_property
    def capped(self) -> Sample:
        """The finite candidates' differences from what the regret is that of, no loss above its own by more than K.

        A candidate that explodes on single rows has a mean that no number of rows pins down, and would leave every
        upper bound open. Capped row by row its loss is never larger, and bounds the regret as well. K comes from the
        validation rows, so the bound is valid whatever the tails.
        """
        if not self.rotated:
            return self.fixed_capped
        own = self.own_losses
        if not self._over_cap(own)[self.finite].any():
            return self.whole
        return self.sample_of(np.concatenate([own, np.minimum(self._finite_losses, own + self.cap)]), 0)

    @cached_property
    def fixed_capped(self) -> Sample:
        """`capped` for the regret of the selected candidate itself."""
        own = self.pooled[[self.selected]]
        if not self.exploding.any() and not self._over_cap(own)[self.finite].any():
            return self.fixed
        losses = np.minimum(self._finite_losses, own + self.cap)
        return self.sample_of(losses, int(self.finite[: self.selected].sum()))

    def _over_cap(self, own: Array) -> Flags:
        """Which candidates have a loss that is cut, beside these losses (1, replicates, rows)."""
        return np.asarray((self.pooled > own + self.cap).any(axis=(1, 2)))

    @property
    def cap(self) -> float:
        """By how much a loss may be above the selected candidate's before it is cut: a multiple of a mean loss."""
        return CAP_FACTOR * float(candidate_means(np.abs(self.results.validation[[self.selected]]))[0])

    @cached_property
    def pairs(self) -> float | None:
        """The critical value of all pairs, where the judged rows also selected the candidate."""
        return None if self.on_test else self.fixed_pairs

    @cached_property
    def fixed_pairs(self) -> float | None:
        """The critical value of all pairs, for a candidate that was picked on the judged rows; None without pairs."""
        if self.fixed.count == 1 or self.units < 2:
            return None
        return pair_critical_value(self.fixed, (1 - self.bound_confidence) / 2)

    def surely_better(self) -> Candidate | None:
        """The lowest judged loss of the candidates that are surely better, for all at once; None without one."""
        gains = contrast(self.sample, relative=False)
        errors = Errors(self.sample.draws, np.zeros_like(self.sample.risk_draws), gains.deviation(0.0))
        c = t_critical(critical_value(errors, np.zeros(self.sample.count), self.confidence), gains.dof)
        sure = self.from_contenders((gains.gain > c * gains.deviation(0.0))[-int(self.contenders.sum()) :])
        return self.compared.candidates[int(np.where(sure, self.risk, np.inf).argmin())] if sure.any() else None

    @cached_property
    def thin(self) -> float | None:
        """How many rows carry the difference that the answer hangs on, where these are too few to bound anything.

        The answer hangs on the candidate that the regret's upper bound comes from.
        """
        if not self.comparable or self.sample.count < 2 or self.units < 2:
            return None
        high = contrast(self.capped, relative=False).high(float(ndtri((1 + self.confidence) / 2)))
        rows = float(self.capped.effective_rows()[high.argmax()])
        return rows if high.max() > 0 and rows < min(THIN_ROWS, self.units / 2) else None

    @cached_property
    def members(self) -> Flags:
        """The confidence set: all candidates where none can be compared."""
        if not self.finite.any():
            return np.ones(len(self.finite), dtype=bool)
        if self.finite[self.selected]:
            return self.from_contenders(
                confidence_set(self.fixed, confidence=self.bound_confidence, heights=self.challenges)
            )
        sample = self.sample_of(self.pooled[self.contenders], 0)
        return self.from_contenders(confidence_set(sample, confidence=self.bound_confidence))

    @cached_property
    def challenges(self) -> Array | None:
        """How surely some contender is better than each of them, see `challenges`; None with a single row."""
        return None if self.units < 2 else challenges(self.fixed, 1 - self.bound_confidence)

    def from_contenders(self, flags: Flags) -> Flags:
        """Flags of the contenders as flags of all, false for the others."""
        found = np.zeros(len(self.finite), dtype=bool)
        found[self.contenders] = flags
        return found
