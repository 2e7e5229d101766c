"""The range of an axis: what matters fills it, and every value that it leaves out is counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.report.focus import focus
from search.report.placed import Spread

CURVE = np.array([1.5, 1.2, 1.0, 1.1, 1.3, 1.45, 1.5, 1.5])


@pytest.mark.parametrize("worst", [60.0, 1e9, np.inf])
def test_one_outlier_does_not_flatten_the_others(worst):
    view = focus(np.append(CURVE, worst))
    plain = focus(CURVE)
    assert (view.low, view.high, view.log) == (plain.low, plain.high, False)
    assert view.above == np.isfinite(worst)
    assert plain.outside() == ""
    assert view.outside() == ("1 point above" if view.above else "")


def test_on_a_logarithmic_axis_what_is_far_below_is_left_out_too():
    values = np.append(np.geomspace(1e-3, 1.0, 20), 1e-30)
    view = focus(values)
    assert view.log
    assert (view.above, view.below) == (0, 1)
    assert view.axis()["type"] == "log"
    assert view.low > 1e-4


def test_a_curve_of_more_than_a_decade_is_logarithmic_with_ticks_between_the_powers_of_ten():
    view = focus(np.array([0.067, 0.08, 0.09, 0.1, 0.12, 0.2, 0.5, 2.3, 2.3, 2.3]))
    axis = view.axis()
    assert view.log
    assert axis["ticktext"][:3] == ["0.1", "0.2", "0.5"]
    assert all(view.low <= value <= view.high for value in axis["tickvals"])
    assert "dtick" in focus(np.geomspace(1e-4, 1.0, 20)).axis()


def test_what_is_to_be_kept_is_inside_and_few_values_are_all_kept():
    assert focus(np.append(CURVE, 60.0), keep=[60.0]).high > 60
    assert focus(np.array([1.0, 1.1, 60.0])).above == 0
    assert focus(CURVE, keep=[0.2]).low < 0.2  # also where no value is as low
    assert focus(np.geomspace(1e-3, 1.0, 20), keep=[1e-6, 0.0]).low < 1e-6


def test_nothing_is_left_out_where_the_scale_gains_little():
    values = np.array([1.0, 1.02, 1.03, 1.04, 1.05, 1.08, 1.1, 1.1, 1.28])
    assert [focus(np.append(values, last)).above for last in (1.8, 9.0)] == [0, 1]


def test_bands_widen_the_range_but_not_without_limit():
    narrow, wide = (Spread(CURVE, CURVE - each, CURVE + each) for each in (0.05, 50.0))
    plain = focus(CURVE)
    assert plain.high < focus(CURVE, bands=narrow).high < focus(CURVE, bands=wide).high < 2.0


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=40))
def test_every_value_is_inside_or_counted(values):
    array = np.array(values)
    view = focus(array, keep=values[:1])
    inside = (array >= view.low) & (array <= view.high)
    assert inside.sum() + view.above + view.below == len(array)
    assert inside[0]
    assert inside.sum() >= 0.6 * len(array)
    assert ((view.edged(array) > view.low) & (view.edged(array) < view.high)).all()
    assert (np.diff(view.edged(np.sort(array))) >= 0).all()
