"""Whatever the doors in Python are handed: a result or one line; from estimators scikit-learn's kinds of errors."""

from __future__ import annotations

import numpy as np
import optuna
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from properties import examples, made_or_refused

import search
from search.core.errors import UserError

ODD = st.sampled_from([np.nan, np.inf, -np.inf, 1e30, 1e200, 1e-320, 0.0])
NUMBERS = st.one_of(st.floats(-10, 10), st.floats(-10, 10), st.integers(0, 2).map(float), ODD)
ROWS = st.integers(0, 14)


def inputs(rows: int):
    """Arrays and frames with so many rows, most of them usable."""
    columns = st.integers(0, 3)
    plain = columns.flatmap(lambda count: arrays(np.float64, (rows, count), elements=NUMBERS))
    return st.one_of(
        plain,
        plain,
        plain.map(lambda x: pd.DataFrame(x).add_prefix("x")),
        plain.map(lambda x: pd.DataFrame(x).add_prefix("x").assign(text="a", when=pd.Timestamp("2024-01-01"))),
        arrays(np.complex128, (rows, 1)),
        arrays(np.int8, (rows, 2)),
        st.sampled_from([None, 3, "X", [], [[]], np.zeros((rows, 2, 2)), np.array([["a", "b"]] * rows, object)]),
    )


def targets(rows: int):
    return st.one_of(
        arrays(np.float64, rows, elements=NUMBERS),
        arrays(np.float64, rows, elements=st.floats(-5, 5)),
        arrays(np.int64, rows, elements=st.integers(0, 2)),
        arrays(np.float64, (rows, 2), elements=st.floats(-5, 5)),
        st.lists(st.sampled_from(["a", "b", None]), min_size=rows, max_size=rows),
        st.sampled_from([None, 3, "y", [], [[1.0]] * rows, [{"a": 1}] * rows, [[1], [1, 2]]]),
    )


CASES = ROWS.flatmap(lambda rows: st.tuples(inputs(rows), targets(rows)))


@pytest.mark.filterwarnings("ignore")
@examples(40)
@given(case=CASES, classes=st.booleans(), cv=st.sampled_from([2, 3, 1, 0, "five", [], [([0, 1], [2])]]))
def test_an_estimator_fits_or_says_in_scikit_learns_way_why_not(case, classes, cv):
    x, y = case
    kind = search.LambdaSearchClassifier if classes else search.LambdaSearchRegressor
    made = kind(penalty="l2", lambdas=[0.1, 1.0], trials=2, cv=cv, settings={"search.confirm": False})
    fitted = made_or_refused(lambda: made.fit(x, y), ValueError, TypeError)
    if fitted is not None:
        assert len(fitted.predict(x)) == len(x)


def test_cuts_of_rows_that_are_not_there_are_refused_in_scikit_learns_way():
    x = np.random.default_rng(0).normal(size=(20, 2))
    with pytest.raises(ValueError, match=r"cv: index 20 is out of bounds.*; X has 20 rows"):
        search.LambdaSearchRegressor(cv=[([0, 1, 20], [2, 3])]).fit(x, x[:, 0])


@pytest.mark.parametrize(
    "changes",
    [
        {"penalty": "l3"},
        {"penalty": []},
        {"penalty": 3},
        {"lambdas": -1.0},
        {"lambdas": [np.inf]},
        {"lambdas": [np.nan]},
        {"lambdas": "all"},
        {"trials": 0},
        {"trials": 10**12},
        {"trials": "many"},
        {"sampler": "best"},
        {"cv": 10**9},
        {"metric": "r2"},
        {"tolerance": np.nan},
        {"confidence": 2.0},
        {"settings": {"training": {"epochs": 10**12}}},
        {"settings": {"nothing": {}}},
        {"settings": {1: 2}},
        {"settings": 3},
        {"storage": "a\0b"},
        {"storage": "/proc/nowhere/ledger.journal"},
        {"n_jobs": 0},
        {"random_state": "one"},
    ],
    ids=str,
)
def test_an_estimator_refuses_settings_in_scikit_learns_way(changes):
    x = np.random.default_rng(0).normal(size=(20, 2))
    with pytest.raises((ValueError, TypeError)) as caught:
        search.LambdaSearchRegressor(**changes).fit(x, x[:, 0])
    assert str(caught.value)


@examples(60)
@given(
    validation=st.one_of(
        arrays(st.sampled_from([np.float64, np.float32, np.int64, np.bool_]), st.sampled_from([(3,), (2, 3), (0,)])),
        arrays(np.float64, (2, 3), elements=NUMBERS),
        st.sampled_from([None, "a", 3.0, [], [[1.0], []], [None], {}, np.zeros((2, 2, 2)), [object()]]),
    ),
    test=st.none() | arrays(np.float64, (1, 4), elements=NUMBERS) | st.sampled_from(["a", [[1.0], []]]),
)
@pytest.mark.filterwarnings("ignore")
def test_any_losses_are_recorded_and_judged_or_refused_in_one_line(validation, test):
    study = optuna.create_study()
    for alpha in (0.1, 1.0):
        trial = study.ask({"alpha": optuna.distributions.FloatDistribution(0.01, 10.0, log=True)})
        mean = made_or_refused(lambda trial=trial: search.record(trial, validation=validation, test=test))
        if mean is None:
            return
        study.tell(trial, mean if np.isfinite(mean) else 1e30 + alpha)
    made_or_refused(lambda: str(search.load(study)))


@pytest.mark.parametrize(
    "study", [None, 3, [], b"study.toml", "nowhere.toml", "a\0.toml", {}, {"name": "a", "data": 3}]
)
def test_run_refuses_what_is_no_study(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError):
        search.run(study, progress=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "changes", [{"workers": 0}, {"workers": 10**12}, {"trials": 10**12}, {"device": "gpu"}], ids=str
)
def test_run_refuses_numbers_without_a_limit(changes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError):
        search.run({"name": "a", "data": {"source": "digits"}}, progress=False, **changes)
    assert not list(tmp_path.iterdir())
