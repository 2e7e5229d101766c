"""Cross-entropy along the path of lambdas: what makes zeros on a working set, l2 in no more directions than rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from search.training.exact.block import Block
from search.training.exact.logistic import ROUNDING, Data, Local, Model, Point, base_rates, proximal_newton
from search.training.exact.solution import Limits, Terms, chunks, path_order
from search.training.exact.working import LEAST, Columns, strong_share
from search.training.reporting import Report

KNOTS = 4  # fits that tell where the next one is


def solve_classes(data: Data, parts: Sequence[Terms], limits: Limits, report: Report) -> tuple[Tensor, Tensor, Tensor]:
    """Weights (R, C, K, p), biases (R, C, K) and relative residuals (R, C); see `solve`. The inputs are centred."""
    replicates, features, outputs = len(data.x), data.x.shape[2], data.columns.shape[2]
    weight = data.x.new_zeros(replicates, len(parts), outputs, features)
    bias, error = data.x.new_zeros(weight.shape[:3]), data.x.new_zeros(weight.shape[:2])
    width = min(features, max(data.x.shape[1], 4 * LEAST))
    for at in chunks(replicates, max((outputs * width) ** 2, data.x.shape[1] * outputs**2 * width)):
        rows = data.take(at)
        start = base_rates(rows)
        scale = start.slope.abs().amax((1, 2)).clamp(min=ROUNDING)
        for solve, sparse in ((smooth_path, False), (sparse_path, True)):
            which = [i for i in path_order(parts) if parts[i].sparse == sparse]
            if which:
                found = solve(rows, [parts[i] for i in which], start, scale, limits, report)
                weight[at[:, None], which], bias[at[:, None], which], error[at[:, None], which] = found
    return weight, bias, error


Found = tuple[Tensor, Tensor, Tensor]  # weights (m, C, K, p), biases (m, C, K), relative residuals (m, C)


def smooth_path(
    data: Data, parts: Sequence[Terms], start: Point, scale: Tensor, limits: Limits, report: Report
) -> Found:
    """What has no zeros. With fewer rows than features the weights are a mix of the rows: n directions hold them."""
    right = None
    rows, unit, point = data, scale, start
    if data.x.shape[1] < data.x.shape[2]:
        right = torch.linalg.svd(data.x, full_matrices=False)[2]  # (m, n, p)
        rows = replace(data, x=data.x @ right.mT)
        # The largest entry of a gradient can be this much larger in the features than in the directions.
        unit = scale / (right.shape[1] * data.columns.shape[2]) ** 0.5
        model = Model(start.model.weight @ right.mT, start.model.bias)
        point = replace(start, model=model, slope=start.slope @ right.mT)
    found, near = [], None
    past: list[tuple[float, Model]] = []
    for part in parts:
        point = ahead(rows, past, part, point, unit)
        point, near, error = proximal_newton(rows, part, point, unit, limits, near)
        past = [*past[1 - KNOTS :], (part.lambda_, point.model)]
        weight = point.model.weight
        if right is not None:
            weight = weight @ right
            error = replace(point, model=Model(weight, point.model.bias), slope=point.slope @ right).residual(
                part, scale
            )
        found.append((weight, point.model.bias, error))
        report(len(scale))
    weight, bias, error = (torch.stack(each, 1) for each in zip(*found, strict=True))
    return weight, bias, error


def ahead(data: Data, past: Sequence[tuple[float, Model]], part: Terms, point: Point, scale: Tensor) -> Point:
    """Where the polynomial in log(lambda) through the last fits leads, if that is nearer to the optimum than `point`.

    `past` are lambdas and models. (A Newton step follows the path to first order.)
    """
    knots = [lambda_ for lambda_, _ in past]
    if len({*knots, part.lambda_}) <= KNOTS or min(*knots, part.lambda_) <= 0:
        return point
    places = [math.log(lambda_ / part.lambda_) for lambda_ in knots]
    shares = scale.new_tensor([math.prod(b / (b - a) for b in places if b != a) for a in places])  # Lagrange's, at 0
    weight, bias = (
        torch.tensordot(shares, torch.stack(each), 1)
        for each in zip(*((model.weight, model.bias) for _, model in past), strict=True)
    )
    there = Point.at(data, Model(weight, bias))
    nearer = (there.residual(part, scale) < point.residual(part, scale)).nonzero()[:, 0]
    return point.put(nearer, there.take(nearer))


def sparse_path(
    data: Data, parts: Sequence[Terms], start: Point, scale: Tensor, limits: Limits, report: Report
) -> Found:
    """What has zeros: each candidate from the one before it, on the features that it is likely to need."""
    columns, point, near, found = Columns.first(data.x), start, None, []
    for i, part in enumerate(parts):
        share = strong_share(parts[i - 1], [part]) if i else 0.0
        solved = on_columns(data, part, (columns, point, near), scale, share, limits)
        columns, point, near, error = solved
        found.append((point.model.weight, point.model.bias, error))
        report(len(scale))
    weight, bias, error = (torch.stack(each, 1) for each in zip(*found, strict=True))
    return weight, bias, error


def on_columns(
    data: Data,
    part: Terms,
    start: tuple[Columns, Point, Local | None],
    scale: Tensor,
    share: float,
    limits: Limits,
) -> tuple[Columns, Point, Local | None, Tensor]:
    """The working set, the optimum of one candidate, a curvature, and the relative residual (m,) over all features.

    To begin with, the working set gets features whose gradient is beyond `share` of the penalty's hold. The curvature
    is that of the working set, near the optimum.
    """
    old, point, near = start
    if old.members.all():
        return old, *proximal_newton(data, part, point, scale, limits, near)
    block = Block.of([part], scale, data.columns.shape[2])
    columns = old.trimmed(data.x, point.model.weight)
    wanted = columns.wanted(block.excess(-point.slope[:, None], share), point.model.weight)
    while True:
        columns = columns.joined(Columns.of(data.x, wanted)) if wanted.any() else columns
        near, old = near if columns is old else None, columns
        rows = replace(data, x=columns.x)
        local, near, _ = proximal_newton(rows, part, point.on(columns), scale, limits, near)
        point = local.spread(columns, data)
        excess = block.excess(-point.slope[:, None]) - 0.5 * limits.residual * scale[:, None]
        wanted = columns.wanted(excess, point.model.weight)
        if not wanted.any():
            return columns, point, near, point.residual(part, scale)
