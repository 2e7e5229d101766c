"""Cuts in time: what validates is later than what trains, and test rows are later than both."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import TimeSeriesSplit

from search.core.errors import UserError
from search.data import load_task
from search.data.splits import plan_splits
from search.data.tables import Table
from search.data.targets import encode_targets
from search.data.timed import expanding_folds, last_share
from search.settings import Settings, Split


def table_of(times):
    inputs, y = pd.DataFrame({"a": np.arange(float(len(times)))}), pd.DataFrame({"y": np.arange(len(times)) / 7})
    order = np.unique(times, return_inverse=True)[1]
    return Table("table", inputs, encode_targets(y, None, "table"), None, times=order)


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 999),
    distinct=st.integers(12, 200),
    scheme=st.sampled_from(["holdout", "kfold"]),
    refit=st.booleans(),
    test=st.sampled_from([0.0, 0.2]),
)
def test_later_rows_validate_and_the_last_ones_test(seed, distinct, scheme, refit, test):
    times = np.random.default_rng(seed).integers(distinct, size=150)
    try:
        plan = plan_splits(table_of(times), Split(scheme=scheme, folds=3, refit=refit, test=test, validation=0.3))
    except UserError:
        assume(False)
    shown = np.flatnonzero(plan.test)
    for parts in plan.all:
        for earlier, later in ((parts.train, parts.validation), (parts.train, shown), (parts.validation, shown)):
            assert not len(earlier) or not len(later) or times[earlier].max() < times[later].min()
    if scheme == "kfold":
        starts = [times[parts.validation].min() for parts in plan.splits]
        assert starts == sorted(set(starts))
        for before, after in zip(plan.splits[:-1], plan.splits[1:], strict=True):
            assert set(before.train) | set(before.validation) == set(after.train)


@given(st.integers(8, 100), st.integers(2, 6))
def test_without_ties_the_folds_are_those_of_time_series_split(rows, folds):
    times = np.random.default_rng(rows).permutation(rows)
    order = np.argsort(times)
    found = list(expanding_folds(times, folds, "here"))
    for (train, held), (expected, other) in zip(found, TimeSeriesSplit(folds).split(order), strict=True):
        assert set(train) == set(order[expected])
        assert set(held) == set(order[other])


def test_rows_of_one_time_stay_together():
    times = np.array([0] * 5 + [1] * 6 + [2] * 9)
    assert last_share(times, 10, "here").tolist() == list(range(11, 20))
    assert last_share(times, 1, "here").tolist() == list(range(11, 20))
    assert last_share(times, 18, "here").tolist() == list(range(5, 20))


def task_of(data, **split):
    tables = {"name": "a", "data": {"source": "frame", "target": "y"}, "split": {"time_column": "when", **split}}
    return load_task(Settings.parse(tables), data)


def days(count=60):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"x": rng.normal(size=count), "y": rng.normal(size=count), "when": pd.date_range("2024-01-01", periods=count)}
    )


@pytest.mark.parametrize(
    "form",
    [
        lambda when: when,
        lambda when: when.dt.strftime("%Y-%m-%d"),
        lambda when: when.dt.tz_localize("Europe/Vienna"),
        lambda when: when.dt.date,
        lambda when: when.dt.day_of_year,
        lambda when: when.dt.day_of_year.astype(str),
    ],
    ids=["datetime", "text", "with a zone", "date", "number", "number as text"],
)
def test_dates_in_any_form_give_the_same_task(form):
    order = np.random.default_rng(1).permutation(60)
    data = days().iloc[order].reset_index(drop=True)
    task = task_of(data.assign(when=form(data.when)), scheme="kfold")
    assert task.features == ("x",)
    assert task.fingerprint == task_of(data, scheme="kfold").fingerprint
    assert set(task.refits[0].test.ids.tolist()) == set(np.flatnonzero(order >= 45))


@pytest.mark.parametrize(
    ("change", "split", "line"),
    [
        ({"when": "3/4/2024"}, {}, 'is "3/4/2024" in row 1; it must hold numbers, or dates written as 2024-12-31'),
        ({"when": [None] + ["2024-01-01"] * 59}, {}, "is missing in 1 rows, the first row 1"),
        ({"when": 7}, {}, "split.test = 0.25 needs rows of at least two times, found 1"),
        ({"when": [0] * 45 + [1] * 15}, {"scheme": "kfold", "test": 0.0}, "split.folds = 5 needs 6 different times"),
        ({}, {"test_folds": 5}, "split.test_folds: excludes split.time_column: most turns would test on the past"),
        ({}, {"group_column": "x"}, "split.group_column: excludes split.time_column"),
        ({}, {"test_column": "x"}, "split.test_column: excludes split.time_column, whose last rows are the test rows"),
        ({}, {"repeats": 2}, "split.repeats: time has one order"),
        ({"y": ["u", "v"] * 20 + ["w"] * 20}, {}, 'split.time_column leaves a split without a training row of "w"'),
    ],
)
def test_what_is_refused(change, split, line):
    with pytest.raises(UserError) as caught:
        task_of(days().assign(**change), **split)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
