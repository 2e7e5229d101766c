"""The squared error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.metrics.base import Kind, Metric

if TYPE_CHECKING:
    from torch import Tensor


def squared_error(kind: Kind, output: Tensor, y: Tensor) -> Tensor:
    """(output - y)^2, summed over outputs."""
    from torch.nn.functional import mse_loss

    squares = mse_loss(output, y.expand_as(output), reduction="none")  # one pass instead of two
    return squares[..., 0] if squares.shape[-1] == 1 else squares.sum(-1)  # a sum of one would be two passes more


MSE = Metric("mse", "regression", "mean squared error", squared_error)
