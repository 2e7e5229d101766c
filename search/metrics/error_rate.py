"""Right or wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.metrics.base import Kind, Metric

if TYPE_CHECKING:
    from torch import Tensor


def wrong(kind: Kind, output: Tensor, y: Tensor) -> Tensor:
    """1 where the most likely class is not the row's (a tie goes to the class that comes first), else 0."""
    predicted = output[..., 0] > 0 if kind == "binary" else output.argmax(-1)
    # NaN compares like any prediction: an output that is none must not pass for one.
    return (predicted != y).to(output.dtype).masked_fill(~output.isfinite().all(-1), float("nan"))


ERROR_RATE = Metric("error_rate", "classification", "share of wrong rows", wrong)
