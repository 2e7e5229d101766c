"""Losses -> paired differences from the selected candidate, and what each row and replicate contributes to them.

Every figure of the verdict is a linear function of mean losses, so one table serves them all: the mean difference of
each candidate from the selected one (its `gain`), and its influences: how far each row moves that mean. Variances
and covariances of any comparison are sums of products of influences.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from search.core.arrays import Array, Flags, Index
from search.core.groups import summed
from search.core.means import candidate_means, row_means
from search.verdict.multiplier import row_draws
from search.verdict.record import Scope

CANCELLATION = 1e-13  # differences below this share of what is subtracted are rounding
LEAST_DOF = 2.0
CACHED = 2**15  # numbers that a processor's cache holds while they are walked several times
DEPENDENCE = 1.3  # of standard errors in a rotation, see `build`


@dataclass(frozen=True)
class Sample:
    """Gains over the selected candidate, loss(selected) - loss(h), with their influences.

    `gain` (candidates + 1,), `rows` (candidates + 1, rows; more columns for 0/1 losses, see `build`), `replicates`
    (candidates + 1, replicates, or 0 where the fitted models are taken as given). The last entry stands for a candidate
    that never loses anything: its gain is the selected candidate's own risk. `selected` is the selected candidate's
    place. Scaled so that covariance of gains = rows @ rows.T + replicates @ replicates.T. `rotated`: the rows took
    turns as test rows.
    """

    gain: Array
    rows: Array
    replicates: Array
    selected: int
    row_count: int
    rotated: bool = False

    @property
    def count(self) -> int:
        """The number of candidates."""
        return len(self.gain) - 1

    @property
    def risk(self) -> Array:
        """Mean loss of every candidate."""
        return np.asarray(self.gain[-1] - self.gain[:-1])

    @cached_property
    def gram(self) -> tuple[Array, Array]:
        """Covariances of the gains, (candidates + 1, candidates + 1): from the rows, and from the replicates."""
        if not self.replicates.shape[1]:  # zeros that take no room
            return self.rows @ self.rows.T, np.broadcast_to(0.0, (len(self.rows), len(self.rows)))
        return self.rows @ self.rows.T, self.replicates @ self.replicates.T

    @cached_property
    def draws(self) -> Array:
        """Gaussian draws of the gains' errors, (candidates + 1, draws), with just that covariance."""
        return row_draws(self.rows, self.replicates)

    def pair_variances(self, base: int) -> tuple[Array, Array]:
        """Variance of gain(h) - gain(base) for every h, shape (candidates + 1,): from the rows, from the replicates.

        What is below rounding of the two variances themselves is zero: candidates with the same losses.
        """
        return self._pair_variances(0, base), self._pair_variances(1, base)

    def _pair_variances(self, part: int, base: int) -> Array:
        gram = self.gram[part]
        size = np.diagonal(gram) + gram[base, base]
        variance: Array = size - 2 * gram[base]
        return np.where(variance > CANCELLATION * size, variance, 0.0)

    def dof(self, rows: Array, replicates: Array, base: int | None = None, only: Index | None = None) -> Array:
        """Degrees of freedom of the variance of gain(h) - gain(base), with these two parts; of gain(h) without a base.

        `only` some h, where the parts are those of these. Of the rows' part by `degrees_of_freedom`, of a sum of both
        by Satterthwaite's formula (1946).
        """
        most = max(self.row_count - 1.0, 1.0)
        own = degrees_of_freedom(self.effective_rows(base, only), self.row_count)
        if self.replicates.shape[1] == 0:
            return own
        total = (rows + replicates) ** 2
        spread = rows**2 / own + replicates**2 / (self.replicates.shape[1] - 1.0)
        return np.asarray(np.divide(total, spread, out=np.full(np.shape(rows), most), where=spread > 0))

    def effective_rows(self, base: int | None = None, only: Index | None = None) -> Array:
        """How many rows carry the difference of each candidate from `base` (the selected one), (candidates,).

        See `effective`, of the rows' influences; of `only` some candidates, in their order.
        """
        places = np.arange(self.count) if only is None else only
        second, fourth = np.empty(len(places)), np.empty(len(places))
        step = max(1, CACHED // self.rows.shape[1])
        for start in range(0, len(places), step):
            block = slice(start, start + step)
            squares = self.rows[places[block]]
            if base is not None:
                squares -= self.rows[base]
            np.square(squares, out=squares)
            second[block], fourth[block] = squares.sum(axis=1), np.einsum("hi,hi->h", squares, squares)
        return effective(second, fourth, self.row_count)


def effective(squares: Array, fourth: Array, rows: int) -> Array:
    """(sum of d^2)^2 / sum of d^4, from these sums over the rows' deviations d; all rows where nothing varies.

    All rows where they deviate alike, a third of them where they are normal, 1 where a single row does all (Kish's
    effective size of the weights d^2; the rows over their kurtosis).
    """
    found = np.full(np.shape(squares), float(rows))
    return np.asarray(np.divide(np.square(squares), fourth, out=found, where=fourth > 0))


def degrees_of_freedom(effective_rows: Array, rows: int) -> Array:
    """Degrees of freedom of a variance over `rows` rows: their effective number less one, and 2 or more.

    A mean that few rows carry is as uncertain as if there were no others. Satterthwaite's 2 / (1 / e - 1 / rows), which
    allows for the variance's own variance alone and not for the skewness that goes with it, is twice as large; with it
    bounds failed on skewed tables, and with rows - 1 on more of them (tests/calibration).
    """
    most = max(rows - 1.0, 1.0)
    return np.asarray(np.clip(np.asarray(effective_rows) - 1.0, min(LEAST_DOF, most), most))


def build(losses: Array, selected: int, scope: Scope, *, rotated: bool = False, groups: Index | None = None) -> Sample:
    """The sample of finite losses (candidates, replicates, rows); NaN where a fit did not hold out that row.

    A mean is over all held-out entries. Scope "models": rows are the sample, each entering with all its replicates.
    Scope "procedure" (with two replicates or more; else as "models"): rows and replicates are two crossed samples, and
    an entry belongs to both, so that variance = V_rows + V_replicates, where V_rows = n / (n - 1) * sum over the n rows
    of (the row's centred entries, summed and divided by the number of all entries)^2, and the like for V_replicates.
    In a full layout of effects with variances A (replicates), B (rows) and E (one entry), with R replicates and n rows,
    its expectation is A / R + B / n + 2 E / (R n): the truth plus E / (R n). The pigeonhole bootstrap, which draws rows
    and replicates with replacement, has 3 E / (R n) (Owen 2007, Annals of Applied Statistics 1): the same idea, once
    less cautious, and without resampling.

    Losses of 0 and 1 (right or wrong) agree on most rows, and a few rows that happen to agree do not make two models
    the same. So each pair of candidates gets two more rows that disagree, one either way, in its variance (Bonett and
    Price 2012, Journal of Educational and Behavioral Statistics 37): one pseudo-row of 1 / n to each candidate.

    In a rotation (`rotated`) rows take turns as test rows, and the models of different turns share most of their
    training rows. The variance over rows is then right for large samples where the training is stable (Bayle, Bayle,
    Janson, Mackey 2020, arXiv 2007.12671) and too small where what is compared is relatively unstable, such as two
    lassos (Bayle, Janson, Mackey 2025, arXiv 2508.04409). Standard errors are widened by `DEPENDENCE` for it, a figure
    that the calibration gave (tests/calibration).

    With `groups` (rows,) the sample is the groups of rows: a row of the result is then a group, which enters with the
    sum of its rows' centred entries. So the mean stays that over rows, as a ratio of two sums over groups, and groups
    may differ in size (Cochran 1977, Sampling Techniques, section 6.3).
    """
    held = ~np.isnan(losses)
    entries = held.sum(axis=(1, 2))
    means = candidate_means(losses)
    rows = _influence(losses, held, means, axis=1, groups=groups) / entries[:, None]
    row_count = rows.shape[1]
    if _zero_one(losses, held):
        unit = 1.0 if groups is None else _together(losses, groups)
        rows = np.concatenate([rows, unit / losses.shape[2] * np.eye(len(losses))], axis=1)
    replicates = np.zeros((len(losses), 0))
    if scope == "procedure" and losses.shape[1] > 1:
        replicates = _influence(losses, held, means, axis=2) / entries[:, None]
    if rotated:
        rows, replicates = DEPENDENCE * rows, DEPENDENCE * replicates
    gain = means[selected] - means
    gain = np.where(np.abs(gain) > CANCELLATION * np.abs(means), gain, 0.0)
    return Sample(
        gain=np.append(gain, means[selected]),
        rows=_paired(rows, selected),
        replicates=_paired(replicates, selected),
        selected=selected,
        row_count=row_count,
        rotated=rotated,
    )


def _zero_one(losses: Array, held: Flags) -> bool:
    """Whether all losses are 0 or 1, and both occur."""
    if not ((losses[0] == 0) | (losses[0] == 1) | ~held[0]).all():
        return False
    ones = losses == 1
    return bool(ones.any() and (losses == 0).any() and (ones | (losses == 0) | ~held).all())


def _together(losses: Array, groups: Index) -> float:
    """In how many rows of its group, on average, a wrong row is wrong: 1 where each row is a group."""
    wrong = summed(row_means(losses), groups)
    return max(1.0, float(np.square(wrong).sum() / wrong.sum()))


def _influence(losses: Array, held: Flags, means: Array, axis: int, groups: Index | None = None) -> Array:
    """Centred entries summed over `axis`, (candidates, the other axis), with the n / (n - 1) of a sample variance."""
    total: Array = losses.sum(axis=axis, where=held, dtype=np.float64)
    total -= held.sum(axis=axis) * means[:, None]
    total = total if groups is None else summed(total, groups)
    size = total.shape[1]
    total *= np.sqrt(size / max(size - 1, 1))
    return total


def _paired(influence: Array, selected: int) -> Array:
    """Influences of the gains over the selected candidate, and of that candidate's own risk as the last one."""
    return np.concatenate([influence[selected] - influence, influence[[selected]]])
