"""The convex optimum of linear models: every candidate on every replicate, with a measure of how exact it is."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from search.core.candidate import Candidate
from search.metrics import Kind
from search.training.exact.classes import solve_classes
from search.training.exact.logistic import Data
from search.training.exact.solution import LIMITS, Limits, Solution, terms
from search.training.exact.squared import Rows, solve_squared, weighted
from search.training.reporting import Report, nobody

__all__ = ["LIMITS", "Limits", "Solution", "solve"]


def solve(  # noqa: PLR0913 - a problem, and when it counts as solved
    x: Tensor,
    y: Tensor,
    kind: Kind,
    candidates: Sequence[Candidate],
    *,
    outputs: int | None = None,
    weight: Tensor | None = None,
    limits: Limits = LIMITS,
    report: Report = nobody,
) -> Solution:
    """Minimises the mean loss + lambda * Omega(w) of a linear model, for R replicates and C candidates at once.

    Parameters
    ----------
    x
        Inputs, (R, n, p), float64.
    y
        For regression targets (R, n, K), float64; for classes (R, n), int64.
    kind
        `regression`: squared loss, `none` gives the least squares solution with the least norm. `binary`: one logit for
        the classes 0 and 1. `multiclass`: softmax over K classes, all K weight rows penalised.
    candidates
        The penalties with their lambdas. The bias is never penalised.
    outputs
        The number of classes K; left out: the largest class + 1.
    weight
        How much each row's loss counts, (R, n) with mean 1; left out: 1.
    limits
        When a fit counts as converged, and when it gives up.
    report
        Hears how many more fits are solved.

    The error of a fit is, for the squared loss, the duality gap relative to the objective, or to 1e-8 times the
    objective at w = 0 where that is larger; for classes the largest of: the distance of 0 from the subdifferential,
    relative to the loss's largest gradient at w = 0, and the bias's gradient. Without a finite minimum (`none` on
    separable classes) a fit ends where its gradient is within the bound. One that misses it is not `converged`.

    >>> import torch
    >>> x = torch.tensor([[[-1.0], [1.0]]], dtype=torch.float64)
    >>> solve(x, 2 * x, "regression", [Candidate("l1", 0.5), Candidate("l2", 1.0)]).weight.flatten().round(decimals=6)
    tensor([1.5000, 1.0000], dtype=torch.float64)
    """
    parts = [terms(candidate) for candidate in candidates]
    if kind == "regression":
        rows = Rows.of(x, y, weight)
        middle = rows.middle
        solved, error = solve_squared(rows, parts, limits, report)
        bias, bound = rows.mean[:, None].expand(solved.shape[:3]), limits.gap
    else:
        middle = weighted(x, weight).mean(1)
        width = 1 if kind == "binary" else outputs or int(y.max()) + 1
        counts = x.new_ones(x.shape[:2]) if weight is None else weight
        data = Data.of(x - middle[:, None], y, width, counts)
        solved, bias, error = solve_classes(data, parts, limits, report)
        bound = limits.residual
    solved = solved + 0.0  # no negative zeros
    return Solution(solved, bias - (solved @ middle[:, None, :, None])[..., 0], error, error <= bound)
