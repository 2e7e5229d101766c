"""Losses -> paired differences from the selected candidate, and what each row and replicate contributes to them.

Every figure of the verdict is a linear function of mean losses, so one table serves them all: the mean difference of
each candidate from the selected one (its `gain`), and its influences: how far each row moves that mean. Variances
and covariances of any comparison are sums of products of influences.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from search.core.arrays import Array, Flags
from search.core.means import candidate_means
from search.verdict.multiplier import row_draws
from search.verdict.record import Scope

CANCELLATION = 1e-13  # differences below this share of what is subtracted are rounding


@dataclass(frozen=True)
class Sample:
    """Gains over the selected candidate, loss(selected) - loss(h), with their influences.

    `gain` (candidates + 1,), `rows` (candidates + 1, rows; more columns for 0/1 losses, see `build`), `replicates`
    (candidates + 1, replicates, or 0 where the fitted models are taken as given). The last entry stands for a candidate
    that never loses anything: its gain is the selected candidate's own risk. `selected` is the selected candidate's
    place. Scaled so that covariance of gains = rows @ rows.T + replicates @ replicates.T.
    """

    gain: Array
    rows: Array
    replicates: Array
    selected: int
    row_count: int

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

    def dof(self, rows: Array, replicates: Array) -> Array:
        """Degrees of freedom of a variance with these two parts (Satterthwaite 1946); rows - 1 for fitted models."""
        most = max(self.row_count - 1.0, 1.0)
        if self.replicates.shape[1] == 0:
            return np.full(np.shape(rows), most)
        total = (rows + replicates) ** 2
        spread = rows**2 / most + replicates**2 / (self.replicates.shape[1] - 1.0)
        return np.asarray(np.divide(total, spread, out=np.full(np.shape(rows), most), where=spread > 0))


def build(losses: Array, selected: int, scope: Scope) -> Sample:
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
    """
    held = ~np.isnan(losses)
    entries = held.sum(axis=(1, 2))
    means = candidate_means(losses)
    rows = _influence(losses, held, means, axis=1) / entries[:, None]
    row_count = rows.shape[1]
    if _zero_one(losses, held):
        rows = np.concatenate([rows, np.eye(len(losses)) / row_count], axis=1)
    replicates = np.zeros((len(losses), 0))
    if scope == "procedure" and losses.shape[1] > 1:
        replicates = _influence(losses, held, means, axis=2) / entries[:, None]
    gain = means[selected] - means
    gain = np.where(np.abs(gain) > CANCELLATION * np.abs(means), gain, 0.0)
    return Sample(
        gain=np.append(gain, means[selected]),
        rows=_paired(rows, selected),
        replicates=_paired(replicates, selected),
        selected=selected,
        row_count=row_count,
    )


def _zero_one(losses: Array, held: Flags) -> bool:
    """Whether all losses are 0 or 1, and both occur."""
    if not ((losses[0] == 0) | (losses[0] == 1) | ~held[0]).all():
        return False
    ones = losses == 1
    return bool(ones.any() and (losses == 0).any() and (ones | (losses == 0) | ~held).all())


def _influence(losses: Array, held: Flags, means: Array, axis: int) -> Array:
    """Centred entries summed over `axis`, (candidates, the other axis), with the n / (n - 1) of a sample variance."""
    total: Array = losses.sum(axis=axis, where=held, dtype=np.float64)
    total -= held.sum(axis=axis) * means[:, None]
    size = total.shape[1]
    total *= np.sqrt(size / max(size - 1, 1))
    return total


def _paired(influence: Array, selected: int) -> Array:
    """Influences of the gains over the selected candidate, and of that candidate's own risk as the last one."""
    return np.concatenate([influence[selected] - influence, influence[[selected]]])
