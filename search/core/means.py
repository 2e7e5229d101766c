"""Means of losses over what was held out: taken here and nowhere else.

Losses have the shape (candidates, replicates, rows): NaN where a fit did not hold out a row, infinity where it
diverged. A mean skips NaN, and is infinite as soon as one of its entries is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from search.core.arrays import Array, Flags, Index, blocks
from search.core.groups import summed


def candidate_means(losses: Array) -> Array:
    """Mean loss of every candidate, (candidates,): over all held-out entries of all its replicates."""
    held = ~np.isnan(losses)
    return _divided(_sum(losses, held, (1, 2)), held.sum(axis=(1, 2)))


def fit_means(losses: Array) -> Array:
    """Mean loss of every fit, (candidates, replicates); NaN for one that held out no row."""
    held = ~np.isnan(losses)
    return _divided(_sum(losses, held, 2), held.sum(axis=2))


def row_means(losses: Array) -> Array:
    """Mean loss of every row over the fits that held it out, (candidates, rows); NaN for a row that none did."""
    held = ~np.isnan(losses)
    return _divided(_sum(losses, held, 1), held.sum(axis=1))


def standard_errors(losses: Array, groups: Index | None = None) -> Array:
    """Standard error of every candidate's mean loss, (candidates,).

    Rows are the sample, each averaged over its fits first; with `groups` (rows,) the groups of rows are. NaN with fewer
    than two of them, infinite for a fit that diverged.
    """
    parts = (row_means(losses[block]) for block in blocks(len(losses), losses[:1].size))
    return np.array([standard_error(rows, groups) for part in parts for rows in part], dtype=np.float64)


def standard_error(values: Array, groups: Index | None = None) -> float:
    """Standard error of the mean of `values` (rows,) but for NaN: of independent rows, or of `groups` (rows,) of rows.

    The mean over the rows of groups that differ in size is a ratio of two sums, so a group enters with the sum of what
    its rows deviate from that mean by (Cochran 1977, Sampling Techniques, section 6.3). NaN with fewer than two.
    """
    held = ~np.isnan(values)
    sample = values[held]
    if groups is not None and len(sample) and np.isfinite(sample).all():
        totals = summed(sample - sample.mean(), groups[held])
        sample = totals * (len(totals) / len(sample))
    if len(sample) < 2:
        return float("nan")
    return float(sample.std(ddof=1) / np.sqrt(len(sample))) if np.isfinite(sample).all() else float("inf")


def replicate_means(values: Array) -> Array:
    """Mean over replicates of a figure of every fit, (candidates, replicates) -> (candidates,).

    A replicate that a pruned candidate was not fitted on, NaN, does not count.
    """
    known = ~np.isnan(values)
    return _divided(_sum(values, known, 1), known.sum(axis=1))


def _sum(losses: Array, held: Flags, axis: Any) -> Array:  # noqa: ANN401 - an axis or several
    return np.asarray(losses.sum(axis=axis, where=held, dtype=np.float64))


def _divided(total: Array, count: Any) -> Array:  # noqa: ANN401 - whole numbers of any width
    with np.errstate(invalid="ignore"):  # 0 / 0: the mean of nothing is NaN
        return np.asarray(np.divide(total, count, out=total if total.ndim else None))
