"""Squared loss: l2 and none by one singular value decomposition, the others along the path of lambdas.

Everything is on centred x (R, n, p) and y (R, n, K), so that the bias is out of the way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from search.penalties.elastic_net import soft_threshold
from search.penalties.group_lasso import group_norms
from search.training.exact.quadratic import Problems, minimize
from search.training.exact.solution import Terms, chunks, path_order
from search.training.reporting import Report

TOLERANCE = 1e-9  # of the quadratic's optimality residual, relative to its threshold
ROUNDING = 1e-14  # and never below this share of the gradient at w = 0
BISECTIONS = 60
PERFECT = 1e-8  # a loss below this share of the loss at w = 0 counts as a perfect fit


def solve_squared(x: Tensor, y: Tensor, parts: Sequence[Terms], steps: int, report: Report) -> tuple[Tensor, Tensor]:
    """Weights (R, C, K, p) and relative duality gaps (R, C); see `solve`."""
    weight = x.new_zeros(len(x), len(parts), y.shape[2], x.shape[2])
    error = x.new_zeros(len(x), len(parts))
    smooth = [i for i, part in enumerate(parts) if not part.sparse]
    rest = [i for i in path_order(parts) if parts[i].sparse]
    if smooth:
        weight[:, smooth], error[:, smooth] = ridge_path(x, y, x.new_tensor([parts[i].ridge for i in smooth]))
        report(len(x) * len(smooth))
    for at in chunks(len(x), (x.shape[2] * y.shape[2]) ** 2) if rest else ():
        weight[at[:, None], rest], error[at[:, None], rest] = sparse_path(
            x[at], y[at], [parts[i] for i in rest], steps, report
        )
    return weight, error


def ridge_path(x: Tensor, y: Tensor, ridge: Tensor) -> tuple[Tensor, Tensor]:
    """l2 for every ridge (C,), and for 0 the least squares solution with the least norm: w = V s / (s^2 + n ridge) U'y.

    Singular values below max(n, p) * eps of the largest are zero.
    """
    left, values, right = torch.linalg.svd(x, full_matrices=False)
    kept = values > values[:, :1] * max(x.shape[1:]) * torch.finfo(x.dtype).eps
    safe = torch.where(kept, values, 1.0)
    shrunk = torch.where(kept[:, None], safe[:, None] / (safe.square()[:, None] + x.shape[1] * ridge[:, None]), 0.0)
    scaled = shrunk[..., None] * (left.mT @ y)[:, None]  # (R, C, rank, K)
    # einsum and not a broadcast product, which would copy x once a candidate.
    weight = torch.einsum("rcjk,rjp->rckp", scaled, right)
    residual = y[:, None] - torch.einsum("rnp,rckp->rcnk", x, weight)
    pulled = torch.einsum("rcnk,rnj->rckj", residual, left * kept[:, None])
    free = pulled.square().sum((-2, -1)) / (2 * x.shape[1])
    slope = ridge[:, None, None] * weight - torch.einsum("rcnk,rnp->rckp", residual, x) / x.shape[1]
    positive = torch.where(ridge > 0, ridge, 1.0)
    gap = torch.where(ridge > 0, slope.square().sum((-2, -1)) / (2 * positive), free)
    value = residual.square().sum((-2, -1)) / (2 * x.shape[1]) + ridge / 2 * weight.square().sum((-2, -1))
    return weight, relative(gap, value, y[:, None])


def sparse_path(x: Tensor, y: Tensor, parts: Sequence[Terms], steps: int, report: Report) -> tuple[Tensor, Tensor]:
    """What has zeros: each candidate starts from the one before it; all replicates at once."""
    gram, linear = x.mT @ x / x.shape[1], y.mT @ x / x.shape[1]
    weight, weights, errors = torch.zeros_like(linear), [], []
    outputs = y.shape[2]
    for i, part in enumerate(parts):
        if i and part.grouped(outputs) != parts[i - 1].grouped(outputs):
            weight = torch.zeros_like(linear)
        solve = solve_grouped if part.grouped(outputs) else solve_single
        weight = solve(gram, linear, part, weight, steps)
        weights.append(weight)
        errors.append(sparse_gap(x, y, weight, part))
        report(len(x))
    return torch.stack(weights, 1), torch.stack(errors, 1)


def solve_single(gram: Tensor, linear: Tensor, part: Terms, start: Tensor, steps: int) -> Tensor:
    """Without groups the outputs are problems of their own; a group of one weight is that weight."""
    outputs = linear.shape[1]
    matrix = gram.repeat_interleave(outputs, 0) if outputs > 1 else gram
    problems = Problems(matrix, linear.flatten(0, 1)[:, None], part.ridge, 0.0, part.l1 + part.group)
    weight, _ = minimize(problems, start.flatten(0, 1)[:, None], tolerance(problems), steps)
    return weight[:, 0].view_as(linear)


def solve_grouped(gram: Tensor, linear: Tensor, part: Terms, start: Tensor, steps: int) -> Tensor:
    """Groups couple the outputs: Q = I (x) gram."""
    outputs, features = linear.shape[1:]
    matrix = gram.new_zeros(len(gram), outputs, features, outputs, features)
    for k in range(outputs):
        matrix[:, k, :, k] = gram
    problems = Problems(matrix.flatten(3).flatten(1, 2), linear, part.ridge, part.l1, part.group)
    return minimize(problems, start, tolerance(problems), steps)[0]


def tolerance(problems: Problems) -> Tensor:
    """The residual at which a quadratic is solved, (m,)."""
    return (ROUNDING * problems.linear.abs().amax((1, 2))).clamp(min=TOLERANCE * (problems.l1 + problems.group))


def sparse_gap(x: Tensor, y: Tensor, weight: Tensor, part: Terms) -> Tensor:
    """The relative duality gap (R,) of the objective with the dual point s * r, s scaled into the feasible set.

    The ridge counts as sqrt(n ridge) more rows with target 0. With the residual r = y - Xw, the dual objective is
    s y'r / n - s^2 (||r||^2 / n + ridge ||w||^2) / 2 and feasible where s (X'r / n - ridge w) is in the dual unit ball
    of the penalty's other parts; of these s the best is taken.
    """
    n = x.shape[1]
    residual = y - x @ weight.mT
    square = residual.square().sum((1, 2)) / n + part.ridge * weight.square().sum((1, 2))
    inner = (residual * y).sum((1, 2)) / n
    bound = largest_feasible(residual.mT @ x / n - part.ridge * weight, part)
    scale = torch.minimum(inner / torch.where(square > 0, square, 1.0), bound).clamp(min=0)
    groups = math.sqrt(weight.shape[1]) * group_norms(weight).sum((1, 2))
    value = square / 2 + part.l1 * weight.abs().sum((1, 2)) + part.group * groups
    return relative(value - scale * inner + scale.square() / 2 * square, value, y)


def largest_feasible(slope: Tensor, part: Terms) -> Tensor:
    """The largest s (R,) at which ||soft(s slope_g, l1)|| <= group * sqrt(units) for every group, slope (R, K, p).

    In closed form for l1 or groups alone; for both by bisection, as the left side rises with s.
    """
    bound = part.group * math.sqrt(slope.shape[1])
    steepest = slope.abs().amax((1, 2))
    if part.group == 0:
        return part.l1 / steepest
    if part.l1 == 0:
        return bound / group_norms(slope).amax((1, 2))
    low, high = part.l1 / steepest, (part.l1 + bound) / steepest
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        inside = group_norms(soft_threshold(middle[:, None, None] * slope, part.l1)).amax((1, 2)) <= bound
        low, high = torch.where(inside, middle, low), torch.where(inside, high, middle)
    return low


def relative(gap: Tensor, value: Tensor, y: Tensor) -> Tensor:
    """The gap relative to the objective, or to PERFECT times the objective at w = 0 where that is larger."""
    floor = PERFECT * y.square().sum((-2, -1)) / (2 * y.shape[-2])
    return gap.clamp(min=0) / torch.maximum(value, floor).clamp(min=torch.finfo(y.dtype).tiny)
