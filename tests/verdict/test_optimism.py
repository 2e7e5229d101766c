"""The winner's curse and its correction, against the published algorithm done by hand and in simulation."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.verdict import judge
from search.verdict.inputs import results_from_arrays
from search.verdict.optimism import corrected_loss, optimism


def frame(count):
    return pd.DataFrame({"penalty": "l2", "lambda": np.geomspace(0.01, 10, count)})


def every_resample(validation):
    """BBC-CV by hand: each of the rows^rows equally likely resamples once, in plain loops over single losses."""
    candidates, replicates, rows = validation.shape

    def mean(candidate, chosen):
        entries = [validation[candidate, r, row] for row in chosen for r in range(replicates)]
        return np.mean([entry for entry in entries if not np.isnan(entry)])

    noted = []
    for drawn in itertools.product(range(rows), repeat=rows):
        left_out = [row for row in range(rows) if row not in drawn]
        if left_out:
            winner = min(range(candidates), key=lambda candidate: mean(candidate, drawn))
            noted.append(mean(winner, left_out))
    return np.mean(noted), np.std(noted)


def losses_of_folds(generator, candidates, rows):
    """Three replicates; the first holds out all rows, the others half of them each."""
    validation = generator.exponential(size=(candidates, 3, rows))
    validation[:, 1, : rows // 2] = np.nan
    validation[:, 2, rows // 2 :] = np.nan
    return validation


@pytest.mark.parametrize("folds", [False, True])
def test_is_the_published_algorithm(folds):
    generator = np.random.default_rng(3)
    validation = losses_of_folds(generator, 4, 5) if folds else generator.exponential(size=(4, 1, 5))
    expected, spread = every_resample(validation)
    resamples = 40_000
    found = corrected_loss(validation, np.arange(4), resamples=resamples)
    assert abs(found - expected) < 4 * spread / np.sqrt(resamples)
    assert expected > np.nanmean(validation, axis=(1, 2)).min()


def test_removes_most_of_the_bias_where_all_candidates_are_equally_good():
    generator = np.random.default_rng(0)
    raw, corrected = [], []
    for _ in range(300):
        validation = generator.normal(size=(30, 1, 60)) ** 2  # every candidate has risk 1
        raw.append(validation.mean(axis=(1, 2)).min() - 1)
        corrected.append(corrected_loss(validation, np.arange(30), resamples=200) - 1)
    assert np.mean(raw) < -0.25
    assert abs(np.mean(corrected)) < 0.2 * abs(np.mean(raw))


def test_removes_most_of_the_bias_of_correlated_ridge_candidates():
    """Textbook-like ridge: the law is known, so the risk of each fitted candidate is exact."""
    generator = np.random.default_rng(1)
    rows, features, held = 20, 40, 15
    lambdas = np.geomspace(1e-3, 1e2, 20)
    off = []
    for _ in range(300):
        truth = generator.normal(size=features) * 0.1
        x, x_held = generator.normal(size=(rows, features)), generator.normal(size=(held, features))
        y, y_held = x @ truth + generator.normal(size=rows), x_held @ truth + generator.normal(size=held)
        fits = np.stack([np.linalg.solve(x.T @ x / rows + a * np.eye(features), x.T @ y / rows) for a in lambdas])
        validation = (fits @ x_held.T - y_held)[:, None, :] ** 2
        best = validation.mean(axis=(1, 2)).argmin()
        risk = ((fits[best] - truth) ** 2).sum() + 1
        off.append((validation[best].mean() - risk, corrected_loss(validation, np.arange(20), resamples=200) - risk))
    raw, corrected = np.mean(off, axis=0)
    error = np.std(off, axis=0)[1] / np.sqrt(len(off))
    assert raw < 0
    assert abs(corrected) < abs(raw) + error


def test_one_candidate_has_no_winners_curse():
    validation = np.random.default_rng(2).exponential(size=(1, 1, 40))
    assert corrected_loss(validation, np.array([0])) == pytest.approx(validation.mean(), rel=1e-12)
    copies = np.repeat(validation, 7, axis=0)
    assert corrected_loss(copies, np.arange(7)) == pytest.approx(validation.mean(), rel=1e-12)


def test_ties_change_nothing():
    validation = np.random.default_rng(4).exponential(size=(3, 2, 20))
    twice = np.concatenate([validation, validation])
    assert corrected_loss(twice, np.arange(6)) == pytest.approx(corrected_loss(validation, np.arange(3)), rel=1e-12)


def test_a_diverged_candidate_is_never_picked():
    validation = np.random.default_rng(5).exponential(size=(3, 1, 20))
    with_bad = np.concatenate([validation, np.zeros((1, 1, 20))])
    with_bad[3, 0, 7] = np.inf
    found = corrected_loss(with_bad, np.array([3, 0, 1, 2]))
    assert found == pytest.approx(corrected_loss(validation, np.arange(3)), rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.floats(0.01, 100), st.booleans())
def test_follows_the_candidates_order_and_the_losses_scale(seed, scale, whole):
    generator = np.random.default_rng(seed)
    validation = losses_of_folds(generator, 6, 12)
    if whole:  # error counts: ties everywhere
        validation = np.round(validation)
    order, shuffle = np.arange(6), generator.permutation(6)
    found = corrected_loss(validation, order, resamples=50)
    assert corrected_loss(validation[shuffle], np.argsort(shuffle), resamples=50) == pytest.approx(found, rel=1e-12)
    scaled = corrected_loss(scale * validation + 1, order, resamples=50)
    assert scaled == pytest.approx(scale * found + 1, rel=1e-9)


def test_rows_that_nobody_held_out_do_not_count():
    validation = np.random.default_rng(6).exponential(size=(4, 2, 10))
    padded = np.concatenate([validation, np.full((4, 2, 3), np.nan)], axis=2)
    assert corrected_loss(padded, np.arange(4)) == pytest.approx(corrected_loss(validation, np.arange(4)), rel=1e-12)


def test_shown_beside_the_test_loss():
    generator = np.random.default_rng(7)
    validation, test = generator.exponential(size=(5, 2, 30)), generator.exponential(size=(5, 2, 90))
    best = int(validation.mean(axis=(1, 2)).argmin())
    found = optimism(results_from_arrays(validation, test, frame(5)), best, 0.75)
    assert found.validation_loss == pytest.approx(validation[best].mean())
    assert found.test_loss == 0.75
    assert found.corrected > found.validation_loss
    assert optimism(results_from_arrays(validation, None, frame(5)), best, None).test_loss is None
    assert judge(validation, test, frame(5)).optimism.test_loss == pytest.approx(test[best].mean())
    assert judge(validation, None, frame(5)).optimism.test_loss is None


def test_no_correction_where_it_would_say_nothing():
    validation = np.random.default_rng(8).exponential(size=(5, 1, 30))
    worst = int(validation.mean(axis=(1, 2)).argmax())
    lowest_on_one_row = int(validation[:, 0, 0].argmin())
    for losses, selected in (
        (validation, worst),
        (validation[:, :, :1], lowest_on_one_row),
        (np.full((2, 1, 4), np.inf), 0),
    ):
        assert optimism(results_from_arrays(losses, None, frame(len(losses))), selected, None).corrected is None


def test_the_seed_draws_the_resamples():
    losses = np.random.default_rng(3).exponential(size=(6, 2, 12))
    results = results_from_arrays(losses, None, frame(6))
    selected = int(losses.mean((1, 2)).argmin())
    found = [optimism(results, selected, None, seed=seed).corrected for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]
