"""Rows that count more or less: a weight is a repetition, a weight of nothing is an absence, in every solver."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression, Ridge

from search.core.candidate import Candidate
from search.data.build import planned_task
from search.data.splits import NO_ROWS, Parts, Plan
from search.data.tables import Table, read_table
from search.data.task import Rows, Split
from search.settings import FrameData
from search.training import train
from search.training.criteria import baseline_loss, ridge_criteria
from search.training.exact import solve

PENALTIES = [
    Candidate("l1", 0.05),
    Candidate("l2", 0.3),
    Candidate("elastic_net", 0.1, l1_ratio=0.5),
    Candidate("group_lasso", 0.05),
    Candidate("none"),
]
KINDS = ("regression", "binary", "multiclass")


@pytest.fixture
def problem():
    """Inputs (60, 5), their targets of each kind, and whole numbers as weights, some of them 0."""
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 5))
    score = x @ random.normal(size=(5, 3)) + random.normal(size=(60, 3))
    y = {"regression": score[:, :2], "binary": (score[:, 0] > 0).astype(int), "multiclass": score.argmax(1)}
    return x, y, random.integers(0, 4, 60)


def solved(x, y, kind, weight=None):
    weight = None if weight is None else torch.tensor(weight / weight.mean())[None]
    tensors = (torch.tensor(each)[None] for each in (x, y))
    found = solve(*tensors, kind, PENALTIES, outputs=3 if kind == "multiclass" else None, weight=weight)
    assert found.converged.all()
    return found.weight.numpy(), found.bias.numpy()


@pytest.mark.parametrize("kind", KINDS)
def test_a_weight_is_a_repetition_and_no_weight_an_absence(problem, kind):
    x, y, count = problem
    y = y[kind]
    weighted = solved(x, y, kind, count)
    repeated = solved(np.repeat(x, count, 0), np.repeat(y, count, 0), kind)
    for one, other in zip(weighted, repeated, strict=True):
        # Softmax without a penalty is free to shift all classes' weights together.
        own = slice(None, -1) if kind == "multiclass" else slice(None)
        assert_allclose(one[:, own], other[:, own], atol=2e-6)
    for one, other in zip(weighted, solved(x, y, kind, 7.0 * count), strict=True):
        assert_allclose(one, other, atol=5e-6)  # their unit does not matter


def test_weighted_optima_are_those_of_scikit_learn(problem):
    x, y, _ = problem
    weight = np.random.default_rng(1).uniform(0.1, 3.0, 60)
    ridge = Ridge(alpha=0.3 * weight.sum(), tol=1e-12).fit(x, y["regression"], weight)
    found = solved(x, y["regression"], "regression", weight)
    assert_allclose(found[0][0, 1], ridge.coef_, atol=1e-9)
    assert_allclose(found[1][0, 1], ridge.intercept_, atol=1e-9)
    logistic = LogisticRegression(C=1 / (0.3 * weight.sum()), tol=1e-10, max_iter=1000).fit(x, y["binary"], weight)
    found = solved(x, y["binary"], "binary", weight)
    assert_allclose(found[0][0, 1], logistic.coef_, atol=1e-6)
    assert_allclose(found[1][0, 1], logistic.intercept_, atol=1e-6)


def as_split(x, y, weight=None):
    """The first 40 rows train, the others validate."""
    x, y = torch.tensor(x), torch.tensor(y)
    w = None if weight is None else torch.tensor(weight, dtype=torch.float64)

    def part(rows):
        own = None if w is None else w[rows] / w[rows].mean()
        return Rows(x[rows], y[rows], torch.arange(len(x))[rows], torch.arange(len(x))[rows], own)

    train_rows, held = part(slice(0, 40)), part(slice(40, None))
    return Split(train_rows, held, held.none())


@pytest.mark.parametrize("kind", KINDS)
def test_descent_on_all_rows_is_that_of_repeated_rows(problem, make_task, make_settings, kind):
    x, y, count = problem
    y, count = y[kind], count + 1
    first, last = (np.repeat(np.arange(60)[part], count[part]) for part in (slice(0, 40), slice(40, None)))
    task = make_task(kind, features=5, outputs={"regression": 2, "binary": 1, "multiclass": 3}[kind])
    settings = make_settings(
        **{"training.batch_size": 0, "training.epochs": 20, "training.lr": 0.1, "training.dtype": "float64"}
    )
    weighted = replace(task, splits=(as_split(x, y, count),), validation_rows=60)
    rows = [np.concatenate([each[first], each[last]]) for each in (x, y)]
    split = as_split(*rows)
    moved = len(first)
    joined = Rows(
        *(torch.cat([getattr(split.train, n), getattr(split.validation, n)]) for n in ("x", "y", "ids", "place"))
    )
    cut = [
        Rows(joined.x[p], joined.y[p], joined.ids[p], joined.place[p]) for p in (slice(0, moved), slice(moved, None))
    ]
    repeated = replace(task, splits=(Split(*cut, cut[0].none()),), validation_rows=moved + len(last))
    one, other = (train(each, settings, PENALTIES) for each in (weighted, repeated))
    assert_allclose(one.weights, other.weights, atol=1e-12)
    assert_allclose(one.validation_loss, other.validation_loss, rtol=1e-9)
    assert_allclose(one.train_loss, other.train_loss, rtol=1e-9)
    assert baseline_loss(weighted, "mse" if kind == "regression" else "log_loss") == pytest.approx(
        baseline_loss(repeated, "mse" if kind == "regression" else "log_loss")
    )


def test_minibatches_weigh_their_rows(problem, make_task, make_settings):
    """One epoch of minibatches beside a plain loop over the same rows."""
    x, y, count = problem
    task = replace(make_task("regression", features=5, outputs=2), splits=(as_split(x, y["regression"], count + 1),))
    settings = make_settings(
        **{"training.batch_size": 8, "training.epochs": 1, "training.dtype": "float64", "model.init": "zeros"}
    )
    found = train(replace(task, validation_rows=60), settings, [Candidate("none")])
    weight = (count[:40] + 1) / (count[:40] + 1).mean()
    from search.models.randomness import permutations
    from search.training.plan import replicates

    seeds = torch.tensor([replicates(task, settings)[0].seed])
    order = permutations(seeds, 0, 40)[0].numpy()
    w, b = np.zeros((2, 5)), np.zeros(2)
    for start in range(0, 40, 8):
        rows = order[start : start + 8]
        slope = weight[rows, None] * (x[rows] @ w.T + b - y["regression"][rows]) / len(rows)
        w, b = w - 0.003 * slope.T @ x[rows], b - 0.003 * slope.sum(0)
    assert_allclose(found.weights[0, 0], w, atol=1e-12)
    assert_allclose(found.biases[0, 0], b, atol=1e-12)


@pytest.fixture
def table():
    """A table with holes, and weights."""
    import pandas as pd

    random = np.random.default_rng(2)
    inputs = pd.DataFrame(random.normal(size=(50, 3)), columns=list("abc"))
    inputs.iloc[::7, 0] = np.nan
    inputs["d"] = random.choice(["x", "y"], 50)
    read = read_table(FrameData(source="frame"), (inputs, random.normal(size=50)))
    assert isinstance(read, Table)
    return read, random.integers(1, 4, 50).astype(float)


def test_preprocessing_and_losses_weigh_rows_as_repetitions_do(table, make_settings):
    read, weight = table
    data = FrameData(source="frame", rare=1)
    every = np.arange(50)
    folds = [Parts(np.setdiff1d(every, held), held, NO_ROWS, 0, fold) for fold, held in enumerate(every.reshape(2, 25))]
    task = planned_task(replace(read, weight=weight), data, Plan(tuple(folds), (), np.zeros(50, bool)))
    again = np.repeat(every, weight.astype(int))
    targets = replace(read.targets, y=read.targets.y[again])
    long = replace(read, inputs=read.inputs.iloc[again].reset_index(drop=True), targets=targets)
    cut = [Parts(np.flatnonzero(again // 25 != f), np.flatnonzero(again // 25 == f), NO_ROWS, 0, f) for f in (0, 1)]
    repeated = planned_task(long, data, Plan(tuple(cut), (), np.zeros(len(again), bool)))
    candidates = [Candidate("l1", 0.05), Candidate("l2", 0.3)]
    settings = make_settings(**{"training.optimizer": "exact"})
    one, other = (train(each, settings, candidates) for each in (task, repeated))
    assert_allclose(one.weights, other.weights, atol=1e-7)
    assert_allclose(one.validation_loss, other.validation_loss, rtol=1e-6)
    whole, whole_long = task.whole(), repeated.whole()
    assert_allclose(whole.rows.x.numpy()[again], whole_long.rows.x.numpy(), atol=1e-12)
    assert_allclose(float(whole.rows.weight.mean()), 1.0)


def test_ridge_criteria_do_not_see_the_unit_of_weights(table):
    read, _ = table
    every = np.arange(50)
    plan = Plan((Parts(every[:30], every[30:], NO_ROWS),), (), np.zeros(50, bool))
    data = FrameData(source="frame")
    plain = planned_task(read, data, plan)
    even = planned_task(replace(read, weight=np.full(50, 3.0)), data, plan)
    candidates = [Candidate("l2", 0.1), Candidate("l2", 1.0)]
    for name, values in ridge_criteria(plain, candidates).items():
        assert_allclose(values, ridge_criteria(even, candidates)[name], rtol=1e-10)


def test_weights_have_one_entry_a_row():
    x = torch.zeros(3, 2)
    with pytest.raises(ValueError, match="one entry a row"):
        Rows(x, x[:, :1], torch.arange(3), torch.arange(3), torch.ones(2))
