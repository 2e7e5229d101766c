"""The squared error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.metrics.base import Kind, Metric

if TYPE_CHECKING:
    from torch import Tensor


def squared_error(kind: Kind, output: Tensor, y: Tensor) -> Tensor:
    """(output - y)^2, summed over outputs."""
    return (output - y).square().sum(-1)


MSE = Metric("mse", "regression", "mean squared error", squared_error)
