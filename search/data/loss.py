"""The loss that training minimises, by its slope; the losses that candidates are compared by are `search.metrics`.

`output` has shape (..., rows, outputs); `y` is as in `task.Rows` and broadcasts against the leading axes of the
output.
"""

from __future__ import annotations

import torch
from torch import Tensor

from search.core.errors import UserError
from search.core.text import one_line
from search.metrics import METRICS, Kind, metrics_for, task_of
from search.settings.plugins import import_function


def training_slope(kind: Kind, output: Tensor, y: Tensor, smoothing: Tensor | float = 0.0) -> Tensor:
    """The slope of every row's loss in the outputs, in their shape: all that a descent asks of the loss.

    Regression: that of 1/2 (output - y)^2 summed over outputs; classes: of the cross-entropy of the logit of the second
    class (binary) or of the softmax. `smoothing`, a number or a tensor that broadcasts against the outputs, is the
    share of a class's target that is spread evenly over all classes (Szegedy et al. 2016, arXiv 1512.00567, section 7).
    """
    if kind == "regression":
        return output - y
    if kind == "binary":
        return output.sigmoid() - _smooth(y[..., None].to(output.dtype), smoothing, 2)
    classes = torch.arange(output.shape[-1], device=y.device)[:, None]
    target = (y[..., None, :] == classes).to(output.dtype).mT
    # Along the last axis torch's softmax of a few classes goes value by value: fifty times as long on a CPU.
    return output.mT.softmax(-2).mT - _smooth(target, smoothing, len(classes))


def own_loss(name: str, output: Tensor, y: Tensor) -> Tensor:
    """The loss of every row, (replicates, candidates, rows), by the user's own function "package.module:function".

    `output` (replicates, candidates, rows, outputs), `y` (replicates, rows, ...): the function sees (rows, outputs) and
    (rows, ...) of one fit. `UserError` where it does not return (rows,), or cannot run on many fits at once.
    """
    function = import_function(name, key="training.loss")
    try:
        found: Tensor = torch.vmap(torch.vmap(function, in_dims=(0, None)))(output, y)
    except Exception as error:
        raise UserError(
            f"training.loss: {name} raised {type(error).__name__}: {one_line(error)[:200]}; it is called "
            f"with tensors {tuple(output.shape[2:])} and {tuple(y.shape[1:])} of many fits at once (torch.vmap)"
        ) from error
    if found.shape != output.shape[:3]:
        raise UserError(
            f"training.loss: {name} returned the shape {tuple(found.shape[2:])} for {output.shape[2]} rows; "
            f"it must be ({output.shape[2]},), the loss of every row"
        )
    return found


def evaluation_loss(metric: str, kind: Kind, output: Tensor, y: Tensor) -> Tensor:
    """The metric of every held-out row, shape (..., rows); `ValueError` for a metric of another kind of target."""
    if METRICS[metric].task != task_of(kind):
        raise ValueError(f"{metric} is no loss for {kind}: {', '.join(metrics_for(task_of(kind)))}")
    return METRICS[metric].loss(kind, output, y)


def _smooth(target: Tensor, smoothing: Tensor | float, classes: int) -> Tensor:
    """Targets of which a share is spread evenly over all classes."""
    if isinstance(smoothing, float) and smoothing == 0:
        return target
    return target + smoothing * (1 / classes - target)
