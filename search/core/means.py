"""Means of losses over what was held out: taken here and nowhere else.

Losses have the shape (candidates, replicates, rows): NaN where a fit did not hold out a row, infinity where it
diverged. A mean skips NaN, and is infinite as soon as one of its entries is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from search.core.arrays import Array, Flags


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


def standard_errors(losses: Array) -> Array:
    """Standard error of every candidate's mean loss, (candidates,).

    Rows are the sample, each averaged over its fits first. NaN with fewer than two rows, infinite for a fit that
    diverged.
    """
    return np.array([_standard_error(rows) for rows in row_means(losses)], dtype=np.float64)


def replicate_means(values: Array) -> Array:
    """Mean over replicates of a figure of every fit, (candidates, replicates) -> (candidates,).

    A replicate that a pruned candidate was not fitted on, NaN, does not count.
    """
    known = ~np.isnan(values)
    return _divided(_sum(values, known, 1), known.sum(axis=1))


def _standard_error(rows: Array) -> float:
    held = rows[~np.isnan(rows)]
    if len(held) < 2:
        return float("nan")
    return float(held.std(ddof=1) / np.sqrt(len(held))) if np.isfinite(held).all() else float("inf")


def _sum(losses: Array, held: Flags, axis: Any) -> Array:  # noqa: ANN401 - an axis or several
    return np.asarray(losses.sum(axis=axis, where=held, dtype=np.float64))


def _divided(total: Array, count: Any) -> Array:  # noqa: ANN401 - whole numbers of any width
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))
