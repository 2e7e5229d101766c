"""The profile of lambda: the best of each bin by validation, and intervals that speak of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import search
from search.core.candidate import Candidate
from search.core.results import Results
from search.verdict import describe
from search.verdict.matter import intervals
from search.verdict.profile import lambda_bins, profile, settings_searched


def table(candidates, losses) -> Results:
    return Results(tuple(candidates), np.asarray(losses, float).reshape(len(candidates), 1, -1))


def searched(count: int, seed: int = 0) -> list[Candidate]:
    """Random candidates with a learning rate, the best of which falls as lambda grows: lr * lambda is what counts."""
    rng = np.random.default_rng(seed)
    return [Candidate("l2", 10 ** rng.uniform(-3, 0), lr=10 ** rng.uniform(-3, 0), batch_size=8) for _ in range(count)]


def test_the_penaltys_own_parameters_and_constants_are_no_settings():
    candidates = [Candidate("elastic_net", 1.0, l1_ratio=0.1 * i, lr=0.1, dropout=0.1 * i) for i in range(3)]
    assert settings_searched(table(candidates, np.ones(3))) == ["dropout"]
    assert settings_searched(table([Candidate("weight_decay", 1.0, l1_ratio=i) for i in range(2)], [1, 1])) == [
        "l1_ratio"
    ]


def test_without_searched_settings_there_is_no_profile():
    assert profile(table([Candidate("l2", 1.0), Candidate("none")], [1, 2])) is None


def test_a_lambda_that_repeats_is_its_own_bin():
    lambdas = np.repeat([0.1, 1.0, 1.0001, 10.0], 3)
    assert lambda_bins(lambdas).tolist() == np.repeat([0, 1, 2, 3], 3).tolist()


@given(st.integers(1, 60), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_bins_are_ordered_and_of_equal_log_width(count, seed):
    lambdas = 10 ** np.random.default_rng(seed).uniform(-4, 2, count)
    bins = lambda_bins(lambdas)
    order = np.argsort(lambdas)
    assert (np.diff(bins[order]) >= 0).all()
    if count > 2:
        width = np.log(lambdas.max() / lambdas.min()) / max(2, round(np.sqrt(count)))
        for each in np.unique(bins):
            own = np.log(lambdas[bins == each])
            assert np.ptp(own) <= width + 1e-9


@given(st.integers(4, 50), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_the_profile_is_the_lowest_validation_loss_of_each_bin(count, seed):
    candidates = searched(count, seed)
    results = table(candidates, np.random.default_rng(seed).random(count))
    found, bins = profile(results), lambda_bins(results.lambda_)
    assert sorted(bins[found]) == sorted(set(bins.tolist()))
    for place in found:
        assert results.validation_loss[place] == results.validation_loss[bins == bins[place]].min()


def test_an_interval_looks_at_the_profile_alone():
    """A bad learning rate at a good lambda is no hole in the interval."""
    lambdas = [0.1, 1.0, 10.0]
    candidates = [Candidate("l2", value, lr=lr) for value in lambdas for lr in (0.1, 1.0)]
    results = table(candidates, [1.0, 5.0, 0.9, 6.0, 3.0, 7.0])
    named = np.array([True, False, True, False, False, False])
    [interval] = intervals(named, results)
    assert (interval.lambda_low, interval.lambda_high) == (0.1, 1.0)


def test_the_sentence_says_what_is_tuned():
    rng = np.random.default_rng(0)
    lambdas = np.repeat(np.geomspace(0.01, 1, 8), 4)
    rates = np.tile([0.01, 0.1, 0.3, 1.0], 8)
    level = 1 + 0.3 * np.log(rates / 0.1) ** 2  # lambda does not matter once lr is 0.1
    frame = pd.DataFrame({"penalty": "l2", "lambda": lambdas, "lr": rates})
    noise = rng.normal(size=(1, 3000)) ** 2
    losses = level[:, None] * noise * (1 + 1e-4 * rng.normal(size=(32, 3000)))
    verdict = search.judge(losses[:, :1000], losses[:, 1000:], frame)
    assert verdict.answer == "yes"
    assert verdict.selected.candidate["lr"] == 0.1
    assert verdict.to_dict()["selected"]["lr"] == 0.1
    second = describe(verdict).split("\n")[1]
    assert "any lambda from 0.01 to 1, with its lr tuned, does as well" in second
    [interval] = verdict.does_it_matter.indifference
    assert (interval.lambda_low, interval.lambda_high) == pytest.approx((0.01, 1.0))
