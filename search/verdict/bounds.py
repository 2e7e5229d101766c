"""Bounds of the regret: how much risk does the selected candidate lose against the truly best one?

The regret is the largest of the gains theta_h = risk(selected) - risk(h), and the two bounds differ in kind.

Upper. Let h* be the best candidate. max over h of (gain_h + c se_h) >= gain_h* + c se_h*, so it is below theta_h* no
more often than one single t interval fails: the quantile c of one difference is enough, whatever the number of
candidates (the intersection-union principle, Berger 1982, Technometrics 24). Nothing has to be simultaneous.

Lower. max over h of (gain_h - c se_h) fails as soon as any candidate's gain is overrated, so c must bound all errors
at once: the multiplier bootstrap of their maximum. Candidates that are clearly worse than the regret in question
cannot be the one, so their errors are moved down by as much as is certain before the maximum is taken (Romano,
Shaikh, Wolf 2014, Econometrica 82, with their split alpha / 10 of the error probability for "certain").

Both bounds are those of the test theta_h <= t, solved for t. For the relative regret, theta_h / risk(selected), it is
the test of risk(selected) - risk(h) - t risk(selected) <= 0 (Fieller 1954), so that the uncertain denominator counts.

Where the judged rows also selected the candidate (no test rows), no candidate is given beforehand, and both bounds use
the critical value of all pairs of candidates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from search.core.arrays import Array, Flags, Index
from search.verdict.against import SCREENING_SHARE, moved_down, ratio
from search.verdict.multiplier import (
    ALIKE,
    DRAWS,
    Draws,
    Errors,
    alike,
    bonferroni,
    critical_value,
    quantile,
    t_critical,
)
from search.verdict.sample import Sample, degrees_of_freedom, effective

STEPS = 4
SCANNED = 32
BISECTIONS = 25
CLOSE = 16  # candidates of a group, where each is looked at beside its neighbours too


@dataclass(frozen=True, slots=True)
class Bounds:
    """A lower and an upper bound; they hold together with the confidence that was asked for."""

    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Contrast:
    """gain_h - t * scale, for every candidate h and any t: what a bound is solved from.

    `gain`, `variance`, `covariance` (with the scale), `dof` have shape (candidates,). Absolute regret: the scale is 1.
    Relative regret: the scale is the selected candidate's mean loss. `dof` are those of the gain; `dof_at` those of the
    contrast at any t, where rows alone are a sample.
    """

    gain: Array
    variance: Array
    covariance: Array
    dof: Array
    scale: float
    scale_variance: float
    dof_at: Callable[[float | Array], Array] | None = None

    def deviation(self, t: float | Array) -> Array:
        """Standard error of gain - t * scale."""
        return np.sqrt(np.maximum(self.variance - 2 * t * self.covariance + t * t * self.scale_variance, 0.0))

    def statistic(self, t: float) -> Array:
        """(gain - t * scale) / its standard error; infinite where a difference is certain, 0 where it is none."""
        return ratio(self.gain - t * self.scale, self.deviation(t))

    def low(self, c: Array) -> Array:
        """Smallest t >= 0 with statistic(t) <= c, for every candidate."""
        a, b, d = self._quadratic(c)
        above = (self.gain > 0) & (d > 0)
        root = b + np.sqrt(np.maximum(b * b - a * d, 0.0))
        return np.divide(d, root, out=np.zeros_like(d), where=above & (root > 0))

    def high(self, normal: float) -> Array:
        """Largest t >= 0 with statistic(t) >= -c, or 0, for every candidate; c is Student's, with this normal value.

        Infinite where the scale itself may be zero.
        """
        if self.dof_at is not None and self.scale_variance > 0:
            return self._searched_high(normal)
        c = t_critical(normal, self.dof)
        a, b, d = self._quadratic(c)
        root = b + np.sqrt(np.maximum(b * b - a * d, 0.0))
        high = np.divide(root, a, out=np.full_like(d, np.inf), where=a > 0)
        return np.where(self.gain + c * np.sqrt(self.variance) <= 0, 0.0, high)

    def _searched_high(self, normal: float) -> Array:
        """The same by a scan and bisection, where c depends on t: infinite where t = 1 itself is not rejected.

        A loss that is never negative cannot be regretted by more than all of it. 0 for a candidate that is surely no
        better: then it is none by any share.
        """

        def stands(t: Array) -> Flags:
            assert self.dof_at is not None
            c = t_critical(normal, self.dof_at(t))
            return np.asarray(self.gain - t * self.scale + c * self.deviation(t) > 0)

        scanned = np.array([stands(np.full_like(self.gain, t)) for t in np.linspace(0, 1, SCANNED + 1)])
        nothing, everything = ~scanned[0], scanned[-1]
        last = SCANNED - scanned[::-1].argmax(axis=0)  # the last of the scanned that stands
        low, high = last / SCANNED, np.minimum(last + 1, SCANNED) / SCANNED
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            over = stands(middle)
            low, high = np.where(over, middle, low), np.where(over, high, middle)
        return np.where(nothing, 0.0, np.where(everything, np.inf, high))

    def _quadratic(self, c: Array) -> tuple[Array, Array, Array]:
        """(gain - t scale)^2 = c^2 variance(t), as a t^2 - 2 b t + d = 0."""
        a = self.scale**2 - c**2 * self.scale_variance
        b = self.gain * self.scale - c**2 * self.covariance
        return a, b, self.gain**2 - c**2 * self.variance


def contrast(sample: Sample, *, relative: bool) -> Contrast:
    """The gains over the selected candidate, on the scale of the loss or of the selected candidate's risk."""
    parts, covariances = sample.variances, sample.with_risk
    variance = parts[0][:-1] + parts[1][:-1]
    return Contrast(
        gain=sample.gain[:-1],
        variance=variance,
        covariance=covariances[0][:-1] + covariances[1][:-1] if relative else np.zeros_like(variance),
        dof=sample.dof(parts[0][:-1], parts[1][:-1]),
        scale=float(sample.gain[-1]) if relative else 1.0,
        scale_variance=float(parts[0][-1] + parts[1][-1]) if relative else 0.0,
        dof_at=_dof_at(sample) if relative and not sample.replicates.shape[1] else None,
    )


def _dof_at(sample: Sample) -> Callable[[float | Array], Array]:
    """Degrees of freedom of gain - t * risk(selected) for any t (a number, or one of each candidate), see `Sample.dof`.

    The sums of squares and of fourth powers over rows are polynomials in t.
    """
    d2, d1_o1, d4, d3_o1, d2_o2, d1_o3 = (power[:-1] for power in sample.powers)
    o2, o4 = sample.powers.d2[-1], sample.powers.d4[-1]

    def dof(t: float | Array) -> Array:
        second = d2 - 2 * t * d1_o1 + t**2 * o2
        fourth = d4 - 4 * t * d3_o1 + 6 * t**2 * d2_o2 - 4 * t**3 * d1_o3 + t**4 * o4
        return degrees_of_freedom(effective(second, fourth, sample.row_count), sample.row_count)

    return dof


def regret_bounds(
    sample: Sample, *, confidence: float, relative: bool, pairs: float | None = None, capped: Sample | None = None
) -> Bounds:
    """Bounds of the regret, or of the regret relative to the selected candidate's risk, at joint `confidence`.

    Each side has half of the error probability. The lower bound is never below 0; the upper one is infinite with a
    single row. `pairs` is the critical value of all pairs (see `pair_critical_value`), where the rows also selected.
    The upper bound is that of `capped`, where it is given: losses that are nowhere above those of `sample`, and the
    same for the selected candidate. Their gains are no smaller: what bounds the largest of them bounds the regret.
    """
    if sample.count == 1:
        return Bounds(0.0, 0.0)
    if sample.row_count < 2:
        return Bounds(0.0, np.inf)
    alpha = (1 - confidence) / 2
    gains = contrast(sample, relative=relative)
    highest = gains if capped is None else contrast(capped, relative=relative)
    upper = highest.high(pairs if pairs is not None else float(ndtri(1 - alpha)))
    if pairs is not None:
        return Bounds(float(gains.low(t_critical(pairs, gains.dof)).max()), float(upper.max()))
    return Bounds(_lower(sample, gains, alpha), float(upper.max()))


def _lower(sample: Sample, gains: Contrast, alpha: float) -> float:
    """The smallest regret that the test does not reject, approached from below.

    The critical value falls as t rises, so whatever the test with c(t) rejects beyond t is rejected: each step is
    valid by itself.
    """
    t = 0.0
    for _ in range(STEPS):
        statistic = gains.statistic(t)
        if statistic.max() <= t_critical(float(ndtri(1 - alpha)), gains.dof)[statistic.argmax()]:
            break
        scale = sample.risk_draws if gains.scale_variance > 0 else np.zeros_like(sample.risk_draws)
        errors = Errors(sample.draws, t * scale, gains.deviation(t))
        c = screened_critical_value(errors, statistic, gains.dof, alpha)
        step = float(gains.low(c).max())
        if step <= t:
            break
        t = step
    return t


def screened_critical_value(errors: Errors, statistic: Array, dof: Array, alpha: float) -> Array:
    """Critical values (candidates,) of statistic(h), at once for all h, under "no h has a positive mean".

    Candidates that surely have a negative one are moved down, see `moved_down`.
    """
    certain = bonferroni(len(statistic), SCREENING_SHARE * alpha)
    low = np.flatnonzero(statistic < -certain)
    shift = moved_down(statistic, low, t_critical(certain, dof[low]))
    return t_critical(critical_value(errors, shift, 1 - (1 - SCREENING_SHARE) * alpha), dof)


def pair_critical_value(sample: Sample, alpha: float) -> float:
    """The (1 - alpha) quantile, on the normal scale, of the largest error over all pairs of rivals.

    Whichever candidate is the best, and whichever was picked, theirs is one of these pairs, or hardly differs from one.
    """
    rivals, draws = sample.rivals, sample.rival_draws.values
    deviations = sample.pair_deviations(rivals)
    found = np.full(DRAWS, float(ndtri(1 - alpha)), dtype=draws.dtype)

    def look_at(groups: Index) -> None:
        own = Draws(draws, groups)
        for place, group in enumerate(groups):
            own.raise_to_pairs(place, deviations[group], found)
            np.maximum(found, quantile(found, 1 - alpha), out=found)  # what is below it changes nothing any more

    groups = alike(sample.sketch[rivals], CLOSE)
    look_at(groups[:: -(-len(groups) // ALIKE), 0][None])  # from the value of a few pairs on, most need no look
    look_at(groups)
    return max(float(ndtri(1 - alpha)), quantile(found, 1 - alpha))
