"""What a metric is: the loss of a held-out row by which candidates are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

TaskName = Literal["regression", "classification"]
Kind = Literal["regression", "binary", "multiclass"]


def task_of(kind: str) -> TaskName:
    """The task that a kind of target belongs to."""
    return "regression" if kind == "regression" else "classification"


@dataclass(frozen=True)
class Metric:
    """An evaluation loss of one task; `label` is what axes call it.

    `loss(kind, output, y)` is the loss of every row, shape (..., rows): `output` has shape (..., rows, outputs), and
    `y`, numbers (rows, outputs) or classes (rows,), broadcasts against its leading axes.
    """

    name: str
    task: TaskName
    label: str
    loss: Callable[[Kind, Tensor, Tensor], Tensor]
