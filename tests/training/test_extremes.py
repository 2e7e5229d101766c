"""Tiny and huge strengths, inputs and tables: what cannot be computed is marked, never silent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from search.core.candidate import Candidate
from search.core.errors import UserError
from search.core.evidence import Evidence
from search.core.results import Results
from search.data import load_task
from search.data.task import Rows, Split, Task
from search.ledger.trials import attributes
from search.penalties import PENALTIES
from search.settings import has_exact_solution
from search.training import train
from search.training.criteria import baseline_loss
from search.training.exact import LIMITS, solve
from search.verdict import judge, verdict_of
from search.verdict.comparison import Comparison

STRENGTHS = [1e-12, 1e-6, 1e-3, 1.0, 1e3, 1e6, 1e12]
KINDS = ["regression", "binary", "multiclass"]
SOLVED = [name for name in PENALTIES if has_exact_solution(name)]
SCALE = 2.0**40  # about 1e12, and no rounding


def candidate(penalty: str, lambda_: float) -> Candidate:
    own = {each.name: 3.0 if each.name == "gamma" else 0.5 for each in PENALTIES[penalty].parameters}
    return Candidate(penalty) if penalty == "none" else Candidate(penalty, lambda_, **own)


def every(names=PENALTIES) -> list[Candidate]:
    return [candidate(name, each) for name in names for each in (STRENGTHS if name != "none" else [0.0])]


def rows(kind: str, count: int = 40, features: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    """One replicate of inputs and targets for the exact solver."""
    draw = torch.Generator().manual_seed(count + features)
    x = torch.randn(1, count, features, dtype=torch.float64, generator=draw)
    y = x[..., :1] + 0.5 * torch.randn(1, count, 1, dtype=torch.float64, generator=draw)
    return x, {"regression": y, "binary": (y[..., 0] > 0).long(), "multiclass": (torch.arange(count) % 3)[None]}[kind]


def told(results: Results) -> None:
    """No NaN among the losses of rows that were held out; what is not finite belongs to a fit that is marked."""
    assert results.diverged is not None
    assert not np.isnan(results.validation_loss).any()
    lost = np.isinf(results.validation).any(axis=2)
    assert results.diverged[lost].all()
    assert results.train_loss is not None
    assert not np.isnan(results.train_loss).any()


# One precision and the other


@pytest.mark.parametrize("model", [{}, {"model.kind": "mlp", "model.hidden": [8]}])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_single_and_double_precision_agree(make_task, make_settings, model, optimizer):
    keys = {"training.optimizer": optimizer, "training.lr": 0.02, "training.epochs": 20, **model}
    candidates = [candidate(name, 0.05) for name in PENALTIES]
    single, double = (
        train(make_task(), make_settings(**keys, **{"training.dtype": each}), candidates)
        for each in ("float32", "float64")
    )
    assert (single.validation.dtype, double.validation.dtype) == (np.float32, np.float64)
    # 400 steps, each of which rounds by 6e-8 of the numbers at hand.
    np.testing.assert_allclose(single.validation_loss, double.validation_loss, rtol=1e-4)
    np.testing.assert_allclose(single.train_loss, double.train_loss, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(single.weight_norm, double.weight_norm, rtol=1e-4, atol=1e-6)
    if not model:
        np.testing.assert_allclose(single.weights, double.weights, atol=1e-4 * np.abs(double.weights).max())


# Strengths


@pytest.mark.parametrize(
    ("optimizer", "apply"), [("sgd", "proximal"), ("sgd", "loss"), ("adam", "proximal"), ("adamw", "decoupled")]
)
def test_descent_marks_what_a_huge_strength_makes_diverge_and_spares_the_others(
    make_task, make_settings, optimizer, apply
):
    keys = {"training.apply": apply, "training.optimizer": optimizer, "training.lr": 0.02, "training.epochs": 3}
    settings = make_settings(**keys)
    task, candidates = make_task(draws=1), every()
    results = train(task, settings, candidates)
    told(results)
    assert results.diverged is not None
    sane = [place for place, each in enumerate(candidates) if each.lambda_ <= 1.0]
    assert not results.diverged[sane].any()
    alone = train(task, settings, [candidates[place] for place in sane])
    np.testing.assert_allclose(results.validation_loss[sane], alone.validation_loss, rtol=1e-5)


@pytest.mark.parametrize("penalty", [name for name in PENALTIES if name not in ("none", "l2")])
def test_a_huge_strength_with_a_proximal_map_loses_every_weight_and_a_tiny_one_changes_nothing(
    make_task, make_settings, penalty
):
    settings = make_settings(**{"training.lr": 0.02, "training.epochs": 5, "training.dtype": "float64"})
    keys = {} if penalty != "elastic_net" else {"l1_ratio": 1.0}  # its l2 part is a step down, which overshoots
    huge = Candidate(penalty, 1e12, **{**candidate(penalty, 1.0).others, **keys})
    results = train(make_task(), settings, [Candidate("none"), candidate(penalty, 1e-12), huge])
    np.testing.assert_allclose(results.weights[1], results.weights[0], atol=1e-10)
    if penalty != "mcp":  # its prox with a step below gamma: the same
        assert (results.weights[2] == 0).all()
    assert results.nonzero[2].max() == 0


@pytest.mark.parametrize("kind", KINDS)
def test_exact_solutions_are_certified_from_the_smallest_to_the_largest_strength(kind):
    x, y = rows(kind)
    solution = solve(x, y, kind, every(SOLVED), outputs=3)
    assert solution.converged.all()
    assert solution.weight.isfinite().all()
    nothing = [each.penalty != "none" and each.lambda_ == 1e12 for each in every(SOLVED)]
    assert solution.weight[0, nothing].abs().max() < 1e-10


# Scales


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [SCALE, 1 / SCALE])
def test_exact_l1_in_other_units_is_the_same_fit(kind, scale):
    """W / scale and lambda * scale are the same objective for inputs that are so many times as large."""
    x, y = rows(kind)
    strengths = [1e-6, 1e-3, 0.1]
    plain = solve(x, y, kind, [Candidate("l1", each) for each in strengths], outputs=3)
    other = solve(x * scale, y, kind, [Candidate("l1", each * scale) for each in strengths], outputs=3)
    assert other.converged.all()
    assert torch.allclose(other.weight * scale, plain.weight, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [SCALE, 1 / SCALE])
def test_exact_solutions_are_certified_for_tiny_and_huge_inputs(kind, scale):
    x, y = rows(kind)
    solution = solve(x * scale, y, kind, every(SOLVED), outputs=3)
    assert solution.converged.all()
    assert solution.weight.isfinite().all()


def test_without_lambdas_share_a_huge_input_has_the_least_squares_fit():
    """Where the penalty is below the rounding of the gradient, the certificate is the distance to least squares."""
    x, y = rows("regression")
    solution = solve(x * SCALE, y, "regression", [Candidate("l1", 1e-12), Candidate("none")])
    assert solution.converged.all()
    assert torch.allclose(solution.weight[0, 0], solution.weight[0, 1], rtol=1e-6)
    assert solution.error[0, 0] < 1e-12


def test_a_fit_that_stopped_early_is_not_certified_by_the_distance_to_least_squares():
    x, y = rows("regression", 30, 60)
    limits = replace(LIMITS, steps=0)
    for scale in (1.0, SCALE):
        assert not solve(
            x * scale, y, "regression", [Candidate("elastic_net", 0.01, l1_ratio=0.5)], limits=limits
        ).converged


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "exact"])
@pytest.mark.parametrize("standardize", [True, False])
def test_columns_of_any_scale_give_losses_or_marks(make_settings, optimizer, standardize):
    draw = np.random.default_rng(0)
    base = draw.normal(size=(60, 5))
    frame = pd.DataFrame(base * np.array([1e-12, 1.0, 1e12, 1e-6, 0.0]) + np.array([0, 0, 0, 0, 3.0]))
    frame.columns = list("abcde")
    keys = {"data.source": "frame", "data.standardize": standardize, "training.optimizer": optimizer}
    if optimizer != "exact":
        keys |= {"training.epochs": 5, "training.lr": 0.01}
    settings = make_settings(**keys)
    task = load_task(settings, (frame, base[:, :3].sum(1) + 0.1 * draw.normal(size=60)))
    results = train(task, settings, every(SOLVED))
    told(results)
    assert results.converged is not None
    if standardize:
        sane = [place for place, each in enumerate(results.candidates) if each.lambda_ <= 1.0]
        assert not results.diverged[sane].any()
        assert results.converged.all()
        own = settings.replace({"training.optimizer": optimizer})
        plain = pd.DataFrame(np.where(frame == 3.0, 3.0, base), columns=list("abcde"))
        same = (
            train(load_task(own, (plain, task_targets(task))), own, every(SOLVED)) if optimizer == "exact" else results
        )
        np.testing.assert_allclose(results.validation_loss[sane], same.validation_loss[sane], rtol=1e-5)


def task_targets(task: Task) -> np.ndarray:
    """The targets of a task in the order of its table."""
    parts = [part for split in task.splits[:1] for part in (split.train, split.validation)]
    parts.append((task.refits or task.splits)[0].test)
    ids, y = torch.cat([part.ids for part in parts]), torch.cat([part.y for part in parts])
    return y[ids.argsort()][:, 0].numpy()


# Shapes


def small_task(kind: str, train_rows: int, features: int) -> Task:
    """A task with so many training rows, and four that validate."""
    draw = torch.Generator().manual_seed(0)
    parts = []
    for first, count in ((0, train_rows), (100, 4)):
        x = torch.randn(count, features, dtype=torch.float64, generator=draw)
        y = {"regression": x[:, :1] * 2 + 1, "binary": torch.arange(count) % 2, "multiclass": torch.arange(count) % 3}
        parts.append(Rows(x, y[kind], torch.arange(count) + first, torch.arange(count)))
    names = tuple(f"x{i}" for i in range(features))
    split = Split(*parts, parts[1].none())
    return Task(kind, 3 if kind == "multiclass" else 1, names, ("y",), (), (split,), (), 4, 0, "by hand")


@pytest.mark.parametrize(("count", "features"), [(1, 1), (1, 8), (2, 1), (8, 60)])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "exact"])
@pytest.mark.parametrize("kind", KINDS)
def test_one_row_one_column_and_many_more_columns_than_rows(make_settings, kind, optimizer, count, features):
    keys = {} if optimizer == "exact" else {"training.epochs": 3, "training.lr": 0.01}
    candidates = [candidate(name, each) for name in SOLVED for each in ([0.0] if name == "none" else [1e-3, 1.0])]
    settings = make_settings(**{"training.optimizer": optimizer, **keys})
    results = train(small_task(kind, count, features), settings, candidates)
    told(results)
    assert not results.diverged.any()
    # Without a penalty these classes are separable, and a loss next to 0 ends in rounding.
    assert results.converged[[each.penalty != "none" for each in candidates]].all()
    if optimizer == "exact":
        assert np.abs(results.weights).max() < 100
        assert results.optimality.max() < 1e-7
    if optimizer == "exact" and kind == "regression" and count == 1:
        assert (results.weights == 0).all()  # the bias alone explains one row


def test_targets_that_are_constant_leave_no_weight(make_settings):
    task = small_task("regression", 20, 5)
    (split,) = task.splits
    flat = replace(task, splits=(replace(split, train=replace(split.train, y=torch.full_like(split.train.y, 3.0))),))
    results = train(flat, make_settings(**{"training.optimizer": "exact"}), every(SOLVED))
    assert results.converged.all()
    assert np.abs(results.weights).max() < 1e-12
    np.testing.assert_allclose(results.biases, 3.0)


# NaN


@pytest.mark.parametrize("where", ["inputs", "targets"])
def test_ready_data_that_are_missing_are_refused(make_settings, where):
    x, y = np.ones((30, 2, 3), np.float32), np.arange(30.0)
    (x[4, 0] if where == "inputs" else y[4:5])[...] = np.nan
    with pytest.raises(UserError, match="missing"):
        load_task(make_settings(**{"data.source": "frame"}), (x, y))


def test_missing_values_of_a_table_are_filled_in_and_targets_refused(make_settings):
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(60, 3)), draw.normal(size=60)
    x[::5, 0] = np.nan
    settings = make_settings(**{"data.source": "frame", "training.optimizer": "exact"})
    results = train(load_task(settings, (pd.DataFrame(x, columns=list("abc")), y)), settings, every(SOLVED))
    assert np.isfinite(results.validation_loss).all()
    y[3] = np.nan
    with pytest.raises(UserError, match="missing"):
        load_task(settings, (pd.DataFrame(x, columns=list("abc")), y))


def broken_by(value: float, where: str, kind: str) -> Task:
    """A task with one value of a training row's inputs or targets overwritten."""
    task = small_task(kind, 20, 5)
    (split,) = task.splits
    values = getattr(split.train, where).clone()
    values[3, -1] = value
    return replace(task, splits=(replace(split, train=replace(split.train, **{where: values})),))


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_nan_that_gets_as_far_as_descent_makes_no_loss_that_looks_sound(make_settings, kind, optimizer):
    settings = make_settings(**{"training.optimizer": optimizer, "training.epochs": 2})
    results = train(broken_by(torch.nan, "x", kind), settings, [candidate(name, 0.1) for name in SOLVED])
    assert results.diverged.all()
    assert np.isposinf(results.validation).all()


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize(("kind", "where"), [*((kind, "x") for kind in KINDS), ("regression", "y")])
def test_the_exact_solver_refuses_what_is_no_number(make_settings, kind, where, value):
    settings = make_settings(**{"training.optimizer": "exact"})
    what = {"x": "inputs", "y": "targets"}[where]
    with pytest.raises(UserError, match=rf"training\.optimizer.* 1 of 20 rows.* {what} .*NaN or infinit"):
        train(broken_by(value, where, kind), settings, [candidate(name, 0.1) for name in SOLVED])


# How far from the optimum


def test_the_worst_gap_of_exact_fits_is_kept_and_told(make_task, make_settings):
    results = train(make_task(refit=True), make_settings(**{"training.optimizer": "exact"}), every(SOLVED))
    assert results.optimality is not None
    assert results.optimality.shape == (len(results), 4)  # two replicates and their two refits
    assert results.converged.shape == results.optimality.shape
    assert (results.converged == (results.optimality <= LIMITS.gap)).all()
    told_of = [each["optimality"] for each in attributes(results)]
    np.testing.assert_array_equal(told_of, results.optimality.max(axis=1))
    verdict = verdict_of(Comparison(results, 0, 0.95, 0.01, "models", Evidence()))
    assert verdict.basis.optimality == results.optimality.max()
    assert "farthest from its optimum" in str(verdict)


def test_a_fit_that_missed_its_optimum_is_told_with_its_gap(make_task, make_settings):
    results = train(
        make_task(), make_settings(**{"training.optimizer": "exact"}), [candidate("l1", 0.1), candidate("l2", 0.1)]
    )
    short = replace(
        results, converged=np.array([[True, True], [True, False]]), optimality=np.array([[1e-9, 1e-9], [1e-9, 0.25]])
    )
    said = str(verdict_of(Comparison(short, 0, 0.95, 0.01, "models", Evidence())))
    assert "1 of 2 candidates" in said
    assert "off by up to 0.25" in said


def test_descent_claims_no_optimum(make_task, make_settings):
    results = train(make_task(), make_settings(**{"training.epochs": 2}), [candidate("l1", 0.1)])
    assert results.optimality is None
    assert "optimality" not in attributes(results)[0]


# The plain baseline


def test_the_baseline_of_absolute_errors_is_the_median(make_task):
    task = make_task(outputs=2, draws=1)
    y = task.splits[0].train.y
    assert baseline_loss(task, "mae") == pytest.approx(float((y - y.median(0).values).abs().sum(1).mean()))
    assert baseline_loss(task, "mse") == pytest.approx(float(y.var(0, correction=0).sum()))


@pytest.mark.parametrize("count", [19, 20])
def test_no_constant_has_a_lower_absolute_error_than_the_baseline(make_task, count):
    task = make_task(draws=1)
    (split,) = task.splits
    draw = torch.Generator().manual_seed(count)
    weight = torch.randint(1, 5, (count,), generator=draw).double()
    part = replace(split.train, **{name: getattr(split.train, name)[:count] for name in ("x", "y", "ids", "place")})
    own = replace(task, splits=(replace(split, train=replace(part, weight=weight / weight.mean())),))
    y = part.y[:, 0]
    lowest = min(float((weight * (y - constant).abs()).sum() / weight.sum()) for constant in y)
    assert baseline_loss(own, "mae") == pytest.approx(lowest)


def test_losses_that_are_nan_are_refused_or_left_out_by_the_judge():
    losses = np.abs(np.random.default_rng(0).normal(size=(2, 1, 50)))
    frame = pd.DataFrame({"penalty": ["l2", "l2"], "lambda": [0.1, 1.0]})
    with pytest.raises(UserError, match=r"NaN|nan|missing"):
        judge(np.full_like(losses, np.nan), None, frame)
