"""Every candidate against one of them: is the difference certain, whatever else is compared?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from scipy.special import ndtri

from search.core.arrays import Array, Flags, Index
from search.verdict.multiplier import REACH, Errors, bonferroni, critical_value, normal_value, t_critical
from search.verdict.sample import Sample, of_differences

SCREENING_SHARE = 0.1
AT_ONCE = 64  # candidates whose covariances with all others are one product
DOFS = np.geomspace(1, 1e12, 400)


@dataclass(frozen=True, eq=False)
class Against:
    """Differences of some candidates, `others`, from candidate `base`, and their variance: of rows, of replicates.

    All have the shape (others,). `pair_rows` is the rows' part for a plain difference of two candidates, of which the
    degrees of freedom are.
    """

    sample: Sample
    base: int
    others: Index
    difference: Array
    rows: Array
    replicates: Array
    pair_rows: Array

    @cached_property
    def deviation(self) -> Array:
        """Standard error of every difference."""
        return np.sqrt(self.rows + self.replicates)

    @cached_property
    def statistic(self) -> Array:
        """The differences in standard errors; see `ratio`."""
        return ratio(self.difference, self.deviation)

    def least_dof(self, places: Index) -> Array:
        """What the degrees of freedom are not below, at no cost."""
        effective = self.sample.least_effective_rows(self.pair_rows[places], self.base, self.others[places])
        return self.sample.combined_dof(self.rows[places], self.replicates[places], effective)

    def dof(self, places: Index) -> Array:
        """Degrees of freedom at some places, which takes a walk over their rows."""
        return self.sample.dof(self.rows[places], self.replicates[places], self.base, self.others[places])

    def surely_above(self, normal: float, places: Index) -> Flags:
        """For which of these places the statistic is above a value on the normal scale even with the least dof."""
        return np.asarray(self.statistic[places] > t_at_most(normal, self.least_dof(places)))

    def heights(self, places: Index, beyond: float) -> Array:
        """Statistics on the normal scale; one not above 0 as it is, one surely above `beyond` by its least value.

        Student's t is above the normal value of the same probability, the more so the fewer its degrees of freedom.
        """
        statistic = self.statistic[places]
        found = np.array(statistic)
        positive = np.flatnonzero(statistic > 0)
        found[positive] = normal_value(statistic[positive], self.least_dof(places[positive]))
        unsure = positive[found[positive] <= beyond]
        found[unsure] = normal_value(statistic[unsure], self.dof(places[unsure]))
        return found

    def height(self, low: float, high: float) -> float:
        """The largest statistic on the normal scale, where that is between two values; else one on its side of them."""
        places = np.flatnonzero(self.statistic > low)
        if self.surely_above(high, places).any():
            return np.inf
        places = places[np.argsort(-self.statistic[places], kind="stable")]
        found = low
        for start in range(0, len(places), AT_ONCE):
            block = places[start : start + AT_ONCE]
            if self.statistic[block[0]] <= found:
                break
            found = max(found, float(self.heights(block, np.inf).max()))
        return found

    def beyond(self, heights: Array, errors: Errors, alpha: float) -> Flags:
        """Which values are above the critical value of all statistics at once, under "no h has a positive mean".

        It is that of `moved_down`. As the degrees of freedom that it asks for take long, it is first put between what
        it would be with endless ones and with the least ones.
        """
        certain, level = bonferroni(len(self.others), SCREENING_SHARE * alpha), 1 - (1 - SCREENING_SHARE) * alpha
        found = heights > bonferroni(len(self.others), 1 - level)
        unsure = ~found & (heights > ndtri(level))

        def above(shift: Array) -> Flags:
            between = float(heights[unsure].min()), float(heights[unsure].max())
            return unsure & (heights > critical_value(errors, shift, level, between))

        low = np.flatnonzero(self.statistic < -certain)
        if unsure.any():
            unsure = above(moved_down(self.statistic, low, certain))
        if not len(low):
            return found | unsure
        most = moved_down(self.statistic, low, t_at_most(certain, self.least_dof(low)))
        if unsure.any():
            sure = above(most)
            found, unsure = found | sure, unsure & ~sure
        if unsure.any():
            near = low[most[low] > -REACH]
            most[near] = moved_down(self.statistic, near, t_critical(certain, self.dof(near)))[near]
            found |= above(most)
        return found


def against(sample: Sample, bases: Index, others: Index | None = None) -> Iterator[Against]:
    """gain(h) - gain(base) for every h of `others` (all candidates), base by base."""
    others = np.arange(sample.count) if others is None else others
    taken = slice(sample.count) if len(others) == sample.count else others  # a slice copies no influences
    for start in range(0, len(bases), AT_ONCE):
        block = bases[start : start + AT_ONCE]
        for base, *parts in zip(block, *sample.covariances(block, taken), strict=True):
            rows, replicates = (
                of_differences(own[others], own[base], part) for own, part in zip(sample.variances, parts, strict=True)
            )
            difference = sample.gain[others] - sample.gain[base]
            yield Against(sample, int(base), others, difference, rows, replicates, rows)


def challenges(sample: Sample, alpha: float) -> Array:
    """How surely something is better than each candidate: the largest statistic of risk(k) - risk(h) over rivals h.

    On the normal scale, (candidates,), where that is between the values that decide at error probability alpha;
    elsewhere some value on the same side of them. Most of what is clearly worse is so already beside the best candidate
    of some group that errs alike; only the others are held against all rivals.
    """
    low, high = float(ndtri(1 - (1 - SCREENING_SHARE) * alpha)), bonferroni(sample.count, SCREENING_SHARE * alpha)
    found = np.zeros(sample.count)
    rivals = np.take_along_axis(sample.groups, sample.gain[sample.groups].argmax(axis=1)[:, None], axis=1).ravel()
    for each in against(sample, rivals):
        worse = replace(each, difference=-each.difference)
        places = np.flatnonzero((found == 0) & (worse.statistic > high))
        found[places[worse.surely_above(high, places)]] = np.inf
    for each in against(sample, np.flatnonzero(found == 0), sample.rivals):
        found[each.base] = each.height(low, high)
    return found


def moved_down(statistic: Array, low: Index, certain: float | Array) -> Array:
    """By how much each error is moved before the largest is taken, (candidates,), not above 0.

    A part of alpha goes into upper bounds of all means at once, `certain` standard errors above the estimate; where
    such a bound is below zero, that candidate's error is moved down by it (Romano, Shaikh, Wolf 2014, Econometrica 82,
    equations 4 to 8). `low` are the places where it can be; `certain` is one number, or one of each of these.
    """
    shift = np.zeros(len(statistic))
    shift[low] = np.minimum(statistic[low] + certain, 0.0)
    return shift


def t_at_most(normal: float, dof: Array) -> Array:
    """A value that `t_critical` does not exceed, from a table, which is faster."""
    return np.asarray(_table(normal)[np.searchsorted(DOFS, dof, side="right") - 1])


@lru_cache(maxsize=8)
def _table(normal: float) -> Array:
    return t_critical(normal, DOFS)


def ratio(value: Array, deviation: Array) -> Array:
    """The quotient value / deviation; without deviation 0 for no difference, signed infinity for a certain one."""
    certain = np.where(value == 0, 0.0, np.copysign(np.inf, value))
    return np.divide(value, deviation, out=certain, where=deviation > 0)
