"""Random cuts are scikit-learn's, whose import they spare."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold

from search.data.drawn import drawn_folds, drawn_share

STATES = st.integers(0, 2**32 - 1)


def same(ours, theirs):
    pairs = list(zip(ours, theirs, strict=True))
    assert pairs
    for (train, held), (other_train, other_held) in pairs:
        np.testing.assert_array_equal(train, other_train)
        np.testing.assert_array_equal(held, other_held)


@given(st.integers(2, 9), st.integers(0, 60), STATES)
@settings(max_examples=60, deadline=None)
def test_folds_are_those_of_k_fold(folds, more, state):
    rows = folds + more
    same(drawn_folds(rows, folds, None, state), KFold(folds, shuffle=True, random_state=state).split(np.empty(rows)))


@given(st.integers(2, 6), st.lists(st.integers(0, 20), min_size=1, max_size=6), STATES)
@settings(max_examples=60, deadline=None)
def test_folds_of_classes_are_those_of_stratified_k_fold(folds, more, state):
    classes = np.repeat(np.arange(len(more)), [folds + each for each in more])
    classes = np.random.default_rng(state).permutation(classes)
    theirs = StratifiedKFold(folds, shuffle=True, random_state=state).split(classes, classes)
    same(drawn_folds(len(classes), folds, classes, state), theirs)


@given(st.integers(2, 60), st.data(), STATES)
@settings(max_examples=60, deadline=None)
def test_a_share_is_that_of_shuffle_split(rows, data, state):
    count = data.draw(st.integers(1, rows - 1))
    theirs = next(ShuffleSplit(1, test_size=count, random_state=state).split(np.empty(rows)))[1]
    np.testing.assert_array_equal(drawn_share(rows, count, None, state), theirs)


def test_a_share_of_classes_holds_the_same_share_of_each():
    classes = np.repeat([0, 1, 2], [60, 30, 10])
    held = drawn_share(100, 20, classes, 3)
    assert np.bincount(classes[held]).tolist() == [12, 6, 2]


def test_the_cuts_of_new_and_run_import_no_scikit_learn():
    code = (
        "import sys, numpy as np; from search.data import splits\n"
        "from search.data.drawn import drawn_folds\n"
        "list(drawn_folds(9, 3, np.arange(9) % 2, 0)); print('sklearn' in sys.modules, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["False", "False"]
