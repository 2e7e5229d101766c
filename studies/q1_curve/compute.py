"""Loss as a function of lambda with bands, for every penalty and both editions; and what the reader's accuracy sees."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import plotly.graph_objects as go

from search.core.arrays import Array, Index
from search.core.results import Results
from search.core.text import words
from search.data import load_task
from search.data.task import Task
from search.report.theme import style_of, translucent
from search.space import SearchSpace
from search.training import train
from studies.common import exact_risks, study_file

STUDY = study_file("q1_curve/study.toml")
EDITIONS: Final[dict[str, dict[str, Any]]] = {
    "older": {},
    # SGD diverges where lr * lambda is above 2, so the larger learning rate has the smaller range.
    "newer": {
        "model.init_std": 0.01,
        "training.lr": 0.01,
        "training.epochs": 10,
        "space.lambda": {"low": 0.01, "high": 100.0},
    },
}
QUANTILES: Final = {"low": 0.05, "middle": 0.5, "high": 0.95}


def answer(draws: int = 30, lambdas: int = 12) -> dict[str, Any]:
    """The figures of this section; `lambdas` of them for each of the four penalties."""
    size = {"data.draws": draws, "data.test": 0, "search.trials": 4 * lambdas + 1}
    found = {name: edition(size | changes) for name, changes in EDITIONS.items()}
    y = load_task(STUDY.replace(size)).splits[0].validation.y[:, 0].numpy()
    return {
        "draws": draws,
        "replicates": draws * STUDY.training.seeds,
        "editions": found,
        "constant": plain(scores(np.full_like(y, y.mean()), y)),
        "mirrored": plain(scores(2 * y.mean() - y, y)),
    }


def edition(changes: dict[str, Any]) -> dict[str, Any]:
    """The curves of one edition's settings, and what the accuracy makes of its fits."""
    settings = STUDY.replace(changes)
    task = load_task(settings)
    candidates = SearchSpace.from_settings(settings, task).grid(settings.search.trials)
    results = train(task, settings, candidates)
    found = held_out_scores(task, results)
    accuracy, r2 = found["accuracy"], found["r2"]
    risk = exact_risks(task, results)
    curves = {
        penalty: curve(np.flatnonzero(results.penalty == penalty), results, risk, r2)
        for penalty in settings.space.penalty
    }
    mean, median = risk.mean(1), np.median(accuracy, axis=1)
    l1, group = (np.array(curves[name]["held_out"]["middle"]) for name in ("l1", "group_lasso"))
    return {
        "curves": curves,
        "best": str(candidates[int(mean.argmin())]),
        "none": float(mean[0]),
        "lowest": float(mean.min()),
        "worse_than_constant": float((r2 < 0).mean()),
        "their_best_accuracy": float(accuracy[r2 < 0].max()),
        "by_accuracy": str(candidates[int(median.argmax())]),
        "loss_by_accuracy": float(mean[median.argmax()]),
        "accuracy_at_best": spread(accuracy[int(mean.argmin())]),
        "l1_against_group_lasso": float(np.abs(l1 / group - 1).max()),
    }


def held_out_scores(task: Task, results: Results) -> dict[str, Array]:
    """The scores of every fit on its validation rows, each (candidates, fits)."""
    assert results.weights is not None, "linear models keep their weights"
    assert results.biases is not None
    fits = results.weights.shape[1]
    seeds = fits // len(task.splits)
    found = []
    for fit in range(fits):
        rows = task.splits[fit // seeds].validation
        found.append(
            scores(results.weights[:, fit, 0] @ rows.x.numpy().T + results.biases[:, fit], rows.y[:, 0].numpy())
        )
    return {name: np.stack([each[name] for each in found], axis=1) for name in found[0]}


def scores(predicted: Array, y: Array) -> dict[str, Array]:
    """The reader's 100 (1 - |mean(y_hat - y) / mean(y)|), R^2, and the mean squared error, over the last axis."""
    mse = np.mean((predicted - y) ** 2, axis=-1)
    accuracy = 100 * (1 - np.abs(np.mean(predicted - y, axis=-1) / np.mean(y)))
    return {"accuracy": accuracy, "r2": 1 - mse / y.var(), "mse": mse}


def plain(found: dict[str, Array]) -> dict[str, float]:
    """The scores of a single model as numbers."""
    return {name: float(value) for name, value in found.items()}


def curve(members: Index, results: Results, risk: Array, r2: Array) -> dict[str, Any]:
    """One penalty's curves: lambdas, and bands of training loss, exact held-out loss and R^2 over the replicates."""
    own = results.take(members)
    assert own.train_loss is not None, "training measures it"
    held_out, middle = risk[members], np.median(own.train_loss, axis=1)
    best = int(held_out.mean(1).argmin())
    return {
        "lambda": own.lambda_.tolist(),
        "train": spread(own.train_loss),
        "held_out": spread(held_out),
        "best_lambda": float(own.lambda_[best]),
        "worst_train": [float(middle.max()), float(own.lambda_[middle.argmax()])],
        "best_loss": float(held_out.mean(1)[best]),
        "best_train": float(own.train_loss.mean(1)[best]),
        "best_r2": float(np.median(r2[members[best]])),
    }


def spread(values: Array) -> dict[str, Any]:
    """The 5, 50 and 95 % points over the last axis."""
    return {name: np.quantile(values, share, axis=-1).tolist() for name, share in QUANTILES.items()}


def picture(figures: dict[str, Any]) -> go.Figure:
    """Training (thin) and held-out loss (with its band) over lambda, in the older edition's setting."""
    figure = go.Figure()
    for penalty, drawn in figures["editions"]["older"]["curves"].items():
        if penalty in {"none", "group_lasso"}:
            continue
        style = style_of(penalty)
        line = {"color": style.color, "dash": style.dash}
        x = drawn["lambda"] + drawn["lambda"][::-1]
        band = drawn["held_out"]["high"] + drawn["held_out"]["low"][::-1]
        fill = {"fill": "toself", "fillcolor": translucent(style.color, 0.2), "line": {"width": 0}}
        figure.add_scatter(x=x, y=band, showlegend=False, **fill)
        for part, label, width in (("held_out", "held out", 2), ("train", "training", 1)):
            style_of_part = {"line": line | {"width": width}, "mode": "lines", "name": f"{words(penalty)}, {label}"}
            figure.add_scatter(x=drawn["lambda"], y=drawn[part]["middle"], **style_of_part)
    figure.update_layout(xaxis_title="lambda", yaxis_title="mean squared error")
    return figure.update_xaxes(type="log").update_yaxes(type="log", exponentformat="power")
