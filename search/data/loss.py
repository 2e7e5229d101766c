"""The losses that training minimises, and the losses that candidates are compared by: one number a row.

`output` has shape (..., rows, outputs); `y` is as in `task.Rows` and broadcasts against the leading axes of the
output.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from search.data.task import Kind
from search.settings import METRICS as METRICS_OF_TASK

METRICS: Final[dict[Kind, tuple[str, ...]]] = {
    "regression": METRICS_OF_TASK["regression"],
    "binary": METRICS_OF_TASK["classification"],
    "multiclass": METRICS_OF_TASK["classification"],
}


def training_loss(kind: Kind, output: Tensor, y: Tensor) -> Tensor:
    """The loss of every row, shape (..., rows).

    Regression: 1/2 (output - y)^2 summed over outputs; binary: cross-entropy of the logit of the second class;
    multiclass: cross-entropy of the softmax.
    """
    if kind == "regression":
        return _squared_error(output, y) / 2
    return _binary_cross_entropy(output, y) if kind == "binary" else _softmax_cross_entropy(output, y)


def evaluation_loss(metric: str, kind: Kind, output: Tensor, y: Tensor) -> Tensor:
    """The loss of every held-out row, shape (..., rows).

    `mse` is the squared error and `mae` the absolute error, both summed over outputs; `log_loss` is the cross-entropy;
    `error_rate` is 1 where the most likely class is not the row's (a tie goes to the class that comes first), else 0.
    Raises `ValueError` for a metric that the kind does not have; `METRICS` lists them.
    """
    if metric not in METRICS[kind]:
        raise ValueError(f"{metric} is no loss for {kind}: {', '.join(METRICS[kind])}")
    if metric == "log_loss":
        return training_loss(kind, output, y)
    if metric == "error_rate":
        predicted = output[..., 0] > 0 if kind == "binary" else output.argmax(-1)
        # NaN compares like any prediction: an output that is none must not pass for one.
        return (predicted != y).to(output.dtype).masked_fill(~output.isfinite().all(-1), torch.nan)
    return _REGRESSION[metric](output, y)


def _squared_error(output: Tensor, y: Tensor) -> Tensor:
    return (output - y).square().sum(-1)


def _absolute_error(output: Tensor, y: Tensor) -> Tensor:
    return (output - y).abs().sum(-1)


_REGRESSION: Final[dict[str, Callable[[Tensor, Tensor], Tensor]]] = {"mse": _squared_error, "mae": _absolute_error}


def _binary_cross_entropy(output: Tensor, y: Tensor) -> Tensor:
    # log(1 + exp(-s)) with s the logit, its sign turned for the first class: stable for logits of any size.
    return -functional.logsigmoid(output[..., 0] * (2 * y - 1))


def _softmax_cross_entropy(output: Tensor, y: Tensor) -> Tensor:
    rows = y.expand(output.shape[:-1])  # (..., rows)
    return -output.log_softmax(-1).gather(-1, rows.unsqueeze(-1)).squeeze(-1)
