"""Q8: weight decay by torch.optim and from scratch print different norms, because they start from different weights."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import torch
from torch import nn

from search.training import train
from studies.common import grid, law, study, task_of

LAMBDA = 3.0
EPOCHS = (1, 2, 5, 10, 20, 50, 100)
BOOK = 10
STUDIES = {"layer": "q8_norms", "scratch": "q8_norms_control"}


def answer(draws: int = 50) -> dict[str, object]:
    """Half squared norms of the fitted weights from both starts, their prediction, and what a lazy layer does."""
    norms = {
        start: {epochs: half_squares(start, {"data.draws": draws, "training.epochs": epochs}) for epochs in EPOCHS}
        for start in STUDIES
    }
    doubled = {
        (start, epochs): without_half(start, {"data.draws": draws, "training.epochs": epochs})
        for start, epochs in (("layer", BOOK), ("scratch", BOOK), ("layer", EPOCHS[-1]))
    }
    return {
        "draws": draws,
        "scratch_none": norms["scratch"][BOOK][0],
        "scratch_decay": norms["scratch"][BOOK][1],
        "layer_none": norms["layer"][BOOK][0],
        "layer_decay": norms["layer"][BOOK][1],
        "layer_decay_without_half": doubled["layer", BOOK],
        "scratch_decay_without_half": doubled["scratch", BOOK],
        "layer_decay_long_without_half": doubled["layer", EPOCHS[-1]],
        "scratch_decay_long": norms["scratch"][EPOCHS[-1]][1],
        "layer_decay_long": norms["layer"][EPOCHS[-1]][1],
        "epochs": list(EPOCHS),
        "curves": {start: [norms[start][epochs][1] for epochs in EPOCHS] for start in STUDIES},
        **leftover(),
        **lazy_layer(),
    }


def half_squares(start: str, changes: dict[str, Any], lambda_: float = LAMBDA) -> list[float]:
    """1/2 ||w||^2 after training without a penalty and with `lambda_`, each the mean over the data sets."""
    settings = study(STUDIES[start], {"data.test": 0} | changes)
    outcomes = train(task_of(settings), settings, grid("l2", [0.0, lambda_]))
    return [float((outcome.weight_norm**2).mean() / 2) for outcome in outcomes]


def without_half(start: str, changes: dict[str, Any]) -> float:
    """1/2 ||w||^2 with lambda = 3 and the squared error not halved: lr (2 g + 3 w) is 2 lr (g + 3/2 w)."""
    return half_squares(start, {"training.lr": 0.02} | changes, LAMBDA / 2)[1]


def leftover() -> dict[str, float]:
    """What decay alone leaves of the initial weights in the directions that 20 training rows do not reach."""
    settings = study("q8_norms")
    data, training = law(settings), settings.training
    steps = training.epochs * (data.train // training.batch_size)
    factor = (1 - training.lr * LAMBDA) ** steps
    unseen = data.features - data.train
    return {
        "steps": steps,
        "factor": factor,
        "layer_variance": 1 / (3 * data.features),
        "layer_leftover": unseen / (3 * data.features) / 2 * factor**2,
        "scratch_leftover": unseen * 0.01**2 / 2 * factor**2,
    }


def lazy_layer() -> dict[str, float]:
    """The spread of a lazy layer's weights when normal_(0, 0.01) is called before, and after, it knows its inputs."""
    torch.manual_seed(0)
    inputs = torch.zeros(1, 200)
    early, late = nn.LazyLinear(1000), nn.LazyLinear(1000)
    early.weight.data.normal_(0, 0.01)
    for layer in (early, late):
        layer(inputs)
    late.weight.data.normal_(0, 0.01)
    return {"lazy_std_early": early.weight.std().item(), "lazy_std_late": late.weight.std().item()}


def picture(figures: dict[str, Any]) -> go.Figure:
    """Half the squared norm against epochs with lambda = 3, from both starts."""
    labels = {"layer": "the layer's own initial weights", "scratch": "initial weights N(0, 0.01²)"}
    figure = go.Figure(
        [
            go.Scatter(x=figures["epochs"], y=values, name=labels[start], mode="lines+markers")
            for start, values in figures["curves"].items()
        ]
    )
    figure.update_xaxes(type="log", title="epochs")
    figure.update_yaxes(type="log", title="½‖w‖² with λ = 3")
    return figure
