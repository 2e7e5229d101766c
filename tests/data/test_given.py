"""Splits of anybody's make as a plan."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneOut,
    PredefinedSplit,
    RepeatedKFold,
    ShuffleSplit,
    TimeSeriesSplit,
)

from search.core.errors import UserError
from search.data.given import given_plan

ROWS = 24


def plan(splitter, rows=ROWS, groups=None):
    return given_plan(list(splitter.split(np.zeros((rows, 1)), groups=groups)), rows)


@pytest.mark.parametrize(
    ("splitter", "repeats", "folds"),
    [
        (KFold(4), 1, 4),
        (KFold(3, shuffle=True, random_state=0), 1, 3),
        (RepeatedKFold(n_splits=3, n_repeats=2, random_state=0), 2, 3),
        (PredefinedSplit(np.arange(ROWS) % 5), 1, 5),
    ],
)
def test_folds_of_all_rows_are_a_rotation(splitter, repeats, folds):
    found = plan(splitter)
    given = list(splitter.split(np.zeros((ROWS, 1))))
    assert [(each.repeat, each.fold) for each in found.splits] == [(r, f) for r in range(repeats) for f in range(folds)]
    for parts, (train, held) in zip(found.splits, given, strict=True):
        assert parts.train.tolist() == train.tolist()
        assert parts.validation.tolist() == held.tolist()
    assert len(found.pairs) == repeats * folds * (folds - 1) // 2
    for pair in found.pairs:
        assert sorted([*pair.train, *pair.validation]) == list(range(ROWS))
        own = [parts for parts in found.splits if parts.repeat == pair.repeat]
        assert sum(np.isin(parts.validation, pair.validation).all() for parts in own) == 2
    assert not found.refits
    assert not found.test.any()


def test_groups_are_never_on_both_sides_of_a_pair():
    groups = np.repeat(np.arange(8), 3)
    for pair in plan(GroupKFold(4), groups=groups).pairs:
        assert not set(groups[pair.train]) & set(groups[pair.validation])


@pytest.mark.parametrize("splitter", [KFold(2), TimeSeriesSplit(4), ShuffleSplit(4, random_state=0), LeaveOneOut()])
def test_all_other_splits_only_validate(splitter):
    found = plan(splitter)
    assert not found.pairs
    assert len(found.splits) == splitter.get_n_splits(np.zeros((ROWS, 1)))


def test_a_fold_that_holds_a_row_out_twice_is_no_partition():
    cuts = list(KFold(3).split(np.zeros((9, 1))))
    assert not given_plan([cuts[0], cuts[1], cuts[1]], 9).pairs


def test_a_split_needs_rows_on_both_sides():
    with pytest.raises(UserError, match="split 1"):
        given_plan([(np.arange(3), np.arange(3, 6)), (np.arange(6), np.arange(0))], 6)


@pytest.mark.parametrize(
    ("cuts", "words"),
    [
        ([], "has no split"),
        ([([], [1])], "split 0 has 0 training rows"),
        ([([0, 1], [2]), ([0, 1], [5])], "split 1 names rows 0 to 5; there are 0 to 4"),
        ([([-1, 1], [2])], "split 0 names rows -1 to 2"),
    ],
)
def test_splits_that_are_none_are_refused(cuts, words):
    with pytest.raises(UserError, match=rf"^cv: {words}"):
        given_plan([(np.array(train, int), np.array(held, int)) for train, held in cuts], 5)
