"""Q9: at rest the best lambda is the same for every lr; slopes and costs agree with formulas of their own."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy.optimize import lsq_linear

from search.core.candidate import Candidate
from search.core.means import fit_means
from search.data import load_task
from search.settings import Settings
from search.training import train
from studies.book import read_answer
from studies.common import HERE, study_file
from studies.q9_learning_rate.compute import EPOCHS, EXACT, HELD_OUT, RUNS, TRAIN, Run, few_rows, measured, normalised
from studies.q9_learning_rate.slopes import Grid, best_lambdas, kept, penalised_best, resampled, row, slope, valley_of

FIGURES = read_answer("q9_learning_rate")
LINEAR = study_file("q9_learning_rate/linear.toml").replace(
    EXACT
    | {
        "data.draws": 3,
        "data.features": 10,
        "training.dtype": "float64",
        "space.lambda": {"low": 0.03, "high": 3.0},
        "space.lr": {"low": 0.1, "high": 0.3},
    }
)
SHORT, LONG = 2, 1000


@pytest.fixture(scope="module")
def task():
    return load_task(LINEAR)


@pytest.fixture(scope="module")
def by_length(task):
    return measured(Run(LINEAR, 3, 9), (SHORT, LONG), task)


# At rest, and before


def test_at_rest_every_lr_has_the_same_best_lambda(by_length):
    grid = by_length[1]
    for losses in grid.losses:
        np.testing.assert_allclose(losses, grid.losses[0], rtol=1e-10)
    bests = best_lambdas(grid.lambdas, grid.losses.mean(-1))
    np.testing.assert_allclose(bests, bests[0], rtol=1e-8)
    assert grid.lambdas[0] < bests[0] < grid.lambdas[-1]
    assert slope(grid.lrs, bests) == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize("steps", [SHORT, LONG])
def test_losses_are_those_of_gradient_descent_in_closed_form(task, by_length, steps):
    grid = by_length[(SHORT, LONG).index(steps)]
    for (place, lr), (column, lambda_) in product(enumerate(grid.lrs), enumerate([0.0, *grid.lambdas])):
        for draw in range(3):
            assert grid.losses[place, column, draw] == pytest.approx(
                descended(task, draw, lambda_, lr, steps), rel=1e-8
            )


def descended(task, draw, lambda_, lr, steps):
    """Excess risk after so many steps from zero: (1 - (1 - lr H)^steps) H^-1 g, in the eigenvectors of H."""
    rows, truth = task.splits[draw].train, task.truth
    x = np.c_[rows.x.numpy(), np.ones(len(rows))]
    hessian = x.T @ x / len(x) + lambda_ * np.diag([1.0] * 10 + [0.0])
    values, vectors = np.linalg.eigh(hessian)
    way = (1 - (1 - lr * values) ** steps) / values
    *weight, bias = vectors @ (way * (vectors.T @ (x.T @ rows.y.numpy()[:, 0] / len(x))))
    return ((weight - truth.weight[draw].numpy()) ** 2).sum() + (bias - truth.bias) ** 2


def test_too_short_a_training_wants_less_of_a_penalty_than_a_long_one(by_length):
    short, long = (best_lambdas(grid.lambdas, grid.losses.mean(-1)) for grid in by_length)
    assert short[0] == 0
    assert all(short < long)


def test_adamw_rests_where_the_loss_is_least_in_a_box_whatever_lr(task):
    # Xie and Li 2024: with all rows in every step, among weights with |w| <= 1 / lambda. It gets near to it soon.
    changes = {"training.optimizer": "adamw", "training.apply": "decoupled", "training.schedule": "cosine"}
    settings = LINEAR.replace(changes | {"training.epochs": 3000})
    lambda_, lrs = 10.0, (0.03, 0.1)
    results = train(task, settings, [Candidate("l2", lambda_, lr=lr) for lr in lrs])
    for draw, split in enumerate(task.splits):
        inputs = np.c_[split.train.x.numpy(), np.ones(len(split.train))]
        ends = np.r_[np.full(10, 1 / lambda_), np.inf]
        box = lsq_linear(inputs, split.train.y.numpy()[:, 0], (-ends, ends)).x[:-1]
        assert (np.abs(box) > 0.999 / lambda_).any()
        low, high = results.weights[:, draw, 0]
        np.testing.assert_allclose(low, box, atol=0.12 / lambda_)
        np.testing.assert_allclose(high, low, atol=0.08 / lambda_)


def test_the_size_of_a_normalised_networks_weights_changes_no_output():
    torch.manual_seed(0)
    module, x = normalised(64, 10), torch.randn(5, 64)
    before = module(x)
    with torch.no_grad():
        for weight in module.parameters():
            weight.mul_(7.0)
    torch.testing.assert_close(module(x), before, rtol=1e-3, atol=1e-4)
    assert before.std(-1, unbiased=False).tolist() == pytest.approx([3.0] * 5, rel=1e-3)


# The grid


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_a_place_of_the_grid_is_the_study_with_that_lr_and_lambda(name):
    settings, digits = RUNS[name].settings.replace("training.epochs", 4), few_rows(2)
    grid = measured(Run(settings, 2, 2), task=digits)[0]
    assert grid.losses.shape == (2, 3, 2)
    fixed = settings.replace("training.lr", float(grid.lrs[1]))
    alone = train(digits, fixed, [Candidate("none"), Candidate("l2", float(grid.lambdas[0]))])
    np.testing.assert_allclose(grid.losses[1, :2], fit_means(alone.test), rtol=1e-4)


def test_the_steps_are_counted_in_units_of_lr():
    digits = few_rows(1)
    assert (len(digits.splits[0].train), len(digits.splits[0].validation)) == (TRAIN, HELD_OUT)
    steps = {name: measured(Run(RUNS[name].settings, 2, 2), (2,), digits)[0].steps for name in ("sgd", "adamw")}
    assert steps["adamw"] == 2 * 3 / 2  # three minibatches, cosine
    assert steps["sgd"] == pytest.approx(steps["adamw"] * 10)


# From losses to slopes


def test_the_best_lambda_is_the_vertex_of_a_parabola_in_log_lambda():
    lambdas = np.geomspace(0.01, 100, 9)
    truth = np.array([0.37, 2.2])
    losses = np.exp(0.3 * np.log(lambdas / truth[:, None]) ** 2 - 1.0)
    with_none = np.c_[np.full(2, 5.0), losses]
    np.testing.assert_allclose(best_lambdas(lambdas, with_none), truth, rtol=1e-10)
    np.testing.assert_allclose(penalised_best(lambdas, with_none), truth, rtol=1e-10)


def test_no_penalty_the_ends_of_the_grid_and_divergence():
    lambdas = np.array([1.0, 2.0, 4.0, 8.0])
    losses = np.array(
        [[1.0, 2, 3, 4, 5], [9, 1, 2, 3, 4], [9, 4, 3, 2, 1], [9, 3, 2, 1, np.inf], [np.inf, 2, 1, np.inf, np.inf]]
    )
    np.testing.assert_allclose(best_lambdas(lambdas, losses), [0, 1, 8, 4, 2])
    assert penalised_best(lambdas, losses)[0] == 1


def test_slopes_are_those_of_an_independent_fit():
    rng = np.random.default_rng(0)
    lrs, bests = np.geomspace(0.001, 0.1, 5), np.exp(rng.standard_normal((7, 5)))
    expected = [np.polyfit(np.log(lrs), np.log(each), 1)[0] for each in bests]
    np.testing.assert_allclose(slope(lrs, bests), expected)
    assert slope(lrs, 3 / lrs) == pytest.approx(-1)


def test_resamples_are_means_of_draws_with_replacement():
    losses = np.random.default_rng(0).exponential(size=(2, 3, 4))
    again = resampled(losses)
    assert again.shape[1:] == (2, 3)
    np.testing.assert_allclose(again.mean(0), losses.mean(-1), rtol=0.03)
    np.testing.assert_allclose(again.std(0), losses.std(-1) / 2, rtol=0.1)
    losses[0, 0, 0] = np.inf
    assert not np.isnan(resampled(losses)).any()


def test_the_valley_ends_where_the_loss_is_5_percent_higher():
    lambdas = np.geomspace(0.01, 100, 401)
    losses = np.exp(0.3 * np.log(lambdas / 2.0) ** 2)
    width = np.sqrt(np.log(1.05) / 0.3)
    assert valley_of(lambdas, np.r_[2.0, losses]) == pytest.approx([2 * np.exp(-width), 2 * np.exp(width)], rel=0.03)
    assert valley_of(lambdas, np.r_[1.04, losses])[0] == 0.0
    assert valley_of(lambdas, np.r_[0.5, losses]) == [0.0, 0.0]


def test_what_keeping_costs_is_read_from_the_grid():
    rng = np.random.default_rng(1)
    lrs, lambdas = np.geomspace(0.01, 1, 5), np.geomspace(1e-3, 1, 7)
    losses = 1 + rng.uniform(size=(5, 8, 6))
    losses[2, 4] = 0.5  # the middle lr, lambda = 10^-1.5
    grid = Grid(lrs, lambdas, losses, np.zeros((5, 8)), 10.0)
    for factor, place in ((0.1, 0), (10.0, 4)):
        found, means = kept(grid, factor), losses[place].mean(-1)
        assert found["tuned"] == pytest.approx(10**-1.5)
        moved = 4 - round(2 * np.log10(factor))
        for name, column in (("lambda", 4), ("product", moved), ("none", 0)):
            assert found[name] == pytest.approx(100 * (means[column] / means.min() - 1))


def test_a_row_tells_whether_a_penalty_pays():
    lambdas = np.geomspace(0.1, 10, 5)
    losses = np.array([1.04, 1.2, 1.1, 1.0, 1.1, 1.3])[:, None] * np.ones(3)
    grid = Grid(np.array([0.5]), lambdas, losses[None], np.arange(6.0)[None], 20.0)
    found = row(grid, 0, best_lambdas(lambdas, resampled(losses[None])[:, 0]))
    assert not found["pays"]
    assert found["best"] == pytest.approx(1.0)
    assert found["decay"] == pytest.approx(0.5 * 20)
    assert found["norm"] == 3
    worse = replace_none(grid, 1.06)
    assert row(worse, 0, np.ones(3))["pays"]


def replace_none(grid, loss):
    losses = grid.losses.copy()
    losses[:, 0] = loss
    return grid._replace(losses=losses)


# The answer


@pytest.mark.parametrize("name", RUNS)
def test_figures_agree_with_each_other(name):
    found, (settings, count, _) = FIGURES[name], RUNS[name]
    searched = settings.space.searched()["lr"]
    rows = found["rows"]
    assert [each["lr"] for each in rows] == pytest.approx(np.geomspace(searched.low, searched.high, count), rel=1e-5)
    for each in rows:
        assert each["loss"] <= each["none"]
        assert each["pays"] == (each["none"] > 1.05 * each["loss"])
        assert each["valley"][0] <= each["best"] <= each["valley"][1]
        assert each["band"][0] <= each["best"] <= each["band"][1]
    paying = [each for each in rows if each["pays"]]
    steps = {round(each["decay"] / each["lr"] / each["best"], 1) for each in paying}
    assert len(steps) == 1 or np.ptp(list(steps)) < 1e-3 * max(steps)
    fitted = np.polyfit(np.log([each["lr"] for each in paying]), np.log([each["best"] for each in paying]), 1)[0]
    assert found["slope"]["estimate"] == pytest.approx(fitted, abs=1e-4)
    assert found["slope"]["low"] < found["slope"]["estimate"] < found["slope"]["high"]
    middle = rows[count // 2]
    for cost in found["kept"]:
        assert cost["tuned"] == found["kept"][0]["tuned"]
        other = next(each for each in rows if each["lr"] == pytest.approx(cost["factor"] * middle["lr"], rel=1e-4))
        assert cost["none"] == pytest.approx(100 * (other["none"] / other["loss"] - 1), rel=1e-3, abs=1e-3)


def test_what_the_text_says_in_words_is_what_was_measured():
    slopes = {name: FIGURES[name]["slope"] for name in RUNS}
    assert all(
        abs(slopes[name]["estimate"]) < 0.4 and slopes[name]["low"] > -0.5 for name in ("linear", "sgd", "adamw")
    )
    assert -1.2 < slopes["normalised"]["low"] < slopes["normalised"]["high"] < -0.8
    assert -1 < slopes["book"]["low"] < slopes["book"]["high"] < -0.5
    for name in ("linear", "sgd", "adamw"):
        assert all(cost["lambda"] < 0.25 * cost["product"] for cost in FIGURES[name]["kept"])
    assert all(cost["product"] < 0.1 * cost["lambda"] for cost in FIGURES["normalised"]["kept"])
    less, more = FIGURES["book"]["kept"]
    assert more["lambda"] < 10 < less["lambda"]  # one-sided
    decays = [each["decay"] for each in FIGURES["normalised"]["rows"]]
    assert max(decays) < 3 * min(decays)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_in_the_networks_small_learning_rates_want_no_penalty_and_the_others_share_a_valley(name):
    rows = FIGURES[name]["rows"]
    assert [each["pays"] for each in rows] == [False] * 3 + [True] * 4
    assert rows[0]["best"] == rows[1]["best"] == 0
    paying = rows[3:]
    assert max(each["valley"][0] for each in paying) < min(each["valley"][1] for each in paying)
    assert max(each["norm"] for each in paying) < 1.3 * min(each["norm"] for each in paying)
    if name == "adamw":  # between once per training and once per epoch
        assert all(1 <= each["decay"] <= 300 for each in paying)


def test_on_the_linear_problem_lr_times_epochs_decides():
    table = {each["lr"]: each["best"] for each in FIGURES["by_epochs"]}
    for lr, factor in ((0.003, 10), (0.03, 10), (0.003, 100)):
        early = table[lr][EPOCHS.index(1000)]
        assert table[lr * factor][EPOCHS.index(1000 // factor)] == pytest.approx(early, rel=0.1)
    assert table[0.3][-1] == pytest.approx(FIGURES["prior_lambda"], rel=0.1)


def test_the_study_files_search_lambda_and_lr():
    files = {path.stem: Settings.load(path) for path in (HERE / "q9_learning_rate").glob("*.toml")}
    assert set(files) == {"study", "adamw", "normalised", "linear"}
    assert all({"lr"} == set(each.space.searched()) for each in files.values())
    one, other = files["study"].to_dict(), files["adamw"].to_dict()
    assert {key for key in one if one[key] != other[key]} == {"name", "question", "training", "space"}
    assert load_task(files["study"]).splits[0].train.ids.equal(few_rows(1).splits[0].train.ids)
