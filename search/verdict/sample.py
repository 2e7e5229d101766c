"""Losses -> paired differences from the selected candidate, and what each row and replicate contributes to them.

Every figure of the verdict is a linear function of mean losses, so one table serves them all: the mean difference of
each candidate from the selected one (its `gain`), and its influences: how far each row moves that mean. Variances
and covariances of any comparison are sums of products of influences.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from search.core.arrays import Array, Flags, Index, blocks
from search.core.groups import summed
from search.core.means import candidate_means, row_means
from search.verdict.multiplier import ALIKE, Draws, alike, row_draws, row_multipliers
from search.verdict.record import Scope

CANCELLATION = 1e-13  # differences below this share of what is subtracted are rounding
LEAST_DOF = 2.0
RIVALS = 1024  # candidates up to which all are compared with all
LANDMARKS = 32  # candidates that others are placed by
DEPENDENCE = 1.3  # of standard errors in a rotation, see `build`


@dataclass(frozen=True)
class Sample:
    """Gains over the selected candidate, loss(selected) - loss(h), with their influences.

    `gain` (candidates + 1,), `rows` (candidates + 1, rows), `replicates` (candidates + 1, replicates, or 0 where the
    fitted models are taken as given). The last entry stands for a candidate that never loses anything: its gain is the
    selected candidate's own risk. `selected` is the selected candidate's place. Scaled so that covariance of gains =
    rows @ rows.T + replicates @ replicates.T. `rotated`: the rows took turns as test rows. `doubt`, of 0/1 losses: each
    candidate has one more row, on which it alone has this influence, see `build`; these rows are not in `rows`.
    """

    gain: Array
    rows: Array
    replicates: Array
    selected: int
    row_count: int
    rotated: bool = False
    doubt: float = 0.0

    @property
    def count(self) -> int:
        """The number of candidates."""
        return len(self.gain) - 1

    @property
    def risk(self) -> Array:
        """Mean loss of every candidate."""
        return np.asarray(self.gain[-1] - self.gain[:-1])

    @cached_property
    def draws(self) -> Draws:
        """Gaussian draws of the gains' errors, (candidates, draws), with just their covariance."""
        return Draws(self._draws[:-1], self.groups)

    @cached_property
    def groups(self) -> Index:
        """Groups of candidates that err alike, `RIVALS` at the most."""
        return alike(self.sketch, max(ALIKE, 2 * -(-self.count // RIVALS)))

    @cached_property
    def sketch(self) -> Array:
        """The covariances of every candidate with some that are spread over the losses, (candidates, some)."""
        spread = np.linspace(0, self.count - 1, min(LANDMARKS, self.count)).astype(np.intp)
        rows, replicates = self.covariances(np.argsort(self.gain[:-1])[spread])
        return np.ascontiguousarray((rows + replicates)[:, :-1].T)

    @cached_property
    def rivals(self) -> Index:
        """The candidates that each is held against: all, up to `RIVALS`; of more as many of each group that errs alike.

        Beside the selected one they are taken whatever their gains, so that luck has no part in it. What takes all with
        all for a few candidates takes no more than all with these for many.
        """
        if self.count <= RIVALS:
            return np.arange(self.count)
        spread = self.groups[:, :: -(-self.groups.size // RIVALS)]
        return np.union1d(spread, self.selected)

    @cached_property
    def rival_draws(self) -> Draws:
        """The draws of the rivals."""
        if self.count <= RIVALS:
            return self.draws
        return Draws(self.draws.values[self.rivals], alike(self.sketch[self.rivals]))

    @property
    def risk_draws(self) -> Array:
        """The same draws of the error of the selected candidate's risk, (draws,)."""
        return np.asarray(self._draws[-1])

    @cached_property
    def _draws(self) -> Array:
        draws = row_draws(self.rows, self.replicates)
        if self.doubt:
            shared, alone = (part[:, None].astype(np.float32) for part in self._doubts)
            for block, normals in row_multipliers(self.row_count, self.count):
                draws[:-1][block] -= alone[:-1][block] * normals
                if block.start <= self.selected < block.stop:
                    draws += shared * normals[self.selected - block.start]
        return draws

    @cached_property
    def _doubts(self) -> tuple[Array, Array]:
        """Each gain's influence from the selected candidate's row of doubt, and minus that from its own."""
        shared, alone = np.full((2, len(self.gain)), self.doubt)
        shared[self.selected] = alone[self.selected] = alone[-1] = 0.0
        return shared, alone

    @cached_property
    def powers(self) -> Powers:
        """Sums of powers over the rows, see `Powers`."""
        own = self.rows[-1]
        own_squared = own * own
        own_cubed = own_squared * own
        sums = np.empty((6, len(self.rows)))
        for block in blocks(*self.rows.shape):
            rows = self.rows[block]
            squared = rows * rows
            sums[0, block], sums[1, block] = np.einsum("hi,hi->h", rows, rows), rows @ own
            sums[2, block], sums[3, block] = np.einsum("hi,hi->h", squared, squared), (squared * rows) @ own
            sums[4, block], sums[5, block] = squared @ own_squared, rows @ own_cubed
        (shared, alone), risk = self._doubts, self.doubt
        sums += [shared**2 + alone**2, shared * risk, shared**4 + alone**4, *_mixed(shared, risk)]
        return Powers(*sums)

    @cached_property
    def variances(self) -> tuple[Array, Array]:
        """Variance of every gain, (candidates + 1,): from the rows, from the replicates."""
        return self.powers.d2, np.einsum("hi,hi->h", self.replicates, self.replicates)

    @cached_property
    def with_risk(self) -> tuple[Array, Array]:
        """Covariance of every gain with the selected candidate's risk, (candidates + 1,): of rows, of replicates."""
        return self.powers.d1_o1, self.replicates @ self.replicates[-1]

    def covariances(self, places: Index, others: Index | slice = slice(None)) -> tuple[Array, Array]:
        """Covariances of these gains with others, (places, others): from the rows, from the replicates."""
        rows = self.rows[places] @ self.rows[others].T
        if self.doubt:
            shared, alone = self._doubts
            same = places[:, None] == np.arange(len(self.gain))[others]
            rows += np.outer(shared[places], shared[others]) + np.where(same, alone[others] ** 2, 0.0)
        return rows, self.replicates[places] @ self.replicates[others].T

    def pair_variances(self, base: int) -> tuple[Array, Array]:
        """Variance of gain(h) - gain(base) for every h, shape (candidates + 1,): from the rows, from the replicates."""
        parts = zip(self.variances, self.covariances(np.array([base])), strict=True)
        rows, replicates = (of_differences(own, own[base], part[0]) for own, part in parts)
        return rows, replicates

    def pair_deviations(self, places: Index) -> Array:
        """Standard errors of gain(h) - gain(k) for every h and k of some places, (places, places)."""
        parts = zip(self.variances, self.covariances(places, places), strict=True)
        rows, replicates = (of_differences(own[places, None], own[places], part) for own, part in parts)
        return np.asarray(np.sqrt(rows + replicates))

    def dof(self, rows: Array, replicates: Array, base: int | None = None, only: Index | None = None) -> Array:
        """Degrees of freedom of the variance of gain(h) - gain(base), with these two parts; of gain(h) without a base.

        `only` some h, where the parts are those of these. Of the rows' part by `degrees_of_freedom`, of a sum of both
        by Satterthwaite's formula (1946).
        """
        return self.combined_dof(rows, replicates, self.effective_rows(base, only))

    def least_effective_rows(self, rows: Array, base: int, only: Index) -> Array:
        """What `effective_rows` are not below, from the pairs' variances over rows, without a walk over the rows.

        The sum of d^4 is the fourth power of a norm, which of a difference is no more than that of both terms.
        """
        norms = np.sqrt(np.sqrt(self.powers.d4))
        return effective(rows, np.square(np.square(norms[only] + norms[base])), self.row_count)

    def combined_dof(self, rows: Array, replicates: Array, effective_rows: Array) -> Array:
        """Degrees of freedom of a variance with these two parts, of which so many rows carry the first."""
        own = degrees_of_freedom(effective_rows, self.row_count)
        if self.replicates.shape[1] == 0:
            return own
        most = max(self.row_count - 1.0, 1.0)
        total = (rows + replicates) ** 2
        spread = rows**2 / own + replicates**2 / (self.replicates.shape[1] - 1.0)
        return np.asarray(np.divide(total, spread, out=np.full(np.shape(rows), most), where=spread > 0))

    def effective_rows(self, base: int | None = None, only: Index | None = None) -> Array:
        """How many rows carry the difference of each candidate from `base` (the selected one), (candidates,).

        See `effective`, of the rows' influences; of `only` some candidates, in their order.
        """
        if base is None:
            return effective(self.powers.d2[:-1], self.powers.d4[:-1], self.row_count)
        places = np.arange(self.count) if only is None else only
        second, fourth = np.empty(len(places)), np.empty(len(places))
        for block in blocks(len(places), self.rows.shape[1]):
            squares = self.rows[places[block]]
            squares -= self.rows[base]
            np.square(squares, out=squares)
            second[block], fourth[block] = squares.sum(axis=1), np.einsum("hi,hi->h", squares, squares)
        shared, alone = self._doubts
        ours = np.array([shared[places] - shared[base], alone[places], np.broadcast_to(alone[base], len(places))])
        ours[:, places == base] = 0.0
        return effective(second + (ours**2).sum(axis=0), fourth + (ours**4).sum(axis=0), self.row_count)


class Powers(NamedTuple):
    """Sums over the rows of d^i o^j, (candidates + 1,) each: d are a gain's influences, o those of the risk itself."""

    d2: Array
    d1_o1: Array
    d4: Array
    d3_o1: Array
    d2_o2: Array
    d1_o3: Array


def _mixed(shared: Array, risk: float) -> tuple[Array, Array, Array]:
    return shared**3 * risk, shared**2 * risk**2, shared * risk**3


def of_differences(one: Array, other: float | Array, covariance: Array) -> Array:
    """Their variances; what is below rounding of the two variances themselves is zero: candidates with equal losses."""
    size = one + other
    variance = size - 2 * covariance
    return np.where(variance > CANCELLATION * size, variance, 0.0)


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
    means = candidate_means(losses)
    centred = _Centred(losses, held, means, selected, DEPENDENCE if rotated else 1.0)
    rows = centred.paired(1, groups)
    doubt = 0.0
    if _zero_one(losses, held):
        doubt = centred.widen * (1.0 if groups is None else _together(losses, groups)) / losses.shape[2]
    procedure = scope == "procedure" and losses.shape[1] > 1
    gain = means[selected] - means
    gain = np.where(np.abs(gain) > CANCELLATION * np.abs(means), gain, 0.0)
    return Sample(
        gain=np.append(gain, means[selected]),
        rows=rows,
        replicates=centred.paired(2) if procedure else np.zeros((len(rows), 0)),
        selected=selected,
        row_count=rows.shape[1],
        rotated=rotated,
        doubt=doubt,
    )


@dataclass(frozen=True)
class _Centred:
    """Losses (candidates, replicates, rows) less their candidate's mean, times `widen`: what influences are made of."""

    losses: Array
    held: Flags
    means: Array
    selected: int
    widen: float

    def paired(self, axis: int, groups: Index | None = None) -> Array:
        """Influences of the gains over the selected candidate, and of that candidate's own risk as the last one."""
        own = self._influence(slice(self.selected, self.selected + 1), axis, groups)
        found = np.empty((len(self.losses) + 1, own.shape[1]))
        for block in blocks(len(self.losses), self.losses[0].size):
            np.subtract(own, self._influence(block, axis, groups), out=found[:-1][block])
        found[-1] = own
        return found

    def _influence(self, block: slice, axis: int, groups: Index | None) -> Array:
        """Entries summed over `axis` by their number, (candidates, the other axis), as in a sample variance."""
        held = self.held[block]
        where: Any = True if held.all() else held  # a mask takes twice as long
        total: Array = self.losses[block].sum(axis=axis, where=where, dtype=np.float64)
        counts = held.sum(axis=axis)
        total -= counts * self.means[block, None]
        total = total if groups is None else summed(total, groups)
        size = total.shape[1]
        total *= self.widen * np.sqrt(size / max(size - 1, 1)) / counts.sum(axis=1)[:, None]
        return total


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
