"""Two updates of the L1 norm at equal lambda, and the slope of the objective whose L1 norm has the wrong sign."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
import torch

from search import Settings, UserError
from search.data.task import Rows
from search.records import Outcome
from search.report.theme import LIGHT, PENALTY_STYLES
from search.space import SearchSpace
from search.training import train
from studies.common import fitted_weights, study, task_of

WRONG_LAMBDA, WRONG_LR, BATCH = 1.0, 0.003, 5


def answer(draws: int = 10, epochs: int = 3000, wrong_epochs: int = 200) -> dict[str, Any]:
    """The figures of this section."""
    changes = {"data.draws": draws, "data.test": 0}
    descent = changes | {"training.epochs": epochs}
    subgradient, proximal = (fits(descent | {"training.apply": apply}) for apply in ("loss", "proximal"))
    exact = fits(changes | {"training.optimizer": "exact"})
    settings = study("q3_l1", changes)
    lines = [wrong_sign(split.train, wrong_epochs) for split in task_of(settings).splits]
    return {
        "draws": draws,
        "features": fitted_weights(exact[0]).shape[-1],
        "lr": settings.training.lr,
        "table": [row(*found, settings.training.lr) for found in zip(subgradient, proximal, exact, strict=True)],
        "wrong_lambda": WRONG_LAMBDA,
        "wrong_lr": WRONG_LR,
        "wrong": lines[0],
        "worst_ratio": max((line["measured"] / line["predicted"] for line in lines), key=lambda ratio: abs(ratio - 1)),
        "refusal": refusal(),
    }


def fits(changes: dict[str, Any]) -> list[Outcome]:
    """One outcome for each lambda of the study, trained as the changes say."""
    settings = study("q3_l1", changes)
    task = task_of(settings)
    return train(task, settings, SearchSpace.of(settings, task).grid(settings.search.trials))


def row(subgradient: Outcome, proximal: Outcome, exact: Outcome, lr: float) -> dict[str, float]:
    """Zeros a fit by each update, beside those of the exact optimum; and how far off the subgradient's weights hover.

    `hover` is in units of lr * lambda, the size of the step that cannot stop at zero: the 95 % point of |w_i| over
    the weights that are zero in the optimum.
    """
    updates = {"sub": subgradient, "prox": proximal, "exact": exact}
    weights = {name: fitted_weights(outcome) for name, outcome in updates.items()}
    zero = weights["exact"] == 0
    lambda_ = exact.candidate.lambda_
    count = len(exact.train_loss)
    return {
        "lambda": lambda_,
        **{f"zeros_{name}": float((weight == 0).sum() / count) for name, weight in weights.items()},
        "same_zeros": float(((weights["prox"] == 0) == zero).mean()),
        "hover": float(np.quantile(np.abs(weights["sub"][zero]), 0.95) / (lr * lambda_)),
        "objective_sub": objective(subgradient) / objective(exact) - 1,
        "objective_prox": objective(proximal) / objective(exact) - 1,
    }


def objective(outcome: Outcome) -> float:
    """Half the mean squared error plus lambda times the L1 norm, averaged over the fits."""
    penalty = np.abs(fitted_weights(outcome)).sum(axis=(1, 2))
    return float((outcome.train_loss / 2 + outcome.candidate.lambda_ * penalty).mean())


def wrong_sign(rows: Rows, epochs: int) -> dict[str, Any]:
    """Minibatch SGD on half the squared error MINUS lambda times the L1 norm: the objective after each epoch.

    Slopes are per epoch: `measured` by least squares over the last half, `predicted` from the last signs s as
    -lambda^2 lr s'Ns a step, N the projector on the directions that no training row sees; `rough` takes N = I.
    """
    random = torch.Generator().manual_seed(0)
    weight = (0.01 * torch.randn(rows.x.shape[1], generator=random, dtype=torch.float64)).requires_grad_()
    bias = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([weight, bias], lr=WRONG_LR)
    curve = []
    for _ in range(epochs):
        order = torch.randperm(len(rows), generator=random)
        for start in range(0, len(rows), BATCH):
            batch = order[start : start + BATCH]
            optimizer.zero_grad()
            wrong_objective(rows.x[batch], rows.y[batch, 0], weight, bias).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        curve.append(wrong_objective(rows.x, rows.y[:, 0], weight, bias).item())
    sign = weight.detach().sign()
    seen = torch.linalg.lstsq(rows.x.T, sign[:, None]).solution[:, 0] @ rows.x
    pace = -(WRONG_LAMBDA**2) * WRONG_LR * len(rows) / BATCH
    half = epochs // 2
    measured = np.polyfit(np.arange(half), curve[-half:], 1)[0]
    return {
        "measured": float(measured),
        "predicted": pace * float(sign @ (sign - seen)),
        "rough": pace * len(sign),
        "line": float(np.corrcoef(np.arange(half), curve[-half:])[0, 1] ** 2),
        "curve": curve[:: max(1, epochs // 50)],
        "every": max(1, epochs // 50),
    }


def wrong_objective(x: torch.Tensor, y: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """What the reader wrote: the loss minus the norm."""
    return (x @ weight + bias - y).square().mean() / 2 - WRONG_LAMBDA * weight.abs().sum()


def refusal() -> str:
    """What the package says to a negative lambda."""
    tables = study("q3_l1").to_dict()
    tables["space"]["lambda"] = [-1.0]
    try:
        Settings.parse(tables, where="q3_l1.toml")
    except UserError as error:
        return str(error)
    raise AssertionError("a negative lambda must be refused")


def picture(figures: dict[str, Any]) -> go.Figure:
    """The objective with the wrong sign, and the predicted slope through its last point."""
    wrong: Final = figures["wrong"]
    epochs = np.arange(len(wrong["curve"])) * wrong["every"]
    line = wrong["curve"][-1] + wrong["predicted"] * (epochs - epochs[-1])
    figure = go.Figure()
    figure.add_scatter(x=epochs, y=wrong["curve"], mode="markers", marker={"color": PENALTY_STYLES["l1"].color},
                       name="loss minus the L1 norm")  # fmt: skip
    figure.add_scatter(
        x=epochs, y=line, mode="lines", line={"color": PENALTY_STYLES["l2"].color}, name="predicted slope"
    )
    return figure.update_layout(template=LIGHT.template(), xaxis_title="epoch", yaxis_title="objective")
