"""GCV and the evidence against their definitions, written out with full matrices."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.linear_model import RidgeCV

from search.core.candidate import Candidate
from search.data.task import Task
from search.training.criteria import baseline_loss, ridge_criteria

LAMBDAS = [0.01, 0.1, 1.0, 10.0]


def only(task: Task):
    train = task.splits[0].train
    return train.x.numpy(), train.y.numpy()


@pytest.mark.parametrize("features", [12, 40])
def test_gcv_is_that_of_the_hat_matrix(make_task, features):
    task = make_task(features=features, draws=1)
    x, y = only(task)
    n = len(x)
    found = ridge_criteria(task, [Candidate("l2", each) for each in LAMBDAS])["gcv"]
    centred = x - x.mean(0)
    for lambda_, gcv in zip(LAMBDAS, found, strict=True):
        hat = centred @ np.linalg.solve(centred.T @ centred + n * lambda_ * np.eye(features), centred.T) + 1 / n
        residual = y - hat @ y
        assert gcv == pytest.approx(n * (residual**2).sum() / (n - np.trace(hat)) ** 2, rel=1e-9)


def test_gcv_of_leave_one_out_order_agrees_with_scikit_learn(make_task):
    """RidgeCV's leave-one-out picks the same lambda or a neighbour of it."""
    task = make_task(draws=1)
    x, y = only(task)
    lambdas = np.geomspace(1e-3, 10, 30)
    ours = lambdas[np.argmin(ridge_criteria(task, [Candidate("l2", each) for each in lambdas])["gcv"])]
    theirs = RidgeCV(alphas=lambdas * len(x)).fit(x, y[:, 0]).alpha_ / len(x)
    assert abs(np.log(ours / theirs)) < np.log(lambdas[1] / lambdas[0]) * 4.5


def test_evidence_differences_are_those_of_the_normal_density(make_task):
    """The bias integrated out: the density of y in the contrasts orthogonal to the constant."""
    task = make_task(features=30, draws=1)
    x, y = only(task)
    n = len(x)
    contrasts = np.linalg.svd(np.eye(n) - 1 / n)[0][:, : n - 1]
    z, design = contrasts.T @ y[:, 0], contrasts.T @ x
    expected = []
    for lambda_ in LAMBDAS:
        shape = np.eye(n - 1) + design @ design.T / (n * lambda_)
        variance = z @ np.linalg.solve(shape, z) / (n - 1)
        expected.append(multivariate_normal(cov=variance * shape).logpdf(z))
    found = ridge_criteria(task, [Candidate("l2", each) for each in LAMBDAS])["evidence"]
    np.testing.assert_allclose(np.diff(found), np.diff(expected), rtol=1e-8)


def test_only_ridge_has_them_and_classes_have_none(make_task):
    found = ridge_criteria(make_task(), [Candidate("none"), Candidate("l1", 0.1), Candidate("l2", 0.1)])
    assert np.isfinite(found["gcv"]).tolist() == [True, False, True]
    assert np.isfinite(found["evidence"]).tolist() == [False, False, True]
    assert ridge_criteria(make_task("binary"), [Candidate("l2", 0.1)]) == {}
    interpolating = ridge_criteria(make_task(features=40), [Candidate("none")])
    assert np.isnan(interpolating["gcv"]).all()


@pytest.mark.parametrize(
    ("kind", "metric"), [("regression", "mse"), ("binary", "log_loss"), ("multiclass", "log_loss")]
)
def test_baseline_is_no_better_than_any_other_constant(make_task, kind, metric):
    from search.data.loss import evaluation_loss

    outputs = 3 if kind == "multiclass" else 1
    task = make_task(kind, outputs=outputs, draws=1)
    y = task.splits[0].train.y
    baseline = baseline_loss(task, metric)
    generator = torch.Generator().manual_seed(0)
    others = [
        float(
            evaluation_loss(metric, kind, torch.randn(outputs, generator=generator).double().expand(20, -1), y).mean()
        )
        for _ in range(200)
    ]
    assert baseline <= min(others)
    assert baseline == pytest.approx(min(others), rel=0.2)
