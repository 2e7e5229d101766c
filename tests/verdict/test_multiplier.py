import numpy as np
import pytest
from scipy import stats

from search.verdict.multiplier import (
    DRAWS,
    Draws,
    Errors,
    alike,
    bonferroni,
    critical_value,
    multipliers,
    row_draws,
    t_critical,
)


def errors_of(influence):
    return Errors(
        Draws(row_draws(influence), alike(influence)),
        np.zeros(DRAWS, dtype=np.float32),
        np.sqrt((influence**2).sum(axis=1)),
    )


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.95])
def test_the_critical_value_is_that_of_the_largest_of_correlated_normals(correlation):
    rng = np.random.default_rng(0)
    count, rows = 12, 500
    data = np.sqrt(correlation) * rng.normal(size=rows) + np.sqrt(1 - correlation) * rng.normal(size=(count, rows))
    truth = np.corrcoef(data)
    brute = np.random.default_rng(1).multivariate_normal(np.zeros(count), truth, size=200_000).max(axis=1)
    centred = data - data.mean(axis=1, keepdims=True)
    for level in (0.9, 0.95, 0.975):
        c = critical_value(errors_of(centred), np.zeros(count), level)
        # three standard errors of a quantile of DRAWS draws, on the scale of probabilities
        assert abs(np.mean(brute <= c) - level) < 3 * np.sqrt(level * (1 - level) / DRAWS)


def test_one_error_needs_the_normal_quantile_and_independent_ones_the_closed_form():
    one = critical_value(errors_of(np.random.default_rng(0).normal(size=(1, 300))), np.zeros(1), 0.95)
    assert one == pytest.approx(stats.norm.ppf(0.95), abs=0.12)
    many = critical_value(errors_of(np.eye(40)), np.zeros(40), 0.95)
    assert many == pytest.approx(stats.norm.ppf(0.95 ** (1 / 40)), abs=0.12)
    assert many < bonferroni(40, 0.05)


def test_identical_candidates_count_once():
    row = np.random.default_rng(0).normal(size=(1, 100))
    alone = critical_value(errors_of(row), np.zeros(1), 0.95)
    assert critical_value(errors_of(np.repeat(row, 30, axis=0)), np.zeros(30), 0.95) == pytest.approx(alone, rel=1e-5)


def test_candidates_that_are_out_of_reach_change_nothing():
    influence = np.random.default_rng(0).normal(size=(10, 200))
    shift = np.r_[np.zeros(3), np.full(7, -50.0)]
    kept = critical_value(errors_of(influence[:3]), np.zeros(3), 0.95)
    assert critical_value(errors_of(influence), shift, 0.95) == pytest.approx(kept, rel=1e-5)


def test_draws_have_the_estimated_covariance_and_do_not_depend_on_the_order_of_candidates():
    rng = np.random.default_rng(0)
    rows, replicates = rng.normal(size=(5, 1500)), rng.normal(size=(5, 4))
    draws = row_draws(rows, replicates)
    covariance = rows @ rows.T + replicates @ replicates.T
    assert np.allclose(np.cov(draws), covariance, atol=5 * 1500 / np.sqrt(DRAWS))
    order = rng.permutation(5)
    assert np.allclose(row_draws(rows[order], replicates[order]), draws[order], rtol=1e-4, atol=1e-3)


def test_multipliers_of_blocks_and_samples_are_unrelated():
    parts = [multipliers(0, 0, 3), multipliers(0, 1, 3), multipliers(1, 0, 3)]
    together = np.corrcoef(np.concatenate(parts))
    assert np.abs(together - np.eye(9)).max() < 5 / np.sqrt(DRAWS)


@pytest.mark.parametrize("dof", [1.0, 5.0, 99.0])
def test_student_has_the_same_tail_probability(dof):
    for value in (1.0, 1.96, 3.5):
        assert stats.t.sf(t_critical(value, np.array([dof]))[0], dof) == pytest.approx(stats.norm.sf(value), rel=1e-8)


def test_numbers_that_single_precision_hardly_has_are_drawn_as_exactly_as_others():
    influence = np.random.default_rng(1).normal(size=(3, 40))
    plain = row_draws(influence)
    np.testing.assert_allclose(row_draws(influence * 1e-42) * 1e42, plain, rtol=1e-4, atol=1e-4)
