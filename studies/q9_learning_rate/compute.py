"""Q9: the best lambda at every learning rate, for SGD and AdamW, on problems where theory says what to expect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import plotly.graph_objects as go
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from search.core.arrays import Array
from search.core.candidate import Candidate
from search.core.means import fit_means
from search.core.results import Results
from search.data import load_task
from search.data.task import Task
from search.report.theme import NEUTRAL, style_of, translucent
from search.settings import Settings
from search.settings.fields import Range
from search.training import train
from studies.common import exact_risks, law, study_file
from studies.q5_others.compute import few_digits
from studies.q9_learning_rate.slopes import Grid, best_lambdas, summary

TRAIN, HELD_OUT, DRAWS = 60, 40, 10
UNITS, SPREAD = 16, 3.0
EPOCHS: Final = (10, 100, 1000)


class Run(NamedTuple):
    """A study, and how many learning rates and lambdas of its ranges make a grid."""

    settings: Settings
    lrs: int
    lambdas: int


# The exact risk is known, so no rows are held out.
EXACT: Final = {"data.validation": 1, "data.test": 1}
# The first study file with l2 alone, its lr 0.003 and ten times less and more; longer, so that the smallest gets there.
BOOK: Final = {
    "data.draws": 10,
    "training.epochs": 300,
    "space.penalty": ["none", "l2"],
    "space.lambda": {"low": 0.1, "high": 1000.0},
    "space.lr": {"low": 0.0003, "high": 0.03},
}
RUNS: Final = {
    "linear": Run(study_file("q9_learning_rate/linear.toml").replace(EXACT), 7, 13),
    "sgd": Run(study_file("q9_learning_rate/study.toml"), 7, 8),
    "adamw": Run(study_file("q9_learning_rate/adamw.toml"), 7, 8),
    "book": Run(study_file("weight_decay.toml").replace(EXACT | BOOK), 5, 17),
    "normalised": Run(study_file("q9_learning_rate/normalised.toml"), 5, 7),
}


def few_rows(draws: int = DRAWS) -> Task:
    """Images of digits, drawn several times: 60 to train on, 40 to tune on, and the same 897 to test on."""
    return few_digits(TRAIN, HELD_OUT, draws)


class Normalised(nn.Module):
    """A network with one hidden layer and normalised layers: the size of its weights changes no output."""

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Linear(features, UNITS, bias=False)
        self.second = nn.Linear(UNITS, outputs, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Logits with mean 0 and standard deviation 3."""
        hidden = self.first(x)
        output: Tensor = self.second(layer_norm(hidden, hidden.shape[-1:]).relu())
        return SPREAD * layer_norm(output, output.shape[-1:])


def normalised(features: int, outputs: int) -> Normalised:
    """The model of normalised.toml."""
    return Normalised(features, outputs)


def answer() -> dict[str, Any]:
    """For every problem the best lambda at each lr, its slope, and what a lambda tuned at another lr costs."""
    linear = RUNS["linear"]
    data, by_epochs = law(linear.settings), measured(linear, EPOCHS)
    assert data.weight_std is not None, "the weights of linear.toml are drawn"
    bests = np.stack([best_lambdas(grid.lambdas, grid.losses.mean(-1)) for grid in by_epochs], axis=1)  # (lrs, epochs)
    grids = {name: by_epochs[-1] if run is linear else measured(run)[0] for name, run in RUNS.items()}
    return {
        "draws": {name: grid.losses.shape[-1] for name, grid in grids.items()},
        "train": TRAIN,
        "prior_lambda": data.noise**2 / (data.train * data.weight_std**2),
        "epochs": EPOCHS,
        "by_epochs": [
            {"lr": float(lr), "best": best.tolist()} for lr, best in zip(by_epochs[0].lrs, bests, strict=True)
        ],
        **{name: summary(grid) for name, grid in grids.items()},
    }


def measured(run: Run, epochs: Sequence[int] = (), task: Task | None = None) -> list[Grid]:
    """The run's grid, trained; for several numbers of epochs, one grid each from one training."""
    settings, lengths = run.settings, epochs or (run.settings.training.epochs,)
    task = task or load_task(settings)
    lrs, lambdas = axis(settings.space.searched()["lr"], run.lrs), axis(settings.space.lambda_, run.lambdas)
    candidates = [
        Candidate("l2" if strength else "none", strength, lr=lr, epochs=length)
        for length in lengths
        for lr in lrs.tolist()
        for strength in [0.0, *lambdas.tolist()]
    ]
    results = train(task, settings, candidates)
    shape = (len(lengths), run.lrs, 1 + run.lambdas, -1)
    losses, norms = held_out(task, settings, results).reshape(shape), np.asarray(results.measure("weight_norm"))
    return [
        Grid(lrs, lambdas, loss, norm, length * steps_of_an_epoch(task, settings))
        for loss, norm, length in zip(losses, norms.reshape(shape[:3]), lengths, strict=True)
    ]


def axis(over: object, count: int) -> Array:
    """A searched range as that many values with equal ratios."""
    assert isinstance(over, Range), "these studies search ranges"
    return np.geomspace(over.low, over.high, count)


def held_out(task: Task, settings: Settings, results: Results) -> Array:
    """The loss of every fit, (candidates, draws): the exact risk less the noise where known, else of test rows."""
    if task.truth is None:
        assert results.test is not None, "the digits have test rows"
        return fit_means(results.test)
    excess = exact_risks(task, results) - law(settings).noise ** 2
    return np.where(np.isnan(excess), np.inf, excess)  # diverged


def steps_of_an_epoch(task: Task, settings: Settings) -> float:
    """Steps of an epoch, as long as they become by momentum, and as short as by the schedule."""
    training, rows = settings.training, len(task.splits[0].train)
    share = 0.5 if training.schedule == "cosine" else 1.0
    return -(-rows // (training.batch_size or rows)) * share / (1 - training.momentum)


LABELS: Final = {
    "linear": ("linear, gradient descent", "none"),
    "sgd": ("network, SGD", "l2"),
    "adamw": ("network, AdamW", "l1"),
    "book": ("linear, large initial weights", "group_lasso"),
    "normalised": ("normalised network, AdamW", "elastic_net"),
}


def picture(figures: dict[str, Any]) -> go.Figure:
    """The best lambda against lr, both relative to the middle of their grid, where a penalty pays; with their bands."""
    figure = go.Figure()
    for slope, dash in ((0, "dash"), (-1, "dot")):
        line = {"color": NEUTRAL, "dash": dash}
        figure.add_scatter(x=[0.1, 10], y=[0.1**slope, 10.0**slope], mode="lines", line=line, name=f"slope {slope}")
    for name, (label, penalty) in LABELS.items():
        rows, style = figures[name]["rows"], style_of(penalty)
        middle = rows[len(rows) // 2]
        paying = [row for row in rows if row["pays"]]
        x = [row["lr"] / middle["lr"] for row in paying]
        low, best, high = (
            [end / middle["best"] for end in ends]
            for ends in zip(*((row["band"][0], row["best"], row["band"][1]) for row in paying), strict=True)
        )
        fill = {"fill": "toself", "fillcolor": translucent(style.color, 0.15), "line": {"width": 0}}
        figure.add_scatter(x=x + x[::-1], y=high + low[::-1], mode="lines", showlegend=False, **fill)
        marker = {"color": style.color, "symbol": style.symbol, "size": 8}
        figure.add_scatter(x=x, y=best, mode="lines+markers", marker=marker, line={"color": style.color}, name=label)
    figure.update_xaxes(type="log", dtick=1, title="lr, divided by the middle one")
    return figure.update_yaxes(type="log", dtick=1, range=[-1.3, 1.4], title="best λ, divided by that at the middle lr")
