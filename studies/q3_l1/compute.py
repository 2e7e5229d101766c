"""Two updates of the L1 norm at equal lambda, and the slope of the objective whose L1 norm has the wrong sign."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
import torch

from search import UserError
from search.core.arrays import Array
from search.core.results import Results
from search.data import load_task
from search.data.task import Rows
from search.report.theme import style_of
from search.settings import Settings
from search.space import SearchSpace
from search.training import train
from studies.common import study_file

STUDY = study_file("q3_l1/study.toml")
WRONG_LAMBDA, WRONG_LR, BATCH = 1.0, 0.003, 5


def answer(draws: int = 10, epochs: int = 3000, wrong_epochs: int = 200) -> dict[str, Any]:
    """The figures of this section."""
    settings = STUDY.replace({"data.draws": draws, "data.test": 0, "training.epochs": epochs})
    task = load_task(settings)
    lines = [wrong_sign(split.train, wrong_epochs) for split in task.splits]
    return {
        "draws": draws,
        "features": len(task.features),
        "lr": settings.training.lr,
        "table": compared(settings),
        "wrong_lambda": WRONG_LAMBDA,
        "wrong_lr": WRONG_LR,
        "wrong": lines[0],
        "worst_ratio": max((line["measured"] / line["predicted"] for line in lines), key=lambda ratio: abs(ratio - 1)),
        "refusal": refusal(),
    }


def compared(settings: Settings) -> list[dict[str, float]]:
    """For each lambda the zeros a fit by each update, beside those of the exact optimum; and how far off it is.

    `hover` is in units of lr * lambda, the size of the step that cannot stop at zero: the 95 % point of |w_i| over
    the weights that are zero in the optimum.
    """
    updates = {
        "sub": settings.replace("training.apply", "loss"),
        "prox": settings,
        "exact": settings.replace("training.optimizer", "exact"),
    }
    fitted = {name: fits(each) for name, each in updates.items()}
    weights = {name: weights_of(results) for name, results in fitted.items()}
    lowest = {name: objective(results) for name, results in fitted.items()}
    zero, step = weights["exact"] == 0, settings.training.lr
    return [
        {
            "lambda": lambda_,
            **{f"zeros_{name}": float((each[row] == 0).sum(axis=1).mean()) for name, each in weights.items()},
            "same_zeros": float(((weights["prox"][row] == 0) == zero[row]).mean()),
            "hover": float(np.quantile(np.abs(weights["sub"][row][zero[row]]), 0.95) / (step * lambda_)),
            **{f"objective_{name}": float(lowest[name][row] / lowest["exact"][row] - 1) for name in ("sub", "prox")},
        }
        for row, lambda_ in enumerate(fitted["exact"].lambda_.tolist())
    ]


def fits(settings: Settings) -> Results:
    """The study's candidates, one for each lambda, trained as the settings say."""
    task = load_task(settings)
    return train(task, settings, SearchSpace.from_settings(settings, task).grid(settings.search.trials))


def weights_of(results: Results) -> Array:
    """The weights of every fit, which has one output, (candidates, fits, features)."""
    assert results.weights is not None, "linear models keep their weights"
    return results.weights[:, :, 0]


def objective(results: Results) -> Array:
    """Half the mean squared error plus lambda times the L1 norm, averaged over the fits, (candidates,)."""
    assert results.train_loss is not None, "training measures it"
    norm = np.abs(weights_of(results)).sum(axis=2)
    return np.asarray((results.train_loss / 2 + results.lambda_[:, None] * norm).mean(axis=1))


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
    try:
        STUDY.replace("space.lambda", [-1.0])
    except UserError as error:
        return str(error)
    raise AssertionError("a negative lambda must be refused")


def picture(figures: dict[str, Any]) -> go.Figure:
    """The objective with the wrong sign, and the predicted slope through its last point."""
    wrong: Final = figures["wrong"]
    epochs = np.arange(len(wrong["curve"])) * wrong["every"]
    line = wrong["curve"][-1] + wrong["predicted"] * (epochs - epochs[-1])
    figure = go.Figure()
    figure.add_scatter(x=epochs, y=wrong["curve"], mode="markers", marker={"color": style_of("l1").color},
                       name="loss minus the L1 norm")  # fmt: skip
    figure.add_scatter(x=epochs, y=line, mode="lines", line={"color": style_of("l2").color}, name="predicted slope")
    return figure.update_layout(xaxis_title="epoch", yaxis_title="objective")
