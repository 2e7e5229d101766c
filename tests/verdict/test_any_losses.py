"""Whatever arrays are judged: a verdict, or one line; and no order of candidates or scale of losses changes it."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from properties import examples, made_or_refused

import search
from search.core.errors import UserError
from search.verdict import describe

ODD = st.sampled_from([0.0, -0.0, 1.0, -1.0, math.nan, math.inf, -math.inf, 1e-320, 1e30, 1e31, 1e300, 1.7e308])
LOSSES = st.one_of(st.floats(0, 10), st.floats(0, 10), st.integers(0, 2).map(float), st.floats(width=32), ODD)
SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 8)) | st.tuples(
    st.integers(1, 5), st.integers(1, 8)
)
PENALTIES = st.sampled_from(["none", "l1", "l2", "elastic_net", "weight decay", "", "mcp"])
STRENGTHS = st.one_of(st.floats(1e-6, 1e6), st.sampled_from([0.0, 1e-320, 1e308, math.inf, math.nan, -1.0]))


@st.composite
def cases(draw):
    """Arrays, a frame and options, most of which fit each other."""
    shape = draw(SHAPES)
    validation = draw(arrays(np.float64, shape, elements=LOSSES))
    if draw(st.booleans()):
        with np.errstate(over="ignore"):
            validation = validation.astype(np.float32)
    rows = draw(st.integers(1, 8))
    test = draw(st.none() | arrays(np.float64, (shape[0], *shape[1:-1], rows), elements=LOSSES))
    count = shape[0] if draw(st.integers(0, 9)) else draw(st.integers(0, 3))
    strengths = draw(st.lists(STRENGTHS, min_size=count, max_size=count))
    penalties = draw(st.lists(PENALTIES, min_size=count, max_size=count))
    frame = pd.DataFrame({"penalty": pd.Series(penalties, dtype=object), "lambda": np.array(strengths, float)})
    options = {}
    if draw(st.booleans()):
        options["selected"] = draw(st.integers(-1, 5))
    if draw(st.booleans()):
        options["confidence"] = draw(st.one_of(st.floats(0, 1), st.sampled_from([0.5, 1 - 1e-16, 0.999999, math.nan])))
    if draw(st.booleans()):
        options["tolerance"] = draw(st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1e-300, math.nan, -1.0])))
    if draw(st.booleans()):
        options["scope"] = draw(st.sampled_from(["models", "procedure", ""]))
    return validation, test, frame, options


@examples(150)
@given(case=cases())
def test_any_arrays_are_judged_or_refused_in_one_line(case):
    validation, test, frame, options = case
    found = made_or_refused(lambda: search.judge(validation, test, frame, **options))
    if found is None:
        return
    json.dumps(found.to_dict(), allow_nan=False)
    assert found.answer in {"yes", "no", "cannot tell"}
    assert "nan" not in describe(found).lower().split()
    regret = found.regret
    assert not np.isnan([regret.estimate, regret.lower, regret.upper]).any()
    assert regret.lower <= regret.estimate <= regret.upper
    assert found.answer != "yes" or regret.relative_upper <= found.tolerance


NOTHING = [None, 3, "losses", [], [[]], {}, np.array("a"), np.zeros((0, 3)), np.zeros((2, 0)), [[1.0], []], [["a"]]]
FRAME = pd.DataFrame({"penalty": ["l1", "l2"], "lambda": [1.0, 2.0]})


@pytest.mark.parametrize("losses", NOTHING, ids=str)
def test_what_are_no_losses_is_refused(losses):
    with pytest.raises(UserError, match=r"^judge: "):
        search.judge(losses, None, FRAME)
    if losses is not None:
        with pytest.raises(UserError, match=r"^judge: "):
            search.judge(np.ones((2, 3)), losses, FRAME)


@pytest.mark.parametrize("candidates", [None, 3, "l1", [], {"penalty": ["l1"]}, [1.0, 2.0]], ids=str)
def test_what_is_no_frame_of_candidates_is_refused(candidates):
    with pytest.raises(UserError, match=r"^judge: candidates"):
        search.judge(np.ones((2, 3)), None, candidates)


@pytest.mark.parametrize("strength", [math.inf, -math.inf, math.nan, -1.0])
def test_a_strength_that_is_none_is_refused(strength):
    with pytest.raises(UserError, match=r'^judge: candidates\["lambda"\]'):
        search.judge(np.ones((2, 3)), None, FRAME.assign(**{"lambda": [1.0, strength]}))


@pytest.mark.parametrize("selected", ["first", 0.5, None, [0.5], np.array([[0]]), 10**30, -1], ids=str)
def test_a_selection_that_is_none_is_refused(selected):
    if selected is None:
        return
    with pytest.raises(UserError, match=r"^judge: selected"):
        search.judge(np.ones((2, 3)), np.ones((2, 3)), FRAME, selected=selected)


@pytest.mark.parametrize("unit", [1e-50, 1e-38, 1e-20, 1e20, 1e28])
@pytest.mark.parametrize("tested", [True, False])
def test_very_small_and_very_large_losses_have_the_same_bounds(unit, tested):
    """Single precision, in which errors are drawn, has no number below 1e-45: bounds were a fourth as wide."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"penalty": "l2", "lambda": np.geomspace(0.01, 100, 20)})
    level = 1 + 0.1 * np.log(frame["lambda"].to_numpy() / 3)[:, None] ** 2
    validation, test = (level * rng.gamma(1.0, size=(20, rows)) for rows in (100, 300))
    one, other = (search.judge(u * validation, u * test if tested else None, frame) for u in (1.0, unit))
    assert one.answer == other.answer
    assert other.regret.upper == pytest.approx(unit * one.regret.upper, rel=1e-3)
    assert other.regret.relative_upper == pytest.approx(one.regret.relative_upper, rel=1e-3)


@pytest.mark.parametrize("high", [1e30, 3e38, -3.1e38, -3.4e38, -1e45])
def test_one_loss_at_the_end_of_single_precision_overflows_in_no_draw(high):
    validation = np.zeros((4, 3))
    validation[3, 2] = high
    found = search.judge(validation, None, pd.DataFrame({"penalty": ["none"] * 4, "lambda": [1.0] * 4}))
    assert found.regret.lower <= found.regret.estimate <= found.regret.upper
    assert found.regret.upper < np.inf


def test_losses_too_small_to_compute_with_are_refused_and_no_loss_at_all_is_none():
    with pytest.raises(UserError, match=r"^judge: validation has losses up to 9e-61 alone"):
        search.judge(9e-61 * np.ones((2, 3)), None, FRAME)
    assert search.judge(np.zeros((2, 3)), None, FRAME).answer == "yes"


@examples(25)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(2, 6), rows=st.integers(5, 40))
def test_the_order_of_the_candidates_and_the_unit_of_the_losses_do_not_matter(seed, count, rows):
    rng = np.random.default_rng(seed)
    level = 1 + rng.random(count)[:, None]
    validation, test = (level * rng.gamma(2.0, size=rows) + 0.1 * rng.random((count, rows)) for _ in range(2))
    frame = pd.DataFrame({"penalty": "l2", "lambda": np.geomspace(0.1, 10, count)})
    order, unit = rng.permutation(count), 2.0 ** rng.integers(-20, 20)
    one = search.judge(validation, test, frame)
    other = search.judge(unit * validation[order], unit * test[order], frame.iloc[order].reset_index(drop=True))
    assert one.selected.lambda_ == other.selected.lambda_
    assert one.answer == other.answer
    assert other.regret.estimate == pytest.approx(unit * one.regret.estimate, rel=1e-9)
    for name in ("lower", "upper"):
        assert getattr(other.regret, name) == pytest.approx(unit * getattr(one.regret, name), rel=1e-6)
