"""Coefficients on the inputs' own scale are the same function; in another's places they give a level what it had."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.data.columns import tidy_frame
from search.data.own_scale import Linear, on_features, own_scale
from search.data.preprocess import MISSING, RARE, fit_preprocessor


def table(rows=50, seed=0):
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "size": random.normal(100, 20, rows),
            "city": random.choice(["Rome", "Oslo", "Lima", "Bonn"], rows, p=[0.5, 0.3, 0.15, 0.05]),
            "rooms": random.integers(1, 6, rows),
            "always": 3.0,
        }
    )
    frame.loc[::7, "size"] = np.nan
    frame.loc[::9, "city"] = None
    return tidy_frame(frame, "frame")


def fitted(frame, *, degree=1, standardize=True, rare=1):
    return fit_preprocessor(frame, standardize=standardize, degree=degree, clip=True, rare=rare)


def as_they_are(known, frame):
    """The features of rows before any scaling: products of the numbers, medians where they are missing."""
    plain = fit_preprocessor(frame, standardize=False, degree=known.numbers.degree, clip=False, rare=1).numbers
    return np.column_stack([plain.apply(frame[list(plain.names)].to_numpy(float)), text_of(known, frame)])


def text_of(known, frame):
    return np.column_stack([levels.apply(frame[levels.name]) for levels in known.text])


@given(st.integers(1, 3), st.booleans(), st.integers(1, 3), st.integers(0, 5))
def test_they_are_the_same_function_of_the_inputs(degree, standardize, outputs, seed):
    frame = table(seed=seed)
    known = fitted(frame, degree=degree, standardize=standardize)
    random = np.random.default_rng(seed)
    plain = Linear(random.normal(size=(outputs, len(known.features))), random.normal(size=outputs))
    own = own_scale(known, plain)
    expected = known.apply(frame) @ plain.weight.T + plain.bias
    np.testing.assert_allclose(as_they_are(known, frame) @ own.weight.T + own.bias, expected, rtol=1e-8, atol=1e-8)
    if standardize:
        touched = ["always" in name for name in known.numbers.features]
        assert not own.weight[:, : len(touched)][:, touched].any()  # constant: no unit of it was ever seen


def test_a_level_that_was_rare_or_not_met_has_the_weight_of_such_rows():
    frame = table()
    whole = fitted(frame)
    part = frame[frame["city"] != "Bonn"]
    for own, expected in ((fitted(part, rare=9), "its rare ones"), (fitted(part), "nothing")):
        weight = np.arange(1.0, 1 + len(own.features))[None]
        found = dict(zip(whole.features, on_features(own, weight, whole)[0], strict=True))
        had = dict(zip(own.features, weight[0], strict=True))
        assert found["city=Bonn"] == (had[f"city={RARE}"] if expected == "its rare ones" else 0)
        assert found["size"] == had["size"]
        assert found["city=Rome"] == had["city=Rome"]
        rare = had.get(f"city={RARE}")
        assert found[f"city={MISSING}"] == had.get(f"city={MISSING}", rare)


@pytest.mark.parametrize("rare", [1, 9])
def test_in_the_places_of_their_own_they_stay(rare):
    known = fitted(table(), rare=rare)
    weight = np.arange(2.0 * len(known.features)).reshape(2, -1)
    np.testing.assert_array_equal(on_features(known, weight, known), weight)


def test_each_row_is_predicted_alike_in_the_places_of_another():
    """By the features of the whole, a row's text adds what it adds where the weights were trained."""
    frame = table()
    whole, own = fitted(frame), fitted(frame.iloc[:25], rare=4)
    weight = np.random.default_rng(1).normal(size=(1, len(own.features)))
    moved, start = on_features(own, weight, whole), len(own.numbers.features)
    np.testing.assert_allclose(text_of(whole, frame) @ moved[0, start:], text_of(own, frame) @ weight[0, start:])
