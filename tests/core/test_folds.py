"""Folds that take turns as held-out rows, and two of them held out at once."""

import numpy as np

from search.core.folds import in_pairs, rounds


def turns(folds, most=20):
    return rounds(folds, np.arange(6), most)


def test_rounds():
    def folds(*held, rows=6, gap=()):
        return [(np.setdiff1d(np.arange(rows), [*each, *gap]), np.array(each)) for each in held]

    assert turns(folds([0, 1], [2, 3], [4, 5])) == [[0, 1, 2]]
    assert turns(folds([0, 1], [2, 3], [4, 5], [0, 2], [1, 4], [3, 5])) == [[0, 1, 2], [3, 4, 5]]
    assert turns(folds([0, 1], [2, 3])) is None  # rows 4 and 5 are never held out
    assert turns(folds([0, 1, 2], [3, 4, 5])) is None
    assert turns(folds([0, 1], [2, 3], [3, 4, 5])) is None
    assert turns(folds([0, 1], [2, 3], [4, 5], [0, 1])) is None
    assert turns([*folds([0, 1], [2, 3], gap=[5]), *folds([4, 5])]) is None


def test_a_round_has_at_most_so_many_folds():
    rows = np.arange(6)
    each = [(np.delete(rows, row), rows[[row]]) for row in rows]
    assert turns(each) == [[0, 1, 2, 3, 4, 5]]
    assert turns(each, most=5) is None


def test_rows_that_train_and_are_held_out_are_no_fold():
    assert turns([(np.array([1, 2, 3, 4]), np.array([0, 1])), *[(np.arange(4), np.array([4, 5]))]]) is None


def test_pairs_hold_out_what_either_of_two_folds_does():
    rows = np.arange(6)
    thirds = [(np.setdiff1d(rows, held), held) for held in rows.reshape(3, 2)]
    found = [(train.tolist(), held.tolist()) for train, held in in_pairs(thirds, rows)]
    assert found == [([4, 5], [0, 1, 2, 3]), ([2, 3], [0, 1, 4, 5]), ([0, 1], [2, 3, 4, 5])]
