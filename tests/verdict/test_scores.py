"""The judged loss in units that mean something, and how far a seed moves it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from search.core.evidence import Evidence, Plain
from search.verdict import Comparison, describe, judge
from search.verdict.inputs import results_from_arrays
from search.verdict.scores import scores, seed_effect


def comparison(**evidence):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"penalty": "l2", "lambda": [0.1, 1.0, 10.0]})
    results = results_from_arrays(rng.exponential(size=(3, 20)), rng.exponential(size=(3, 2, 90)), frame)
    return Comparison(results, 1, evidence=Evidence(**evidence))


def test_squared_errors_have_their_root_and_r2():
    rng = np.random.default_rng(1)
    target, guess = rng.normal(3, 2, size=(2, 90))
    losses = np.stack([(target - guess) ** 2, (target - 3) ** 2])
    constant = ((target - target.mean()) ** 2).mean()
    frame = pd.DataFrame({"penalty": "l2", "lambda": [0.1, 1.0]})
    found = judge(losses, losses, frame, selected=0, evidence=Evidence(plain=Plain("mse", constant))).scores
    residual = target - guess
    assert found.metric == "mse"
    assert found.loss == pytest.approx((residual**2).mean())
    assert found.baseline == pytest.approx(target.var())
    assert found.rmse == pytest.approx(np.linalg.norm(residual) / np.sqrt(90))
    assert found.baseline_rmse == pytest.approx(target.std())
    assert found.r2 == pytest.approx(1 - (residual**2).sum() / ((target - target.mean()) ** 2).sum())
    assert (found.accuracy, found.baseline_accuracy) == (None, None)


@pytest.mark.parametrize(("metric", "baseline"), [("mae", 2.0), ("log_loss", 0.7), ("mse", 0.0)])
def test_other_losses_have_neither_root_nor_r2(metric, baseline):
    case = comparison(plain=Plain(metric, baseline, 0.9, 0.6))
    found = scores(case)
    assert (found.rmse, found.baseline_rmse, found.r2) == (None, None, None)
    assert (found.loss, found.baseline) == (case.own_risk, baseline)
    assert (found.accuracy, found.baseline_accuracy) == (0.9, 0.6)


def test_a_loss_above_the_constants_has_a_negative_r2():
    assert scores(comparison(plain=Plain("mse", 1e-3))).r2 < 0


def test_no_score_without_a_baseline_or_for_a_candidate_that_diverged():
    assert scores(comparison()) is None
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"penalty": "l2", "lambda": [0.1, 1.0]})
    test = rng.random((2, 30))
    test[0, 3] = np.inf
    evidence = Evidence(plain=Plain("mse", 1.0))
    assert judge(rng.random((2, 30)), test, frame, selected=0, evidence=evidence).scores is None
    assert judge(rng.random((2, 30)), test, frame, selected=1, evidence=evidence).scores is not None


def test_in_a_rotation_the_loss_is_that_of_what_was_picked():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"penalty": "l2", "lambda": [0.1, 1.0, 10.0]})
    validation, test, selected = rng.random((3, 20)), rng.random((3, 60)), rng.integers(3, size=60)
    found = judge(validation, test, frame, selected=selected, evidence=Evidence(plain=Plain("mse", 2.0)))
    assert found.scores.loss == pytest.approx(test[selected, np.arange(60)].mean())
    assert found.scores.r2 == pytest.approx(1 - found.scores.loss / 2)


def test_a_seed_moves_the_loss_by_the_standard_deviation_over_fresh_ones():
    losses = (1.0, 1.3, 0.9, 1.1, 1.2)
    found = seed_effect(comparison(seed_losses=losses))
    assert found.seeds == 5
    assert found.deviation == pytest.approx(np.sqrt(sum((each - 1.1) ** 2 for each in losses) / 4))


@pytest.mark.parametrize("losses", [(), (1.0,), (1.0, 1.0, 1.0), (1.0, np.inf), (1.0, np.nan, 2.0)])
def test_no_effect_where_nothing_is_random_or_a_fit_diverged(losses):
    assert seed_effect(comparison(seed_losses=losses)) is None


def test_both_stand_in_the_verdict_and_its_text():
    case = comparison(plain=Plain("mse", 4.0), seed_losses=(1.0, 1.1, 1.2))
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"penalty": "l2", "lambda": [0.1, 1.0, 10.0]})
    found = judge(
        rng.exponential(size=(3, 20)), rng.exponential(size=(3, 2, 90)), frame, selected=1, evidence=case.evidence
    )
    assert found.scores == scores(case)
    assert found.seed == seed_effect(case)
    said, text = found.to_dict(), describe(found)
    assert set(said["scores"]) == {
        *("metric", "loss", "baseline", "rmse", "baseline_rmse", "r2", "accuracy", "baseline_accuracy")
    }
    assert set(said["seed"]) == {"seeds", "deviation"}
    assert f"predicting the mean by 2: R² is {found.scores.r2:.2f}." in text
    share = 0.1 / found.selected.validation_loss
    assert f"Another seed moves its validation loss by about {100 * share:.0f} %" in text
