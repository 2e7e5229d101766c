"""A plan from somebody else's splits: (train, held-out) row numbers, as scikit-learn's splitters give them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from search.core.errors import UserError
from search.data.splits import NO_ROWS, Cut, Parts, Plan, rotation_of

FEWEST_FOLDS = 3  # the others validate each other
MOST_FOLDS = 10  # a rotation holds out every pair of them: 45


def given_plan(cuts: Sequence[Cut], rows: int) -> Plan:
    """A rotation where the cuts are folds of all rows, 3 to 10 each time (RepeatedKFold: several times).

    All others validate and no rows are test rows: then there is nothing to test a pick on that it has not seen.
    `UserError` for a split without training rows or without held-out ones.
    """
    for number, (train, held) in enumerate(cuts):
        if not len(train) or not len(held):
            raise UserError(f"cv: split {number} has {len(train)} training rows and {len(held)} held out; needs both")
    sorted_cuts = [(np.sort(train), np.sort(held)) for train, held in cuts]
    turns = _turns(sorted_cuts, rows)
    if turns is not None:
        return rotation_of(turns)
    splits = [Parts(train, held, NO_ROWS, 0, number) for number, (train, held) in enumerate(sorted_cuts)]
    return Plan(tuple(splits), (), np.zeros(rows, dtype=np.bool_))


def _turns(cuts: Sequence[Cut], rows: int) -> list[list[Cut]] | None:
    """The cuts as partitions of all rows, one after the other; None where they are not."""
    turns: list[list[Cut]] = []
    left = 0
    for train, held in cuts:
        if len(train) + len(held) != rows or len(np.union1d(train, held)) != rows:
            return None
        if left == 0:
            turns.append([])
            left = rows
        seen = [each for _, each in turns[-1]]
        if seen and np.isin(held, np.concatenate(seen)).any():
            return None
        turns[-1].append((train, held))
        left -= len(held)
    sized = all(FEWEST_FOLDS <= len(turn) <= MOST_FOLDS for turn in turns)
    return turns if left == 0 and sized else None
