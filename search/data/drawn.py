"""Random cuts of rows, the same as scikit-learn's.

Its KFold and StratifiedKFold are a few lines each, and their import takes longer than a whole search of a small table:
`tests/data/test_drawn.py` holds these to theirs.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

Index = NDArray[np.int64]


def drawn_folds(rows: int, folds: int, classes: Index | None, state: int) -> Iterator[tuple[Index, Index]]:
    """(train, validation) positions of each fold, ascending; with `classes` (rows,) each class is spread evenly."""
    rng, every = RandomState(state), np.arange(rows)
    fold = np.empty(rows, dtype=np.int64)
    if classes is None:
        rng.shuffle(every)
        fold[every] = np.sort(np.arange(rows) % folds)
    else:
        fold[:] = _spread(classes, folds, rng)
    for number in range(folds):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)


def _spread(classes: Index, folds: int, rng: RandomState) -> Index:
    """The fold of every row: in order of class the rows are dealt out in turn, and each class's share is shuffled."""
    _, first, met = np.unique(classes, return_index=True, return_inverse=True)
    place = np.argsort(np.argsort(first))[met]  # classes in the order in which they are met
    dealt = np.sort(place)
    fold = np.empty(len(classes), dtype=np.int64)
    for each in range(len(first)):
        own = np.sort(np.flatnonzero(dealt == each) % folds)
        rng.shuffle(own)
        fold[place == each] = own
    return fold


def drawn_share(rows: int, count: int, classes: Index | None, state: int) -> Index:
    """Positions of `count` of the rows, in random order; with `classes` (rows,) the same share of each class."""
    if classes is None:
        return RandomState(state).permutation(rows)[:count].astype(np.int64)
    from sklearn.model_selection import StratifiedShuffleSplit

    shares = StratifiedShuffleSplit(1, test_size=count, random_state=state).split(np.empty(rows), classes)
    return next(shares)[1]  # type: ignore[no-any-return]
