"""Q6: the prior of the weights is the regulariser, and its lambda is noise^2 / (n x prior variance)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
from scipy.optimize import minimize

from search.core.arrays import Array, Index
from search.core.candidate import Candidate
from search.core.means import fit_means
from search.data import load_task
from search.data.task import Split, Task
from search.penalties import make_penalty
from search.settings import Settings, SyntheticLinear
from search.training import train
from search.training.criteria import ridge_criteria
from studies.common import exact_risks, grid, law, study_file

STUDIES = {"book": study_file("q6_prior/study.toml"), "more_rows": study_file("q6_prior/more_rows.toml")}
GRID = np.geomspace(1e-3, 1e2, 31)
SCALE = 0.005


def answer(draws: int = 500) -> dict[str, object]:
    """For both studies each way to lambda with its excess risk, and both priors checked against their posteriors."""
    return {
        "draws": draws,
        **{name: compare(settings, draws) for name, settings in STUDIES.items()},
        "normal_difference": normal_check(),
        "laplace_difference": laplace_check(),
        "laplace_scale": SCALE,
        "laplace_lambda": laplace_lambda(),
    }


def map_lambda(settings: Settings) -> float:
    """noise^2 / (n x prior variance): the lambda whose prior, by the penalty's own word, is the weights' law."""
    data = law(settings)
    lambda_ = data.noise**2 / (data.train * prior_variance(settings))
    assert np.isclose(prior_scale("l2", lambda_, data) ** 2, prior_variance(settings))
    return float(lambda_)


def prior_scale(penalty: str, lambda_: float, data: SyntheticLinear) -> float:
    """The scale of the prior that the package says a penalty is."""
    prior = make_penalty(penalty).prior(lambda_, data.train, data.noise**2)
    assert prior is not None, f"{penalty} has a prior"
    return prior.scale


def prior_variance(settings: Settings) -> float:
    """The variance that the true weights are drawn with."""
    deviation = law(settings).weight_std
    assert deviation is not None, f"{settings.name} does not draw its weights"
    return deviation**2


def compare(study: Settings, draws: int) -> dict[str, Any]:
    """Every way to lambda over so many data sets of one study."""
    # The validation rows are the part that is read once, after training.
    settings = study.replace({"data.draws": draws, "data.test": 100, "data.validation": 1})
    task, lambda_ = load_task(settings), map_lambda(settings)
    candidates = grid("l2", [0.0, *GRID, lambda_])
    results = train(task, settings, candidates)
    assert results.test is not None, "these rows are asked for"
    excess = exact_risks(task, results) - law(settings).noise ** 2  # (candidates, draws)
    on_grid = slice(1, len(GRID) + 1)
    picks = {
        "none": np.zeros(len(task.splits), dtype=int),
        "map": np.full(len(task.splits), len(candidates) - 1),
        "search": 1 + fit_means(results.test)[on_grid].argmin(axis=0),
        "evidence": 1 + evidence_picks(task, candidates[on_grid]),
        "best": 1 + excess[on_grid].argmin(axis=0),
    }
    curve = excess[on_grid].mean(axis=1)
    return {
        "map_lambda": lambda_,
        "curve_lambda": float(GRID[curve.argmin()]),
        "curve": curve.tolist(),
        "ways": {name: way(pick, candidates, excess, picks["map"]) for name, pick in picks.items()},
    }


def evidence_picks(task: Task, candidates: list[Candidate]) -> Index:
    """For each data set the candidate with the highest evidence, which looks at its training rows alone."""

    def best(split: Split) -> int:
        return int(np.argmax(ridge_criteria(replace(task, splits=(split,)), candidates)["evidence"]))

    return np.array([best(split) for split in task.splits])


def way(pick: Index, candidates: list[Candidate], excess: Array, reference: Index) -> dict[str, float]:
    """The lambdas picked (quantiles), the excess risk, and by how many per cent it is above the reference's."""
    every = np.arange(excess.shape[1])
    own, base = excess[pick, every], excess[reference, every]
    low, middle, high = np.quantile([candidates[index].lambda_ for index in pick], (0.05, 0.5, 0.95))
    more = 100 * (own - base) / base.mean()
    return {
        "lambda_low": float(low),
        "lambda_median": float(middle),
        "lambda_high": float(high),
        "excess": float(own.mean()),
        "more": float(more.mean()),
        "more_error": float(more.std(ddof=1) / np.sqrt(len(more))),
    }


def normal_check() -> float:
    """Largest difference between the ridge fit at the prior's lambda and the posterior mean, relative to its size.

    The posterior mean comes from the other side, as Gaussian conditioning on y: v X'(v X X' + s^2 I)^-1 y, X and y
    centred for the flat prior of the bias.
    """
    settings = STUDIES["book"].replace("data.draws", 1)
    task, variance = load_task(settings), prior_variance(settings)
    fit = train(task, settings, [Candidate("l2", map_lambda(settings))])
    x, y = centred(task)
    mean = variance * x.T @ np.linalg.solve(variance * x @ x.T + law(settings).noise ** 2 * np.eye(len(x)), y)
    return relative_difference(fit.weights, mean)


def laplace_lambda() -> float:
    """noise^2 / (n x b) for the Laplace prior exp(-|w| / b)."""
    data = law(STUDIES["book"])
    lambda_ = data.noise**2 / (data.train * SCALE)
    assert np.isclose(prior_scale("l1", lambda_, data), SCALE)
    return float(lambda_)


def laplace_check() -> float:
    """The like for l1: the exact l1 fit beside the mode of the log posterior, which a general minimiser finds.

    -log posterior = |y - X w|^2 / (2 s^2) + sum |w| / b, with w = u - v, u and v >= 0, so that it is smooth.
    """
    settings = STUDIES["book"].replace({"data.draws": 1, "data.features": 10, "data.weight_std": SCALE})
    task, noise = load_task(settings), law(settings).noise
    fit = train(task, settings, [Candidate("l1", laplace_lambda())])
    x, y = centred(task)
    signed = np.hstack([x, -x])

    def minus_log_posterior(parts: Array) -> tuple[float, Array]:
        off = signed @ parts - y
        return off @ off / (2 * noise**2) + parts.sum() / SCALE, signed.T @ off / noise**2 + 1 / SCALE

    options: Any = {"maxiter": 10_000, "ftol": 1e-15, "gtol": 1e-10}
    start = np.zeros(signed.shape[1])
    mode = minimize(minus_log_posterior, start, jac=True, bounds=[(0, None)] * len(start), options=options).x
    return relative_difference(fit.weights, mode[:10] - mode[10:])


def centred(task: Task) -> tuple[Array, Array]:
    """The training rows' inputs and targets, less their means."""
    rows = task.splits[0].train
    x, y = rows.x.numpy(), rows.y.numpy()[:, 0]
    return x - x.mean(axis=0), y - y.mean()


def relative_difference(weights: Array | None, other: Array) -> float:
    """Largest difference of a single fit's weights to a weight vector, relative to the largest weight."""
    assert weights is not None, "linear models keep their weights"
    return float(np.abs(weights[0, 0, 0] - other).max() / np.abs(other).max())


def picture(figures: dict[str, Any]) -> go.Figure:
    """Mean excess risk against lambda, relative to that at the prior's lambda, for both studies."""
    figure = go.Figure()
    for name, label, color in (
        ("book", "20 rows, noise 0.01", "#0072b2"),
        ("more_rows", "200 rows, noise 0.1", "#d55e00"),
    ):
        own = figures[name]
        relative = np.array(own["curve"]) / own["ways"]["map"]["excess"]
        marker = {"color": color, "size": 12}
        figure.add_scatter(x=GRID, y=relative, name=label, mode="lines", line={"color": color})
        figure.add_scatter(x=[own["map_lambda"]], y=[1], name="the prior's lambda", mode="markers", marker=marker)
    figure.update_xaxes(type="log", title="λ")
    figure.update_yaxes(title="excess risk / that at the prior's λ", range=[0.95, 1.6])
    return figure
