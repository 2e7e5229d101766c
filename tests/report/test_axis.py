"""The lambda axis: every candidate has its place on it, `none` too."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from search.report.axis import lambda_axis

LAMBDAS = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=20)


@given(LAMBDAS, st.floats(1e-2, 1e2))
def test_none_has_its_place_left_of_all_and_the_axis_moves_with_the_unit(lambdas, factor):
    every = np.array([0.0, *lambdas])
    places = lambda_axis(every).place(every)
    assert places[0] < places[1:].min()
    np.testing.assert_array_equal(places[1:], every[1:])
    np.testing.assert_allclose(lambda_axis(every * factor).place(every * factor), places * factor, rtol=1e-9)


@given(LAMBDAS)
def test_ticks_lie_on_the_axis(lambdas):
    axis = lambda_axis(np.array([0.0, *lambdas]))
    values, text = axis.ticks()
    assert text[0] == "none"
    assert values[0] == axis.none
    assert len(values) == len(text) >= 2
    assert all(0.9 * axis.low <= value <= 1.1 * axis.high for value in values[1:])
    low, high = axis.layout()["range"]
    assert low < np.log10(axis.none)
    assert high > np.log10(axis.high)
    assert len(values) <= 11, "more do not fit a phone side by side"


def test_an_axis_without_none_and_one_with_nothing_else():
    assert lambda_axis(np.array([0.1, 10.0])).none is None
    assert lambda_axis(np.array([0.0])).ticks() == ([1.0], ["none"])
