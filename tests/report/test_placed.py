"""Candidates on the lambda axis, their spread over replicates, and which of many are drawn."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from search.core.candidate import Candidate
from search.core.results import Results
from search.report.placed import placed, spans_decades, spread, thin


def test_a_line_joins_the_candidates_of_a_penalty_that_differ_in_lambda_alone():
    candidates = [
        *(Candidate("none"), Candidate("none", lr=0.1)),
        *(Candidate("l2", 1.0, lr=0.1), Candidate("l2", 2.0, lr=0.1)),
        *(Candidate("l1", 1.0, lr=0.1), Candidate("l1", 2.0, lr=0.2)),
        *(Candidate("elastic_net", 1.0, l1_ratio=0.5), Candidate("elastic_net", 2.0, l1_ratio=0.5, lr=0.1)),
    ]
    found = placed(Results(tuple(candidates), np.ones((len(candidates), 1, 1))))
    assert found.smooth == {"l2"}
    assert found.penalties() == ["none", "l1", "l2", "elastic_net"]
    assert found.text[2] == "<b>l2</b><br>lambda 1<br>lr 0.1<br>trial 2"
    assert (found.x[:2] < found.x[2:].min()).all()


def test_spread_is_the_mean_and_the_80_per_cent_band():
    infinite = spread(np.array([[0.0, 1.0, 2.0], [1.0, np.inf, 1.0]]))
    np.testing.assert_allclose(infinite.mean, [1.0, np.inf])
    np.testing.assert_allclose(infinite.low, [0.2, np.nan])
    np.testing.assert_allclose(infinite.high, [1.8, np.nan])
    assert np.isnan(spread(np.ones((3, 1))).low).all()
    assert np.isnan(spread(np.full((3, 2), np.nan))).all()
    np.testing.assert_array_equal(spread(np.array([[np.nan, 2.0, 4.0], [np.nan, 1.0, 1.0]])).mean, [3, 1])


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=50), st.integers(2, 20), st.data())
def test_thinning_keeps_the_ends_what_it_must_and_the_order(values, limit, data):
    x = np.array(values)
    keep = data.draw(st.lists(st.integers(0, len(x) - 1), max_size=3))
    shown = thin(x, [*keep, None], limit)
    assert set(keep) <= set(shown.tolist())
    assert len(shown) == len(set(shown.tolist())) <= limit + len(keep)
    assert (np.diff(x[shown]) >= 0).all()
    assert (x[shown].min(), x[shown].max()) == (x.min(), x.max())
    if len(x) <= limit:
        assert len(shown) == len(x)


def test_a_logarithmic_axis_is_for_positive_values_over_two_decades():
    assert spans_decades(np.array([1.0, 101.0, np.inf]))
    assert not spans_decades(np.array([1.0, 99.0]))
    assert not spans_decades(np.array([0.0, 1e5]))
    assert not spans_decades(np.array([np.inf]))
