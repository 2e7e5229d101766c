"""Q8: weight decay by torch.optim and from scratch print different norms, because they start from different weights."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import torch
from torch import nn

from search.core.candidate import Candidate
from search.data import load_task
from search.settings import Settings
from search.training import train
from studies.common import law, study_file

LAMBDA = 3.0
EPOCHS = (1, 2, 5, 10, 20, 50, 100)
BOOK = 10
STUDIES = {"layer": study_file("q8_norms/study.toml"), "scratch": study_file("q8_norms/control.toml")}


def answer(draws: int = 50) -> dict[str, object]:
    """Half squared norms of the fitted weights from both starts, their prediction, and what a lazy layer does."""
    none, decay, doubled = {}, {}, {}
    for start, study in STUDIES.items():
        settings = study.replace("data.draws", draws)
        none[start] = half_squares(settings, 0.0)
        decay[start] = half_squares(settings, LAMBDA)
        # The squared error not halved: a step of lr (2 g + 3 w) is one of 2 lr (g + 3/2 w).
        doubled[start] = half_squares(settings.replace("training.lr", 2 * settings.training.lr), LAMBDA / 2)
    return {
        "draws": draws,
        "scratch_none": none["scratch"][BOOK],
        "scratch_decay": decay["scratch"][BOOK],
        "layer_none": none["layer"][BOOK],
        "layer_decay": decay["layer"][BOOK],
        "layer_decay_without_half": doubled["layer"][BOOK],
        "scratch_decay_without_half": doubled["scratch"][BOOK],
        "layer_decay_long_without_half": doubled["layer"][EPOCHS[-1]],
        "scratch_decay_long": decay["scratch"][EPOCHS[-1]],
        "layer_decay_long": decay["layer"][EPOCHS[-1]],
        "epochs": list(EPOCHS),
        "curves": {start: list(norms.values()) for start, norms in decay.items()},
        **leftover(),
        **lazy_layer(),
    }


def half_squares(study: Settings, lambda_: float) -> dict[int, float]:
    """1/2 ||w||^2 after so many epochs with this lambda, the mean over the data sets."""
    settings = study.replace("data.test", 0)
    candidates = [Candidate("l2", lambda_, epochs=epochs) for epochs in EPOCHS]
    results = train(load_task(settings), settings, candidates)
    assert results.weight_norm is not None, "training measures it"
    return dict(zip(EPOCHS, ((results.weight_norm**2).mean(axis=1) / 2).tolist(), strict=True))


def leftover() -> dict[str, float]:
    """What decay alone leaves of the initial weights in the directions that 20 training rows do not reach."""
    settings = STUDIES["layer"]
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
    figure.update_xaxes(type="log", title="epochs", tickvals=figures["epochs"])
    figure.update_yaxes(type="log", title="½‖w‖² with λ = 3", dtick=1)
    return figure
