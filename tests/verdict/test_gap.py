"""What the regret is made of: identities that must hold, on real ridge fits where there is an exact solution."""

import numpy as np
import pytest

from search.verdict.gap import gap
from search.verdict.record import Gap


@pytest.fixture(scope="module")
def ridge():
    """Test losses (lambdas, 1, rows) of ridge regressions, by exact solution and by 30 gradient steps."""
    generator = np.random.default_rng(0)
    x, x_test = generator.normal(size=(30, 20)), generator.normal(size=(200, 20))
    truth = generator.normal(size=20) * 0.3
    y, y_test = x @ truth + generator.normal(size=30), x_test @ truth + generator.normal(size=200)
    lambdas = np.geomspace(1e-2, 10, 13)

    def descend(strength):
        weight = np.zeros(20)
        for _ in range(30):
            weight -= 0.05 * (x.T @ (x @ weight - y) / 30 + strength * weight)
        return weight

    def losses(weights):
        return ((np.stack(weights) @ x_test.T - y_test) ** 2)[:, None, :]

    exact = [np.linalg.solve(x.T @ x / 30 + strength * np.eye(20), x.T @ y / 30) for strength in lambdas]
    return losses([descend(strength) for strength in lambdas]), losses(exact)


def test_each_part_is_its_difference(ridge):
    stopped, exact = ridge
    sweep, finalists = exact[::2], np.arange(7) < 3
    found = gap(stopped, 2, sweep_test=sweep, finalists=finalists, exact_test=exact)
    mean = stopped.mean(axis=(1, 2))
    assert found.validation == pytest.approx(mean[2] - mean.min())
    assert found.training == pytest.approx(mean[2] - exact[2].mean())
    means = sweep.mean(axis=(1, 2))
    assert found.search == pytest.approx(means[:3].min() - means[3:].min())


def test_stopping_early_can_help_and_the_sign_says_so(ridge):
    stopped, exact = ridge
    least = gap(stopped, 0, exact_test=exact).training
    assert least is not None
    assert least < 0  # 30 steps regularise more than lambda = 0.01 does


def test_parts_add_up_to_the_way_from_the_selected_to_the_best_dense_one(ridge):
    """Where the sweep's finalists hold the best evaluated candidate with the same fits, the parts telescope."""
    _, exact = ridge
    evaluated = exact[::4]
    sweep = np.concatenate([evaluated, exact])
    found = gap(evaluated, 0, sweep_test=sweep, finalists=np.arange(len(sweep)) < len(evaluated))
    assert found.validation + found.search == pytest.approx(evaluated[0].mean() - exact.mean(axis=(1, 2)).min())


def test_selecting_the_best_leaves_no_validation_gap(ridge):
    _, exact = ridge
    assert gap(exact, int(exact.mean(axis=(1, 2)).argmin())).validation == 0


def test_a_coarser_grid_finds_nothing_better_and_keeps_its_sign(ridge):
    _, exact = ridge
    best = int(exact.mean(axis=(1, 2)).argmin())
    sweep = np.concatenate([exact[[best]], exact[[0, 12]]])
    assert gap(None, 0, sweep_test=sweep, finalists=np.array([True, False, False])).search < 0


def test_missing_evidence_is_none(ridge):
    _, exact = ridge
    assert gap(None, 0, exact_test=exact) == Gap(None, None, None)
    unsolved = np.full_like(exact, np.nan)
    assert gap(exact, 0, exact_test=unsolved).training is None
    assert gap(None, 0, sweep_test=exact, finalists=np.ones(13, dtype=bool)).search is None
    assert gap(None, 0, sweep_test=exact, finalists=np.zeros(13, dtype=bool)).search is None


def test_infinite_losses_give_none_and_not_infinity(ridge):
    stopped, exact = ridge
    bad = stopped.copy()
    bad[2] = np.inf
    assert gap(bad, 2, exact_test=exact) == Gap(None, None, None)
