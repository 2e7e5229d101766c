"""A plan from somebody else's splits: (train, held-out) row numbers, as scikit-learn's splitters give them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from search.core.errors import UserError
from search.core.folds import Fold, rounds
from search.data.splits import NO_ROWS, Parts, Plan, rotation_of

MOST_FOLDS = 10  # a rotation holds out every pair of them: 45


def given_plan(cuts: Sequence[Fold], rows: int) -> Plan:
    """A rotation where the cuts are folds of all rows, 3 to 10 each time (RepeatedKFold: several times).

    All others validate and no rows are test rows: then there is nothing to test a pick on that it has not seen.
    `UserError` for a split without training rows or without held-out ones, and for rows that are not there.
    """
    if not cuts:
        raise UserError("cv: has no split; give at least one, with training rows and held-out ones")
    for number, (train, held) in enumerate(cuts):
        if not len(train) or not len(held):
            raise UserError(f"cv: split {number} has {len(train)} training rows and {len(held)} held out; needs both")
        named = np.concatenate([train, held])
        if named.min() < 0 or named.max() >= rows:
            raise UserError(f"cv: split {number} names rows {named.min()} to {named.max()}; there are 0 to {rows - 1}")
    sorted_cuts = [(np.sort(train), np.sort(held)) for train, held in cuts]
    turns = rounds(sorted_cuts, np.arange(rows), MOST_FOLDS)
    if turns is not None:
        return rotation_of([[sorted_cuts[place] for place in turn] for turn in turns])
    splits = [Parts(train, held, NO_ROWS, 0, number) for number, (train, held) in enumerate(sorted_cuts)]
    return Plan(tuple(splits), (), np.zeros(rows, dtype=np.bool_))
