"""The reader's table reproduced, and what his rule costs beside the others.

The package reports training losses at the end of an epoch. The newer edition's trainer plots another one: the mean over
the epoch's minibatches, each scored just before the step that learns from it. `trained` is that loop, for both.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from search.core.arrays import Array
from search.core.results import Results
from search.data import load_task
from search.data.task import Task
from search.report.theme import NEUTRAL, style_of, translucent
from search.settings import Settings
from search.training import train
from search.verdict.comparison import Comparison
from search.verdict.rules import compare_rules
from studies.common import exact_risks, grid, study_file

STUDY = study_file("q2b_heuristic/study.toml")
LAMBDAS: Final = tuple(float(value) for value in range(11))
READER: Final = {
    "train": (2.360348e-13, 3.561247e-04, 1.136713e-03, 2.143079e-03, 3.240126e-03, 4.373294e-03, 5.604185e-03,
              6.343381e-03, 7.639927e-03, 8.753147e-03, 9.767077e-03),
    "test": (1.914223, 0.035403, 0.018138, 0.017133, 0.017512, 0.017590, 0.017622, 0.017295, 0.017984, 0.017798,
             0.017654),
}  # fmt: skip
# lr * epochs is what his test loss at lambda = 1 fixes: the initial weights shrink by exp(-lr * steps * lambda).
TRAININGS: Final = ((0.003, 200), (0.01, 60), (0.02, 30), (0.03, 20), (0.04, 15))
BAND: Final = (0.005, 0.995)
TABLES, DATA_SETS = 200, 500


def answer(tables: int = TABLES, data_sets: int = DATA_SETS) -> dict[str, Any]:
    """The figures of this section."""
    settings = STUDY.replace({"data.draws": tables, "data.test": 0})
    task = load_task(settings)
    rows = [training_row(task, settings, lr, epochs) for lr, epochs in TRAININGS]
    best = max(rows, key=lambda row: (row["running"] + row["test"], row["margin"]))
    losses = trained(task, settings, best["lr"], best["epochs"])
    many = STUDY.replace({"data.draws": data_sets, "data.test": 0})
    return {
        "tables": tables,
        "data_sets": data_sets,
        "trainings": rows,
        "factor": factor(trained(task, settings, *TRAININGS[0])["end"]),
        "best": best,
        "band": {part: band(losses[part]) for part in ("running", "test")},
        "same_figure": float(np.min(np.corrcoef(losses["running"][1:]))),
        "reader_at_one": READER["test"][1],
        "reader_lowest": min(READER["test"]),
        "rules": rules(many),
        "rules_exact": rules(many.replace("training.optimizer", "exact")),
    }


def training_row(task: Task, settings: Settings, lr: float, epochs: int) -> dict[str, Any]:
    """How many of the reader's 11 training and 11 test figures lie in the 99 % band, by both ways to report."""
    losses = trained(task, settings, lr, epochs)
    counts = {
        "end": inside(losses["end"], READER["train"]),
        "running": inside(losses["running"], READER["train"]),
        "test": inside(losses["test"], READER["test"]),
    }
    tails = [tail(losses["running"], READER["train"]), tail(losses["test"], READER["test"])]
    return {"lr": lr, "epochs": epochs, "margin": min(tails)} | counts


def trained(task: Task, settings: Settings, lr: float, epochs: int) -> dict[str, Array]:
    """Plain minibatch SGD on every data set and lambda: losses (lambdas, data sets).

    `running` is the mean over the last epoch's minibatches, each before its step; `end` and `test` come after the last.
    """
    x, y, held_x, held_y = stacked(task)
    batch = settings.training.batch_size
    random = torch.Generator().manual_seed(settings.training.seed)
    weight = settings.model.init_std * torch.randn(len(x), 1, x.shape[2], generator=random)
    weight, bias = weight.repeat(1, len(LAMBDAS), 1), torch.zeros(len(x), len(LAMBDAS), 1)
    decay = torch.tensor(LAMBDAS)[:, None]
    running = torch.zeros(())
    for _ in range(epochs):
        order, scores = torch.rand(x.shape[:2], generator=random).argsort(1), []
        for start in range(0, x.shape[1], batch):
            chosen = (torch.arange(len(x))[:, None], order[:, start : start + batch])
            residual = weight @ x[chosen].mT + bias - y[chosen][:, None]  # (data sets, lambdas, batch)
            scores.append(residual.square().mean(-1))
            weight = weight - lr * (residual @ x[chosen] / batch + decay * weight)
            bias = bias - lr * residual.mean(-1, keepdim=True)
        running = torch.stack(scores).mean(0)
    end, test = (
        (weight @ part.mT + bias - target[:, None]).square().mean(-1) for part, target in ((x, y), (held_x, held_y))
    )
    return {name: value.T.numpy() for name, value in (("running", running), ("end", end), ("test", test))}


def stacked(task: Task) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Training and held-out rows of every data set, float32: inputs (data sets, rows, features), targets without."""
    parts = [
        (split.train.x, split.train.y[:, 0], split.validation.x, split.validation.y[:, 0]) for split in task.splits
    ]
    x, y, held_x, held_y = (torch.stack(part).float() for part in zip(*parts, strict=True))
    return x, y, held_x, held_y


def band(losses: Array) -> dict[str, list[float]]:
    """The ends and the middle of the 99 % band at every lambda."""
    low, middle, high = np.quantile(losses, (BAND[0], 0.5, BAND[1]), axis=1)
    return {"low": low.tolist(), "middle": middle.tolist(), "high": high.tolist()}


def inside(losses: Array, figures: tuple[float, ...]) -> int:
    """How many of the figures lie inside the band."""
    low, high = np.quantile(losses, BAND, axis=1)
    return int(((low <= figures) & (figures <= high)).sum())


def factor(losses: Array) -> list[float]:
    """By how much the reader's training losses at lambda >= 1 exceed the median data set's: least and most."""
    ratios = np.array(READER["train"][1:]) / np.median(losses[1:], axis=1)
    return [float(ratios.min()), float(ratios.max())]


def tail(losses: Array, figures: tuple[float, ...]) -> float:
    """The smallest share of data sets that lie beyond one of the figures."""
    below = (losses < np.asarray(figures)[:, None]).mean(axis=1)
    return float(np.minimum(below, 1 - below).min())


def rules(settings: Settings) -> list[dict[str, Any]]:
    """Every rule's regret, relative to the risk of the best lambda of the grid, averaged over the data sets."""
    task = load_task(settings)
    results = train(task, settings, grid("l2", LAMBDAS))
    risk = exact_risks(task, results)
    picks: dict[str, list[float]] = {}
    for draw in range(len(task.splits)):
        own = Results(results.candidates, results.validation[:, [draw]])
        for found in compare_rules(Comparison(own, 0, tolerance=settings.verdict.tolerance)):
            picks.setdefault(found.rule, []).append(found.candidate.lambda_)
    return [summary(rule, np.array(lambdas), risk) for rule, lambdas in picks.items()]


def summary(rule: str, lambdas: Array, risk: Array) -> dict[str, Any]:
    """One rule in figures: its usual lambda, and what it loses; `risk` is (lambdas of the grid, data sets)."""
    lowest = risk.min(0)
    chosen = risk[np.searchsorted(LAMBDAS, lambdas), np.arange(len(lambdas))]
    regret = (chosen - lowest) / lowest
    return {
        "rule": rule,
        "lambda": float(np.median(lambdas)),
        "risk": float(chosen.mean()),
        "regret": float(regret.mean()),
        "regret_se": float(regret.std(ddof=1) / np.sqrt(len(regret))),
        "worst": float(np.quantile(regret, 0.95)),
    }


def picture(figures: dict[str, Any]) -> go.Figure:
    """The reader's figures in their bands."""
    figure = go.Figure()
    for part, label, penalty in (("running", "training", "l1"), ("test", "held out", "l2")):
        color, drawn = style_of(penalty).color, figures["band"][part]
        x, y = [*LAMBDAS, *LAMBDAS[::-1]], drawn["high"] + drawn["low"][::-1]
        fill = {"fill": "toself", "fillcolor": translucent(color, 0.2), "line": {"width": 0}}
        figure.add_scatter(x=x, y=y, name=f"{label}: 99 % band", **fill)
        figure.add_scatter(x=LAMBDAS, y=drawn["middle"], mode="lines", line={"color": color}, name=f"{label}: median")
    for part, values in READER.items():
        marker = {"color": NEUTRAL, "symbol": "x" if part == "train" else "circle"}
        figure.add_scatter(x=LAMBDAS, y=values, mode="markers", marker=marker, name=f"the reader's {part} loss")
    figure.update_layout(xaxis_title="lambda", yaxis_title="mean squared error")
    return figure.update_yaxes(type="log", exponentformat="power")
