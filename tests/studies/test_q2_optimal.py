"""Q2: the verdict does not contradict the truth, on a few data sets now and on many in the answers."""

import pytest

from studies.book import read_answer
from studies.q2_optimal.compute import STUDY, repeated

FIGURES = read_answer("q2_optimal")


def test_verdicts_agree_with_the_known_truth():
    found = repeated(STUDY.replace("training.epochs", 60), 4, 6)
    assert found["right"] == found["covered"] == found["matters"] == 1.0
    assert sum(found["answers"].values()) == pytest.approx(1)
    assert found["gain"] > 10


def test_the_answer_is_true():
    assert FIGURES["answer"] == "yes"
    assert FIGURES["true_regret"] <= FIGURES["upper"] <= FIGURES["tolerance"]
    assert FIGURES["true_gain"] > 100 * FIGURES["true_risk"]


def test_in_general_the_bounds_hold_as_often_as_they_promise():
    found = FIGURES["repeated"]
    assert found["covered"] >= 0.95 - 2 * (0.05 * 0.95 / found["data_sets"]) ** 0.5
    assert found["right"] >= 0.95
    assert found["exactly_best"] < found["within_tolerance"] < 1
    assert found["answers"]["yes"] <= found["within_tolerance"]


def test_the_best_lambda_usually_lies_inside_of_the_grid():
    low, middle, _ = FIGURES["repeated"]["best_lambdas"]
    assert 1.0 < low < middle < 300.0
