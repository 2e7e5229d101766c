"""Q2b: the reader's rule on his own table, the loop behind the reproduction, and what the answer says of both."""

import numpy as np
import pytest

from search.core.candidate import Candidate
from search.core.results import Results
from search.data import load_task
from search.training import train
from search.verdict.rules import RULES, Options
from studies.book import read_answer
from studies.common import grid
from studies.q2b_heuristic.compute import LAMBDAS, READER, STUDY, inside, rules, tail, trained

FIGURES = read_answer("q2b_heuristic")


def test_the_rule_picks_lambda_1_from_the_readers_table_and_argmin_does_not():
    losses = np.array(READER["test"])
    table = Results(tuple(grid("l2", LAMBDAS)), losses[:, None, None])
    assert LAMBDAS[RULES["first_plateau"].pick(table, Options(0.01))] == 1
    assert LAMBDAS[RULES["argmin"].pick(table, Options(0.01))] == 3
    assert losses[1] > 2 * losses.min()


def test_the_loop_trains_as_the_package_does():
    """Other random numbers, the same law: mean losses of 30 data sets agree within their sampling error."""
    settings = STUDY.replace({"data.draws": 30, "data.test": 0, "training.epochs": 40, "training.lr": 0.01})
    task = load_task(settings)
    own = trained(task, settings, 0.01, 40)
    package = train(task, settings, [Candidate("l2", LAMBDAS[3])])
    assert own["end"][3].mean() == pytest.approx(package.train_loss.mean(), rel=0.1)
    assert own["test"][3].mean() == pytest.approx(package.validation.mean(), rel=0.1)
    assert (own["running"][1:].mean(1) > own["end"][1:].mean(1)).all()  # a step lowers the loss of its own rows


def test_bands_and_tails():
    losses = np.linspace(0, 1, 1001)[None]
    assert inside(losses, (0.5,)) == 1
    assert inside(losses, (0.999,)) == 0
    assert tail(losses, (0.25,)) == pytest.approx(0.25, abs=0.01)


def test_the_rule_costs_more_than_the_others_where_the_start_is_remembered():
    found = {each["rule"]: each for each in rules(STUDY.replace({"data.draws": 5, "data.test": 0}))}
    assert found["first_plateau"]["lambda"] == 1
    assert found["first_plateau"]["regret"] > 10 * found["argmin"]["regret"]


def test_the_answer_says_what_it_measured():
    assert FIGURES["tables"] >= 200
    assert FIGURES["data_sets"] >= 500
    best = FIGURES["best"]
    assert best["running"] + best["test"] == 22
    for part, figures in (("running", READER["train"]), ("test", READER["test"])):
        band = FIGURES["band"][part]
        assert all(low <= each <= high for low, each, high in zip(band["low"], figures, band["high"], strict=True))
    named = FIGURES["trainings"][0]
    assert (named["lr"], named["epochs"], named["test"]) == (0.003, 200, 11)
    assert named["end"] < 11  # the settings that the question suggests do not give his training losses
    regret = {each["rule"]: each["regret"] for each in FIGURES["rules"]}
    assert regret["first_plateau"] > 0.5
    assert regret["argmin"] < 0.02
    exact = {each["rule"]: each["regret"] for each in FIGURES["rules_exact"]}
    assert exact["first_plateau"] < 0.02
