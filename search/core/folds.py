"""Folds of rows: whether they take turns as held-out rows, and what is left where two of them are held out at once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final

import numpy as np

from search.core.arrays import Index

Fold = tuple[Index, Index]  # (the rows that train, those that are held out)
FEWEST_FOLDS: Final = 3  # of a round: the others validate each other


def rounds(folds: Sequence[Fold], every: Index, most: int) -> list[list[int]] | None:
    """The positions of the folds, round by round; in a round they hold out each of the rows `every` just once.

    None where they do not, where a round has fewer than three folds or more than `most`, and where a fold does not
    train on all other rows.

    >>> rows = np.arange(6)
    >>> thirds = [(np.setdiff1d(rows, held), held) for held in rows.reshape(3, 2)]
    >>> rounds(thirds + thirds, rows, most=10), rounds(thirds[:2], rows, most=10)
    ([[0, 1, 2], [3, 4, 5]], None)
    """
    found: list[list[int]] = [[]]
    seen = np.zeros(0, dtype=np.intp)
    for place, (train, held) in enumerate(folds):
        if len(train) + len(held) != len(every) or len(np.union1d(train, held)) != len(every):
            return None
        if np.isin(held, seen).any():
            return None
        seen = np.concatenate([seen, held])
        found[-1].append(place)
        if len(seen) == len(every):
            found, seen = [*found, []], seen[:0]
    whole = not found[-1] and all(FEWEST_FOLDS <= len(each) <= most for each in found[:-1])
    return found[:-1] if whole else None


def in_pairs(folds: Sequence[Fold], every: Index) -> list[Fold]:
    """Every two folds of one round held out at once; the rest of the rows `every` train."""
    both = [np.sort(np.concatenate([one, other])) for one, other in combinations([held for _, held in folds], 2)]
    return [(np.setdiff1d(every, held), held) for held in both]
