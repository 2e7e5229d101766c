"""What the computing arm tells comes back from JSON, the sealed part with the key alone."""

from __future__ import annotations

import json
import math
from base64 import b64encode
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from search.core.evidence import Facts, Plain
from search.ledger.facts import aligned, from_json, to_json
from search.ledger.seal import close_seal, new_key

KEY = new_key()
TEXTS = st.text(max_size=8)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


PLAINS = st.builds(
    Plain,
    metric=st.sampled_from(["mse", "log_loss"]),
    baseline=FINITE,
    accuracy=st.none() | FINITE,
    baseline_accuracy=st.none() | FINITE,
)


@st.composite
def facts(draw):
    trials = tuple(draw(st.lists(st.integers(0, 10**6), unique=True, max_size=5)))
    scores = st.lists(st.floats(), min_size=len(trials), max_size=len(trials)).map(lambda each: np.array(each, float))
    return Facts(
        features=tuple(draw(st.lists(TEXTS, max_size=3))),
        lambda_range=draw(st.dictionaries(TEXTS, st.tuples(FINITE, FINITE), max_size=3)),
        baseline_loss=draw(st.none() | FINITE),
        seed_losses=tuple(draw(st.lists(st.floats(allow_nan=False), max_size=5))),
        trials=trials,
        criteria=draw(st.dictionaries(st.sampled_from(["gcv", "evidence"]), scores)),
        sealed_criteria=draw(st.dictionaries(st.just("true_risk"), scores)),
        plain=draw(st.none() | PLAINS),
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
        assert_finite_or_not(again.seed_losses, told.seed_losses)
        assert_scores(again.criteria, told.criteria)
    assert_scores(found.sealed_criteria, told.sealed_criteria)
    assert found.plain == told.plain
    assert (closed.sealed_criteria, closed.plain) == ({}, None)


def assert_finite_or_not(found, expected) -> None:
    """Finite losses come back to the bit, the losses of diverged fits as no number."""
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(np.isfinite(found), finite)
    np.testing.assert_array_equal(np.array(found)[finite], np.array(expected)[finite])


def test_what_the_judged_rows_say_is_not_readable_without_the_key():
    told = Facts(plain=Plain("log_loss", baseline=0.6931478, accuracy=0.8765432, baseline_accuracy=0.5432101))
    written = json.dumps(to_json(told, KEY))
    for secret in ("log_loss", "0.6931478", "0.8765432", "0.5432101", "accuracy"):
        assert secret not in written
    assert from_json(json.loads(written), None).plain is None
    assert from_json(json.loads(written), KEY).plain == told.plain


@given(facts())
def test_the_sealed_facts_of_version_0_1_are_still_read(told):
    """It sealed the criteria themselves, and told neither seeds nor a baseline of the judged rows."""
    kept = as_json(replace(told, seed_losses=()))
    scores = {
        name: [each if math.isfinite(each) else None for each in values.tolist()]
        for name, values in told.sealed_criteria.items()
    }
    kept["sealed"] = b64encode(close_seal(json.dumps(scores).encode(), KEY)).decode()
    del kept["seed_losses"]
    found, closed = from_json(kept, KEY), from_json(kept, None)
    assert_scores(found.sealed_criteria, told.sealed_criteria)
    assert closed.sealed_criteria == {}
    for again in (found, closed):
        assert_scores(again.criteria, told.criteria)
        assert (again.features, again.trials) == (told.features, told.trials)
        assert (again.plain, again.seed_losses) == (None, ())


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
        assert (nothing.seed_losses, nothing.plain) == ((), None)
        assert nothing.criteria == nothing.sealed_criteria == {}
