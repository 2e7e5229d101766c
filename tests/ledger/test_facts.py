"""What the computing arm tells comes back from JSON, the sealed part with the key alone."""

from __future__ import annotations

import json
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from search.core.evidence import Facts
from search.ledger.facts import aligned, from_json, to_json
from search.ledger.seal import new_key

KEY = new_key()
TEXTS = st.text(max_size=8)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def facts(draw):
    trials = tuple(draw(st.lists(st.integers(0, 10**6), unique=True, max_size=5)))
    scores = st.lists(st.floats(), min_size=len(trials), max_size=len(trials)).map(lambda each: np.array(each, float))
    return Facts(
        features=tuple(draw(st.lists(TEXTS, max_size=3))),
        lambda_range=draw(st.dictionaries(TEXTS, st.tuples(FINITE, FINITE), max_size=3)),
        baseline_loss=draw(st.none() | FINITE),
        trials=trials,
        criteria=draw(st.dictionaries(st.sampled_from(["gcv", "evidence"]), scores)),
        sealed_criteria=draw(st.dictionaries(st.just("true_risk"), scores)),
    )


def as_json(told: Facts) -> dict:
    """What a storage gives back; strict JSON, which knows neither NaN nor infinity."""
    return json.loads(json.dumps(to_json(told, KEY), allow_nan=False))


def assert_scores(found, expected) -> None:
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], np.where(np.isfinite(values), values, np.nan))
        assert found[name].dtype == np.float64


@given(facts())
def test_round_trip(told):
    found, closed = from_json(as_json(told), KEY), from_json(as_json(told), None)
    for again in (found, closed):
        assert again.features == told.features
        assert again.lambda_range == told.lambda_range
        assert again.baseline_loss == told.baseline_loss
        assert again.trials == told.trials
        assert_scores(again.criteria, told.criteria)
    assert_scores(found.sealed_criteria, told.sealed_criteria)
    assert closed.sealed_criteria == {}


@given(facts(), st.data())
def test_criteria_follow_the_trials_in_any_order_and_later_ones_have_none(told, data):
    asked = data.draw(st.lists(st.sampled_from([*told.trials, 10**7]), max_size=6))
    found = aligned(told, np.array(asked, dtype=np.int64))
    every = {**told.criteria, **told.sealed_criteria}
    assert found.keys() == every.keys()
    for name, values in every.items():
        known = dict(zip(told.trials, values.tolist(), strict=True))
        np.testing.assert_array_equal(found[name], [known.get(trial, math.nan) for trial in asked])


def test_a_study_that_was_told_nothing_has_empty_facts():
    for key in (KEY, None):
        nothing = from_json({}, key)
        assert (nothing.features, nothing.lambda_range, nothing.baseline_loss, nothing.trials) == ((), {}, None, ())
        assert nothing.criteria == nothing.sealed_criteria == {}
