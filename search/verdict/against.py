"""Every candidate against one of them: is the difference certain, whatever else is compared?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import ndtri

from search.core.arrays import Array, Flags, Index
from search.verdict.multiplier import REACH, Errors, bonferroni, critical_value, normal_value, t_critical
from search.verdict.sample import Sample

SCREENING_SHARE = 0.1
AT_ONCE = 64  # candidates whose covariances with all others are one product
DOFS = np.geomspace(1, 1e12, 400)


@dataclass(frozen=True, eq=False)
class Against:
    """Differences of all candidates from candidate `base`, (candidates,), and their variance: of rows, of replicates.

    `least_rows` is what the effective number of rows is not below.
    """

    sample: Sample
    base: int
    difference: Array
    rows: Array
    replicates: Array
    least_rows: Array

    @cached_property
    def deviation(self) -> Array:
        """Standard error of every difference."""
        return np.sqrt(self.rows + self.replicates)

    @cached_property
    def statistic(self) -> Array:
        """The differences in standard errors; see `ratio`."""
        return ratio(self.difference, self.deviation)

    @cached_property
    def least_dof(self) -> Array:
        """What the degrees of freedom are not below, at no cost."""
        return self.sample.combined_dof(self.rows, self.replicates, self.least_rows)

    def dof(self, places: Index) -> Array:
        """Degrees of freedom at some places, which takes a walk over their rows."""
        return self.sample.dof(self.rows[places], self.replicates[places], self.base, places)

    def heights(self, places: Index, beyond: float) -> Array:
        """Statistics on the normal scale; one not above 0 as it is, one surely above `beyond` by its least value.

        Student's t is above the normal value of the same probability, the more so the fewer its degrees of freedom.
        """
        statistic = self.statistic[places]
        found = np.array(statistic)
        positive = np.flatnonzero(statistic > 0)
        found[positive] = normal_value(statistic[positive], self.least_dof[places[positive]])
        unsure = positive[found[positive] <= beyond]
        found[unsure] = normal_value(statistic[unsure], self.dof(places[unsure]))
        return found

    def height(self) -> float:
        """The largest statistic on the normal scale; 0 where none is positive."""
        places = np.flatnonzero(self.statistic > 0)
        if not len(places):
            return 0.0
        least = normal_value(self.statistic[places], self.least_dof[places]).max()
        return float(self.heights(places[self.statistic[places] >= least], np.inf).max())

    def beyond(self, heights: Array, errors: Errors, alpha: float) -> Flags:
        """Which values are above the critical value of all statistics at once, under "no h has a positive mean".

        It is that of `moved_down`. As the degrees of freedom that it asks for take long, it is first put between what
        it would be with endless ones and with the least ones.
        """
        certain, level = bonferroni(self.sample.count, SCREENING_SHARE * alpha), 1 - (1 - SCREENING_SHARE) * alpha
        found = heights > bonferroni(self.sample.count, 1 - level)
        unsure = ~found & (heights > ndtri(level))

        def above(shift: Array) -> Flags:
            between = float(heights[unsure].min()), float(heights[unsure].max())
            return unsure & (heights > critical_value(errors, shift, level, between))

        low = np.flatnonzero(self.statistic < -certain)
        if unsure.any():
            unsure = above(moved_down(self.statistic, low, certain))
        if not len(low):
            return found | unsure
        most = moved_down(self.statistic, low, t_at_most(certain, self.least_dof[low]))
        if unsure.any():
            sure = above(most)
            found, unsure = found | sure, unsure & ~sure
        if unsure.any():
            near = low[most[low] > -REACH]
            most[near] = moved_down(self.statistic, near, t_critical(certain, self.dof(near)))[near]
            found |= above(most)
        return found


def against(sample: Sample, bases: Index) -> Iterator[Against]:
    """gain(h) - gain(base) for every h, base by base."""
    for start in range(0, len(bases), AT_ONCE):
        block = bases[start : start + AT_ONCE]
        for base, *parts in zip(block, *sample.covariances(block), strict=True):
            rows, replicates = sample.pair_variances(base, parts)
            least = sample.least_effective_rows(rows[:-1], base)
            difference = sample.gain[:-1] - sample.gain[base]
            yield Against(sample, int(base), difference, rows[:-1], replicates[:-1], least)


def challenges(sample: Sample, beyond: float) -> Array:
    """How surely something is better than each candidate: the largest statistic of risk(k) - risk(h) over all h.

    On the normal scale, (candidates,); where the candidate with the lowest mean is better by more than `beyond`, the
    others are not looked at.
    """
    [best] = against(sample, np.array([sample.gain[:-1].argmax()]))
    found = replace(best, difference=-best.difference).heights(np.arange(sample.count), beyond)
    for each in against(sample, np.flatnonzero(found <= beyond)):
        found[each.base] = each.height()
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
    return np.asarray(t_critical(normal, DOFS)[np.searchsorted(DOFS, dof, side="right") - 1])


def ratio(value: Array, deviation: Array) -> Array:
    """The quotient value / deviation; without deviation 0 for no difference, signed infinity for a certain one."""
    certain = np.where(value == 0, 0.0, np.copysign(np.inf, value))
    return np.divide(value, deviation, out=certain, where=deviation > 0)
