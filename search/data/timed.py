"""Cuts in time: what validates comes after what trains, what tests after both. Rows of one time stay together."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from search.core.errors import UserError

Index = NDArray[np.int64]


def last_share(times: Index, count: int, where: str) -> Index:
    """Positions of the last rows, about `count` of them: as many as the nearest time at which to cut leaves.

    `times` (rows,) numbers the distinct times in their order; `where` names table and key in the `UserError`.
    """
    starts, before = _starts(times, where)
    return np.flatnonzero(times >= starts[np.abs(len(times) - before - count).argmin()])


def expanding_folds(times: Index, folds: int, where: str) -> Iterator[tuple[Index, Index]]:
    """(train, validation) positions of each fold: all rows before it train, as in scikit-learn's `TimeSeriesSplit`.

    Each fold is about 1 / (folds + 1) of the rows, cut at the nearest time.
    """
    starts, before = _starts(times, where)
    size = len(times) // (folds + 1)
    wanted = len(times) - size * np.arange(folds, 0, -1)
    cuts = np.unique(np.abs(before - wanted[:, None]).argmin(axis=1))
    if len(cuts) < folds or size < 1:
        raise UserError(f"{where} needs {folds + 1} different times with about as many rows each, or use fewer folds")
    ends = [*starts[cuts], times.max() + 1]
    for start, end in pairwise(ends):
        yield np.flatnonzero(times < start), np.flatnonzero((times >= start) & (times < end))


def _starts(times: Index, where: str) -> tuple[Index, Index]:
    """The times at which the rows can be cut, all but the first, and how many rows are before each."""
    values, first = np.unique(np.sort(times), return_index=True)
    if len(values) < 2:
        raise UserError(f"{where} needs rows of at least two times, found {len(values)}")
    return values[1:], first[1:]
