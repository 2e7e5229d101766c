"""Loss as a function of lambda with bands, for every penalty and both editions; and what the reader's accuracy sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go

from search.data.task import Task
from search.records import Array, Outcome
from search.report.theme import LIGHT, PENALTY_STYLES, translucent
from search.space import SearchSpace
from search.training import train
from studies.common import exact_risks, fitted_weights, study, task_of

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
    settings = study("q1_curve", size)
    y = task_of(settings).splits[0].validation.y[:, 0].numpy()
    return {
        "draws": draws,
        "replicates": draws * settings.training.seeds,
        "editions": found,
        "constant": scores(np.full_like(y, y.mean()), y),
        "mirrored": scores(2 * y.mean() - y, y),
    }


def edition(changes: dict[str, Any]) -> dict[str, Any]:
    """The curves of one edition's settings, and what the accuracy makes of its fits."""
    settings = study("q1_curve", changes)
    task = task_of(settings)
    candidates = SearchSpace.of(settings, task).grid(settings.search.trials)
    outcomes = train(task, settings, candidates)
    accuracy, r2 = held_out_scores(task, outcomes)
    risk = exact_risks(task, outcomes)
    curves = {
        penalty: curve([i for i, each in enumerate(candidates) if each.penalty == penalty], outcomes, risk, r2)
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


def held_out_scores(task: Task, outcomes: Sequence[Outcome]) -> tuple[Array, Array]:
    """The reader's accuracy and R^2 of every fit on its validation rows, each (candidates, fits)."""
    accuracy, r2 = [], []
    for outcome in outcomes:
        weights, biases = fitted_weights(outcome), outcome.biases
        assert biases is not None, "linear models keep their biases"
        seeds = len(weights) // len(task.splits)
        found = []
        for fit, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            rows = task.splits[fit // seeds].validation
            found.append(scores(rows.x.numpy() @ weight[0] + bias[0], rows.y[:, 0].numpy()))
        accuracy.append([each["accuracy"] for each in found])
        r2.append([each["r2"] for each in found])
    return np.array(accuracy), np.array(r2)


def scores(predicted: Array, y: Array) -> dict[str, float]:
    """The reader's 100 (1 - |mean(y_hat - y) / mean(y)|), R^2, and the mean squared error."""
    mse = float(np.mean((predicted - y) ** 2))
    accuracy = 100 * (1 - abs(float(np.mean(predicted - y) / np.mean(y))))
    return {"accuracy": accuracy, "r2": 1 - mse / float(y.var()), "mse": mse}


def curve(members: Sequence[int], outcomes: Sequence[Outcome], risk: Array, r2: Array) -> dict[str, Any]:
    """One penalty's curves: lambdas, and bands of training loss, exact held-out loss and R^2 over the replicates."""
    held_out = risk[members]
    best = int(held_out.mean(1).argmin())
    return {
        "lambda": [outcomes[i].candidate.lambda_ for i in members],
        "train": spread(np.stack([outcomes[i].train_loss for i in members])),
        "held_out": spread(held_out),
        "best_lambda": outcomes[members[best]].candidate.lambda_,
        "worst_train": max((float(np.median(outcomes[i].train_loss)), outcomes[i].candidate.lambda_) for i in members),
        "best_loss": float(held_out.mean(1)[best]),
        "best_train": float(outcomes[members[best]].train_loss.mean()),
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
        style = PENALTY_STYLES[penalty]
        line = {"color": style.color, "dash": style.dash}
        x = drawn["lambda"] + drawn["lambda"][::-1]
        band = drawn["held_out"]["high"] + drawn["held_out"]["low"][::-1]
        fill = {"fill": "toself", "fillcolor": translucent(style.color, 0.2), "line": {"width": 0}}
        figure.add_scatter(x=x, y=band, showlegend=False, **fill)
        for part, label, width in (("held_out", "held out", 2), ("train", "training", 1)):
            style_of_part = {"line": line | {"width": width}, "mode": "lines", "name": f"{penalty}, {label}"}
            figure.add_scatter(x=drawn["lambda"], y=drawn[part]["middle"], **style_of_part)
    figure.update_layout(template=LIGHT.template(), xaxis_title="lambda", yaxis_title="mean squared error")
    return figure.update_xaxes(type="log").update_yaxes(type="log", exponentformat="power")
