"""Cuts that leave groups whole: rows of one patient, say, are never on both sides."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from search.core.errors import UserError

Index = NDArray[np.int64]
DRAWS = 100


def group_folds(
    groups: Index, classes: Index | None, folds: int, state: int, where: str
) -> Iterator[tuple[Index, Index]]:
    """(train, validation) positions of each fold, drawn at random, the classes' shares as alike as groups allow.

    `groups` and `classes` (rows,); `where` names table and key in the `UserError` for too few groups.
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    found = len(np.unique(groups))
    if found < folds:
        raise UserError(f"{where} needs as many groups, found {found}")
    if classes is None:
        yield from GroupKFold(folds, shuffle=True, random_state=state).split(groups, groups=groups)
        return
    for train, held in StratifiedGroupKFold(folds, shuffle=True, random_state=state).split(groups, classes, groups):
        if not len(held):
            raise UserError(f"{where}: the groups are too unequal for so many folds; use fewer")
        yield train, held


def group_share(groups: Index, classes: Index | None, size: float, state: int, where: str) -> Index:
    """Positions of about that share of the rows: a share of the groups, drawn at random.

    With `classes` (rows,) the one of `DRAWS` draws that comes nearest to that share of every class.
    """
    names, place = np.unique(groups, return_inverse=True)
    count = math.ceil(size * len(names))
    if not 0 < count < len(names):
        raise UserError(f"{where} cuts {len(names)} groups into {count} and {len(names) - count}; both parts need one")
    rng = np.random.default_rng(state)
    draws = [rng.permutation(len(names))[:count] for _ in range(1 if classes is None else DRAWS)]
    if classes is None:
        return np.flatnonzero(np.isin(place, draws[0]))
    rows = np.zeros((len(names), int(classes.max()) + 1))
    np.add.at(rows, (place, classes), 1)
    nearest = min(draws, key=lambda held: float(np.abs(rows[held].sum(axis=0) - size * rows.sum(axis=0)).sum()))
    return np.flatnonzero(np.isin(place, nearest))
