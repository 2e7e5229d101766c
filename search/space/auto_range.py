"""The ranges of lambda from the data."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import torch

from search.core.errors import UserError
from search.penalties import make_penalty
from search.settings import Range

if TYPE_CHECKING:
    from torch import Tensor

    from search.data.task import Split, Task
    from search.settings import Settings

DECADES = 4.0
DECADES_MORE_FEATURES_THAN_ROWS = 2.0


def auto_ranges(task: Task, settings: Settings) -> dict[str, Range]:
    """Each penalty's range of lambda (glmnet's convention; Friedman, Hastie, Tibshirani 2010, section 2.5).

    From lambda_max, the smallest lambda with all weights zero on some split's training rows, down four decades, or two
    where features outnumber rows. Where nothing sets weights to zero (l2) lambda_max is glmnet's convention, a thousand
    times l1's, which alone would leave small lambdas out: the decades count from l1's. `none` has no range. UserError
    where no input is related to the target.
    """
    return {penalty: _range(task, settings, penalty) for penalty in settings.space.penalty if penalty != "none"}


def _range(task: Task, settings: Settings, penalty: str) -> Range:
    """A penalty's range, that covers all splits and the penalty's own parameters."""
    parameters = _extremes(penalty, settings)
    ends = [_ends(split, task, penalty, each) for split in task.splits for each in parameters]
    # A split whose training rows all have one target says nothing of lambda.
    found = [(low, high) for low, high in ends if 0 < low < high < np.inf]
    if not found:
        raise UserError(
            'space.lambda: "auto" finds no range, because no input is related to the target at all; '
            "write { low = ..., high = ... }"
        )
    return Range(low=min(low for low, _ in found), high=max(high for _, high in found))


def _extremes(penalty: str, settings: Settings) -> list[dict[str, float]]:
    """The penalty's own parameters at the ends of what is searched, in every combination."""
    own = settings.space.parameters_of(penalty)
    ends = [(over.low, over.high) if isinstance(over, Range) else (min(over), max(over)) for over in own.values()]
    return [dict(zip(own, values, strict=True)) for values in product(*ends)]


def _ends(split: Split, task: Task, penalty: str, parameters: dict[str, float]) -> tuple[float, float]:
    train, residual = split.train, null_residual(split, task)
    x = train.x
    gradient = train.weighted(residual).mT @ (x - train.mean(x)) / len(x)
    if penalty == "l2":
        # Ridge's lambda has the unit of x^2 whatever the unit of y; glmnet standardises y to the same end.
        gradient = gradient / train.weighted(residual.square()).mean().sqrt()
    high = float(make_penalty(penalty, parameters).lambda_max(gradient))
    decades = DECADES if x.shape[1] <= len(x) else DECADES_MORE_FEATURES_THAN_ROWS
    return min(high, float(make_penalty("l1").lambda_max(gradient))) / 10**decades, high


def null_residual(split: Split, task: Task) -> Tensor:
    """Prediction minus target of the model with a bias alone, (rows, outputs): the loss's slope in the output."""
    y = split.train.y
    if task.kind == "multiclass":
        y = torch.nn.functional.one_hot(y, task.outputs).double()
    target = y.reshape(len(y), -1).double()
    return split.train.mean(target) - target
