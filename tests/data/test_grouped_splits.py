"""Rows of one group are never on both sides of a cut, and groups are what the losses' axes say."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from split_strategies import split_settings

from search.core.errors import UserError
from search.data import load_task
from search.data.splits import plan_splits
from search.data.tables import Table
from search.data.targets import encode_targets
from search.settings import Settings, Split


@st.composite
def tables(draw):
    """30 groups of 1 to 12 rows in any order; numbers, or classes that hang together with the group."""
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    groups = rng.permutation(np.repeat(np.arange(30), rng.integers(1, 13, size=30)))
    rows = len(groups)
    own = rng.permutation(np.arange(30) % 3)[groups]
    classes = np.where(rng.random(rows) < 0.7, own, rng.integers(3, size=rows))
    target = np.char.add("c", classes.astype(str)) if draw(st.booleans()) else rng.normal(size=rows)
    inputs = pd.DataFrame({"a": rng.normal(size=rows)})
    return Table("table", inputs, encode_targets(pd.DataFrame({"y": target}), None, "table"), None, groups=groups)


splits = split_settings(most_repeats=2, test_folds=st.sampled_from([0, 0, 3, 5]))


@settings(max_examples=80, deadline=None)
@given(table=tables(), split=splits)
def test_no_group_is_on_both_sides(table, split):
    plan = plan_splits(table, split)
    every = set(range(len(table)))
    for parts in plan.all:
        sides = [parts.train, parts.validation, parts.test]
        groups = [set(table.groups[side]) for side in sides]
        assert not groups[0] & groups[1]
        assert not (groups[0] | groups[1]) & groups[2]
        assert not (groups[0] | groups[1]) & set(table.groups[plan.test])
        rest = every - set(np.flatnonzero(plan.test))
        assert set(parts.train) | set(parts.validation) == rest
    if split.rotates or split.scheme == "kfold":
        held = np.sort(np.concatenate([parts.validation for parts in plan.splits]))
        times = split.test_repeats if split.rotates else split.repeats
        np.testing.assert_array_equal(held, np.sort(np.tile(np.flatnonzero(~plan.test), times)))


@settings(max_examples=20, deadline=None)
@given(table=tables(), seed=st.integers(0, 99))
def test_shares_are_about_what_was_asked(table, seed):
    """A quarter of 30 groups is 8 of them; validation rows of classes have about the classes' shares."""
    plan = plan_splits(table, Split(seed=seed))
    assert len(np.unique(table.groups[plan.test])) == 8
    [parts] = plan.splits
    held = len(parts.validation) / (~plan.test).sum()
    assert 0.1 < held < 0.45
    if table.targets.kind != "regression":
        shares = [
            np.bincount(table.targets.y[part], minlength=3) / len(part) for part in (parts.train, parts.validation)
        ]
        assert np.abs(shares[0] - shares[1]).max() < 0.25


def frame(rows=120, groups=24):
    rng = np.random.default_rng(0)
    patient = rng.permutation(np.arange(rows) % groups)
    return pd.DataFrame(
        {"x": rng.normal(size=rows), "patient": [f"p{each}" for each in patient], "y": rng.normal(size=rows)}
    )


def task_of(data, **split):
    tables = {"name": "a", "data": {"source": "frame", "target": "y"}, "split": {"group_column": "patient", **split}}
    return load_task(Settings.parse(tables), data)


def test_the_task_says_which_rows_belong_together_and_the_column_is_no_input():
    data = frame()
    task = task_of(data, scheme="kfold")
    assert task.features == ("x",)
    test = np.zeros(len(data), dtype=bool)
    test[task.refits[0].test.ids] = True
    for numbers, patients in ((task.groups.test, data.patient[test]), (task.groups.validation, data.patient[~test])):
        pairs = set(zip(numbers, patients, strict=True))
        assert len(pairs) == len(set(numbers)) == patients.nunique()
    assert task.without_test().groups.test is None
    plain = load_task(
        Settings.parse({"name": "a", "data": {"source": "frame", "target": "y"}}), data.drop(columns="patient")
    )
    assert plain.groups is None


def test_other_names_of_the_groups_change_nothing_and_other_groups_do():
    data = frame()
    renamed = data.assign(patient=data.patient.map({name: place for place, name in enumerate(data.patient.unique())}))
    moved = data.assign(patient=["p1", *data.patient[1:]])
    assert data.patient[0] != "p1"
    prints = [task_of(each).fingerprint for each in (data, renamed, moved)]
    assert prints[0] == prints[1] != prints[2]


@pytest.mark.parametrize(
    ("change", "split", "line"),
    [
        (
            {},
            {"group_column": "patients"},
            'split.group_column = "patients" is not among the 2 columns; the nearest column is "patient"',
        ),
        ({"patient": [None] * 3 + ["a", "b"] * 20}, {}, '"patient" is missing in 3 rows, the first row 1'),
        (
            {"patient": ["a", "b", "c"] * 14 + ["a"]},
            {"test_folds": 5},
            "split.test_folds = 5 needs as many groups, found 3",
        ),
        ({"patient": ["a"] * 43}, {}, "split.test = 0.25 cuts 1 groups into 1 and 0"),
        (
            {"patient": ["a", "b", "c", "d"] * 10 + ["a", "b", "c"], "held": [True] + [False] * 42},
            {"test_column": "held"},
            "split.test_column marks row 1 and not row 5, which are of one group",
        ),
        (
            {"patient": [*range(40), 40, 40, 40], "y": ["u", "v"] * 20 + ["w"] * 3},
            {"scheme": "kfold", "folds": 3, "test": 0.0},
            'leaves a split without a training row of "w"',
        ),
    ],
)
def test_what_is_refused(change, split, line):
    data = frame(43, 10).assign(**change)
    with pytest.raises(UserError) as caught:
        task_of(data, **split)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_marked_test_rows_of_whole_groups():
    data = frame()
    data["held"] = data.patient.isin(["p1", "p2", "p3"])
    task = task_of(data, test_column="held")
    assert len(set(task.groups.test)) == 3
    assert not set(task.groups.test) & set(task.groups.validation)


def test_a_column_has_one_meaning():
    with pytest.raises(UserError, match=r"split\.group_column: is split\.test_column too"):
        task_of(frame(), test_column="patient")
