"""Candidates that explode on single rows: out of the bounds when, and only when, they are certainly worse."""

from __future__ import annotations

import numpy as np
import pandas as pd

from search.core.results import Results
from search.verdict import Comparison, judge
from search.verdict.inputs import candidates_of, results_from_arrays


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
    assert abs(verdict.regret.relative_upper - without.regret.relative_upper) < 0.002
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
