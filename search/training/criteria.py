"""What the training rows alone say of lambda: generalised cross-validation and the evidence, for ridge regression.

Both are functions of lambda and the training rows, in closed form by one decomposition a split; how (or whether) the
candidate was trained does not enter. They exist for squared loss, a linear model, and the penalties `l2` and `none`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from search.core.arrays import Array
from search.core.candidate import Candidate
from search.data.loss import evaluation_loss
from search.data.task import Rows, Split, Task
from search.training.exact import squared


def ridge_criteria(task: Task, candidates: Sequence[Candidate]) -> dict[str, Array]:
    """`gcv` and `evidence` of every candidate, averaged over the splits; NaN where they do not exist.

    Empty for classes. With several outputs both are summed over them.
    """
    if task.kind != "regression":
        return {}
    strengths = torch.tensor(
        [each.lambda_ if each.penalty in {"l2", "none"} else torch.nan for each in candidates], dtype=torch.float64
    )
    per_split = [_criteria(split, strengths) for split in task.splits]
    names = ("gcv", "evidence")
    return {name: torch.stack([each[i] for each in per_split]).mean(0).numpy() for i, name in enumerate(names)}


def _criteria(split: Split, lambdas: Tensor) -> tuple[Tensor, Tensor]:
    """GCV (Golub, Heath, Wahba 1979) and log evidence (MacKay 1992; Bishop 2006, section 3.5), each (candidates,).

    With centred x = U diag(d) V', share_j = d_j^2 / (d_j^2 + n lambda) and r = y - U U'y:
    GCV = n (||r||^2 + sum_j ((1 - share_j) u_j'y)^2) / (n - 1 - sum_j share_j)^2, the bias counting as one parameter;
    evidence of y ~ N(bias, s^2 (I + x x' / (n lambda))), the bias integrated out and s^2 at its maximum:
    -(n - 1)/2 log(s^2) + 1/2 sum_j log(1 - share_j), s^2 = (||r||^2 + sum_j (1 - share_j) (u_j'y)^2) / (n - 1).
    """
    train = split.train
    weight = None if train.weight is None else train.weight[None]
    few, rows = squared.Rows.of(train.x[None], train.y[None], weight).reduced(), len(train.x)
    x, y = (part[0] * (rows / part.shape[1]) ** 0.5 for part in few)  # with the sums of squares of all rows
    left, scale, _ = torch.linalg.svd(x, full_matrices=False)
    kept = scale > scale[0] * rows * torch.finfo(scale.dtype).eps
    left, scale = left[:, kept], scale[kept]
    along = (left.mT @ y).square().sum(1)  # (rank,), summed over outputs
    rest = (y.square().sum() - along.sum()).clamp(min=0)
    outputs = y.shape[1]
    left_over = rows * lambdas[:, None] / (scale.square() + rows * lambdas[:, None])  # 1 - share, (candidates, rank)
    free = rows - 1 - (1 - left_over).sum(1)
    gcv = rows * (rest + (left_over.square() * along).sum(1)) / free.square()
    variance = (rest + (left_over * along).sum(1)) / ((rows - 1) * outputs)
    evidence = outputs / 2 * (left_over.log().sum(1) - (rows - 1) * variance.log())
    exists = (free > 1e-9 * rows) & lambdas.isfinite()
    return gcv.where(exists, torch.nan), evidence.where(exists & (lambdas > 0), torch.nan)


def baseline_loss(task: Task, metric: str) -> float:
    """The training loss of the best constant prediction, see `constant_losses`, averaged over the splits."""
    losses = [constant_losses(split, split.train, task, metric) for split in task.splits]
    return sum(float(each.mean()) for each in losses) / len(losses)


def constant_losses(split: Split, rows: Rows, task: Task, metric: str) -> Tensor:
    """The weighted loss of every row, (rows,), under the best constant prediction of the split's training rows.

    That is the mean of a target, its median for `mae`, and the frequencies of classes.
    """
    train = split.train
    if task.kind == "regression":
        constant = _medians(train) if metric == "mae" else train.mean(train.y)
    else:
        rates = train.mean(torch.nn.functional.one_hot(train.y, max(2, task.outputs)).double())
        constant = rates.log() if task.kind == "multiclass" else (rates[1] / rates[0]).log()[None]
    return rows.weighted(evaluation_loss(metric, task.kind, constant.expand(len(rows), task.outputs), rows.y))


def _medians(rows: Rows) -> Tensor:
    """The weighted median of every target, (targets,): between two values that both halve the weight their middle."""
    y, order = rows.y.sort(0)
    weight = torch.ones_like(rows.y[:, 0]) if rows.weight is None else rows.weight.to(rows.y)
    below = weight[order].cumsum(0)
    half = below[-1] / 2
    low, high = ((each.sum(0).clamp(max=len(y) - 1))[None] for each in (below < half, below <= half))
    return (y.gather(0, low) + y.gather(0, high))[0] / 2
