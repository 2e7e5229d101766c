"""Q1: the curves' shape, and an accuracy that is full marks for predictions that are wrong on every row."""

import numpy as np
import pytest

from search.core.candidate import Candidate
from search.core.means import fit_means
from search.data import load_task
from search.training import train
from studies.book import read_answer
from studies.q1_curve.compute import EDITIONS, STUDY, edition, held_out_scores, scores

FIGURES = read_answer("q1_curve")


@pytest.fixture(scope="module")
def newer():
    return edition(EDITIONS["newer"] | {"data.draws": 2, "data.test": 0, "search.trials": 13})


def test_training_error_rises_with_lambda_and_held_out_error_falls_first(newer):
    for penalty in ("l1", "l2", "elastic_net"):
        curve = newer["curves"][penalty]
        assert (np.diff(curve["train"]["middle"]) > -1e-5).all()
        assert curve["best_loss"] < newer["none"]


def test_with_one_output_a_group_is_a_weight(newer):
    assert newer["l1_against_group_lasso"] < 1e-4


def test_full_marks_for_predictions_that_are_wrong_on_every_row():
    y = np.random.default_rng(0).normal(0.05, 0.14, size=100)
    mirrored = scores(2 * y.mean() - y, y)
    assert mirrored["accuracy"] == pytest.approx(100)
    assert mirrored["r2"] == pytest.approx(-3)
    assert (np.abs(2 * y.mean() - 2 * y) > 0).all()


def test_scores_agree_with_the_losses_that_the_package_keeps():
    settings = STUDY.replace({"data.draws": 2, "data.test": 0, "training.epochs": 3})
    task = load_task(settings)
    results = train(task, settings, [Candidate("l2", 1.0), Candidate("none")])
    found = held_out_scores(task, results)
    variance = [float(split.validation.y.var(correction=0)) for split in task.splits for _ in range(2)]
    losses = fit_means(results.validation)
    assert found["mse"] == pytest.approx(losses, rel=1e-4)
    assert (1 - found["r2"]) * variance == pytest.approx(losses, rel=1e-4)


def test_the_answer_says_what_it_measured():
    older, newer = FIGURES["editions"]["older"], FIGURES["editions"]["newer"]
    assert older["none"] > 1000 * older["lowest"]
    assert newer["lowest"] < newer["none"] < 3 * newer["lowest"]
    assert older["loss_by_accuracy"] >= older["lowest"]
    assert newer["curves"]["l2"]["best_r2"] < 0.1  # no lambda makes a good model of 20 rows
    assert max(found["l1_against_group_lasso"] for found in (older, newer)) < 1e-3
    peak, where = older["curves"]["l1"]["worst_train"]
    assert peak > 10 * older["curves"]["l1"]["train"]["middle"][-1]
    assert 0.3 < where < 3
