"""Means of losses over what was held out: taken here and nowhere else.

Losses have the shape (candidates, replicates, rows): NaN where a fit did not hold out a row, infinity where it
diverged. A mean skips NaN, and is infinite as soon as one of its entries is.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from search.core.arrays import Array, Flags, Index, blocks
from search.core.groups import summed


def candidate_means(losses: Array) -> Array:
    """Mean loss of every candidate, (candidates,): over all held-out entries of all its replicates."""
    entries = losses.reshape(len(losses), math.prod(losses.shape[1:]))
    held = ~np.isnan(entries)
    if len(held) and (held == held[0]).all():  # as in most tables: then what was not held out need not be walked
        own = entries if held[0].all() else np.take(entries, np.flatnonzero(held[0]), axis=1)
        return _divided(own.sum(axis=1, dtype=np.float64), own.shape[1])
    return _divided(_sum(entries, held, 1), held.sum(axis=1))


def packed(losses: Array, held: Flags) -> Array:
    """The entries that are `held` (replicates, rows), those of a row moved together: (candidates, most of a row, rows).

    Means of candidates and of rows are the same, and of folds, which hold a row out once, one replicate is left to walk
    over. NaN where a row has fewer; which fit an entry is of is lost.
    """
    most = int(held.sum(axis=0).max(initial=0))
    if most == len(held):
        return losses if held.all() else np.where(held, losses, np.nan)
    fits = np.argsort(~held, axis=0, kind="stable")[:most]  # (most, rows): those that held the row out come first
    places = fits * held.shape[1] + np.arange(held.shape[1])
    found = np.take(losses.reshape(len(losses), held.size), places, axis=1)
    found[:, ~np.take_along_axis(held, fits, axis=0)] = np.nan
    return np.asarray(found)


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
    found = np.empty(len(losses))
    for block in blocks(len(losses), losses[:1].size):
        found[block] = errors_over_rows(row_means(losses[block]), groups)
    return found


def standard_error(values: Array, groups: Index | None = None) -> float:
    """Standard error of the mean of `values` (rows,), see `errors_over_rows`."""
    return float(errors_over_rows(values[None], groups)[0])


def errors_over_rows(values: Array, groups: Index | None = None) -> Array:
    """Standard errors of the means of `values` (..., rows) but for NaN: of independent rows, or of `groups` of rows.

    The mean over the rows of groups that differ in size is a ratio of two sums, so a group enters with the sum of what
    its rows deviate from that mean by (Cochran 1977, Sampling Techniques, section 6.3). NaN with fewer than two rows or
    groups, infinite where a value is.
    """
    held = ~np.isnan(values)
    rows = held.sum(axis=-1)
    means = _divided(_sum(values, held, -1), rows)
    finite = np.isfinite(means)
    deviations = np.subtract(values, np.where(finite, means, 0.0)[..., None])
    deviations[~(held & finite[..., None])] = 0.0
    units = rows
    if groups is not None:
        deviations, units = summed(deviations, groups), (summed(held.astype(np.intp), groups) > 0).sum(axis=-1)
    squares = np.einsum("...i,...i->...", deviations, deviations)
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.sqrt(squares * (units / (units - 1.0))) / rows
    return np.asarray(np.where(rows < 2, np.nan, np.where(finite, np.where(units < 2, np.nan, errors), np.inf)))


def replicate_means(values: Array) -> Array:
    """Mean over replicates of a figure of every fit, (candidates, replicates) -> (candidates,).

    A replicate that a pruned candidate was not fitted on, NaN, does not count.
    """
    known = ~np.isnan(values)
    return _divided(_sum(values, known, 1), known.sum(axis=1))


def _sum(losses: Array, held: Flags, axis: Any) -> Array:  # noqa: ANN401 - an axis or several
    where: Any = True if held.all() else held  # a mask takes twice as long
    return np.asarray(losses.sum(axis=axis, where=where, dtype=np.float64))


def _divided(total: Array, count: Any) -> Array:  # noqa: ANN401 - whole numbers of any width
    with np.errstate(invalid="ignore"):  # 0 / 0: the mean of nothing is NaN
        return np.asarray(np.divide(total, count, out=total if total.ndim else None))
