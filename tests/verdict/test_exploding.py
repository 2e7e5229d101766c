"""Candidates that explode on single rows: they leave no bound open, and are out of the sets when certainly worse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.core.results import Results
from search.verdict import Comparison, judge, verdict_of
from search.verdict.bounds import regret_bounds
from search.verdict.inputs import candidates_of, results_from_arrays
from search.verdict.sample import build


def frame(count):
    penalties = ["none"] + ["l2"] * (count - 1)
    return pd.DataFrame({"penalty": penalties, "lambda": [0.0, *np.geomspace(0.1, 10, count - 1)]})


def losses(rng, rows, count=6):
    """Good candidates whose losses nearly agree, and a first one that is bad on all rows and absurd on one of them."""
    base = rng.chisquare(1, size=rows)
    good = base + 0.01 * np.arange(count)[:, None] + 0.01 * rng.normal(size=(count, rows)) ** 2
    good[0] = 3 * base + 5
    good[0, 0] = 1e8
    return good


def test_one_absurd_row_does_not_leave_every_bound_open():
    rng = np.random.default_rng(1)
    validation, test = losses(rng, 100), losses(rng, 400)
    verdict, without = judge(validation, test, frame(6)), judge(validation[1:], test[1:], frame(6).iloc[1:])
    assert verdict.regret.relative_upper < 0.05
    assert verdict.regret == without.regret  # nothing is given up for it
    assert verdict.basis.at_most == without.basis.at_most
    assert all(part.penalty == "l2" for part in verdict.confidence_set)
    assert verdict.does_it_matter.answer is True
    assert verdict.does_it_matter.gain_over_none.lower < 0 < verdict.does_it_matter.gain_over_none.upper


def test_a_candidate_that_is_better_on_all_rows_but_one_stays():
    """Its mean is dreadful, but capped it is no worse: nothing says that it cannot be the best."""
    rng = np.random.default_rng(2)
    validation, test = losses(rng, 100), losses(rng, 400)
    test[0, 1:] = 0.5 * test[1, 1:]
    case = Comparison(results_from_arrays(validation, test, frame(6)), 1)
    assert not case.exploding.any()
    assert judge(validation, test, frame(6), selected=1).regret.relative_upper > 0.2


def test_the_upper_bound_is_that_of_losses_capped_ten_validation_losses_above_the_selected_ones():
    rng = np.random.default_rng(7)
    validation, test = losses(rng, 100), losses(rng, 400)
    case = Comparison(results_from_arrays(validation, test, frame(6)), 2)
    cap = 10 * validation[2].mean()
    assert case.cap == pytest.approx(cap)
    capped = np.minimum(test, test[2] + cap)
    assert np.allclose(case.capped.risk, capped.mean(axis=1))
    assert (case.capped.gain >= build(test[:, None], 2, "models").gain).all()
    direct = regret_bounds(build(capped[:, None], 2, "models"), confidence=0.95, relative=False)
    found = verdict_of(case).regret
    assert found.upper == pytest.approx(direct.upper)
    assert found.lower == regret_bounds(case.sample, confidence=0.95, relative=False).lower


@pytest.mark.parametrize("size", [1e3, 1e8, 1e29])
def test_how_far_a_loss_is_beyond_the_cap_does_not_matter(size):
    """A candidate that explodes on a row and is as good as the others on all others: nothing says that it is worse."""
    rng = np.random.default_rng(8)
    validation, test = losses(rng, 100), losses(rng, 400)
    validation[0], test[0] = 2 * validation[1], test[1] + 0.02 * rng.normal(size=400)
    test[0, 3] = size
    found, other = judge(validation, test, frame(6)), judge(validation, test, frame(6), selected=1)
    assert found.selected.trial == other.selected.trial == 1
    case = Comparison(results_from_arrays(validation, test, frame(6)), 1)
    assert not case.exploding.any()
    assert 0 < found.regret.relative_upper < 0.1
    huge = test.copy()
    huge[0, 3] *= 3
    again = judge(validation, huge, frame(6)).regret
    assert (again.upper, again.relative_upper) == (found.regret.upper, found.regret.relative_upper)
    # the other candidates alone have no larger bound
    without = judge(validation[1:], test[1:], frame(6).iloc[1:]).regret
    assert without.upper <= found.regret.upper


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(40, 100), st.integers(0, 3))
def test_an_exploding_candidate_leaves_the_bounds_of_the_others_alone(seed, rows, selected):
    """It is bad on every row, so whatever it does on one of them it cannot be the one that the bounds come from."""
    rng = np.random.default_rng(seed)
    good = rng.exponential(size=(4, rows)) + 0.5
    bad = good[selected] + 3 + rng.random(rows)
    bad[rng.integers(rows)] = 10 ** rng.uniform(2, 28)
    validation = rng.exponential(size=(5, 20)) + 0.5
    alone = judge(validation[:4], good, frame(4), selected=selected)
    found = judge(validation, np.concatenate([good, [bad]]), frame(5), selected=selected)
    assert (found.regret.estimate, found.regret.upper) == (alone.regret.estimate, alone.regret.upper)
    assert found.regret.relative_upper == alone.regret.relative_upper


def test_losses_below_zero_have_an_upper_bound_that_is_not_below_the_estimate():
    """Log likelihoods, say: the mean validation loss is no measure of how far a loss may lie above another then."""
    rng = np.random.default_rng(9)
    validation = rng.normal(size=(3, 30)) - 2
    test = rng.normal(size=(3, 200)) - 2 + np.array([0.0, 0.3, 0.6])[:, None]
    for selected in range(3):
        found = judge(validation, test, frame(3), selected=selected)
        plain = regret_bounds(build(test[:, None], selected, "models"), confidence=0.95, relative=False)
        assert found.regret.lower <= found.regret.estimate <= found.regret.upper
        assert found.regret.upper == pytest.approx(plain.upper)


@pytest.mark.rest
def test_the_truly_best_candidate_is_hardly_ever_said_to_explode():
    """Heavy tails on purpose: the same risk in truth, and rare rows that make one mean look dreadful."""
    rng, called, tried = np.random.default_rng(3), 0, 4000
    candidates, validation = candidates_of(frame(2)), np.full((2, 1, 10), 0.1)
    for _ in range(tried):
        own = rng.pareto(1.1, size=(1, 1, 30)) + 0.01
        other = rng.pareto(1.1, size=(1, 1, 30)) + 0.01
        case = Comparison(Results(candidates, validation, np.concatenate([own, other])), 0)
        called += bool(case.exploding.any())
    assert called <= 0.0025 * tried + 3 * np.sqrt(0.0025 * tried)


def test_without_heavy_rows_nothing_changes():
    rng = np.random.default_rng(4)
    test = losses(rng, 300)
    test[0, 0] = 6.0
    case = Comparison(results_from_arrays(losses(rng, 50), test, frame(6)), 1)
    assert case.finite.all()
    assert not case.exploding.any()
    assert case.bound_confidence == 0.95


def test_what_finding_them_took_is_given_up():
    rng = np.random.default_rng(5)
    case = Comparison(results_from_arrays(losses(rng, 100), losses(rng, 400), frame(6)), 1)
    assert case.exploding.tolist() == [True, *[False] * 5]
    assert case.contenders.tolist() == [False, *[True] * 5]
    assert 0.95 < case.bound_confidence < 1
    assert case.sample.count == 5
    assert case.sample.selected == 0


def test_without_test_rows_nobody_is_said_to_explode():
    rng = np.random.default_rng(6)
    assert not Comparison(results_from_arrays(losses(rng, 400), None, frame(6)), 1).exploding.any()
