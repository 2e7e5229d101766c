"""The absolute error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.metrics.base import Kind, Metric

if TYPE_CHECKING:
    from torch import Tensor


def absolute_error(kind: Kind, output: Tensor, y: Tensor) -> Tensor:
    """|output - y|, summed over outputs."""
    return (output - y).abs().sum(-1)


MAE = Metric("mae", "regression", "mean absolute error", absolute_error)
