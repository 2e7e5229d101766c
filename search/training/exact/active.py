"""Newton's method on the active set: it ends after few steps, exactly, where the start was near.

The active groups are those that are not zero, and those that a proximal step would make so; on them, with the signs (or
directions) that this gives, the objective is smooth, and its Newton step is taken. What the step carries through zero
stays there. For l1 this is the primal-dual active set method (Hintermueller, Ito, Kunisch 2002; along a path of lambdas
Fan, Jiao, Lu 2014), here kept only where the objective falls, else cut by a line search.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from search.penalties.base import per_fit
from search.penalties.elastic_net import soft_threshold
from search.penalties.group_lasso import group_norms
from search.training.exact.problems import ROUNDING, SHIFT, Problems, solve_positive
from search.training.exact.threshold import gather_groups, kept_groups

STEPS = 30
BISECTIONS = 16


@dataclass(frozen=True, eq=False)
class Point:
    """Weights (m, units, groups), (Q + ridge I) w, the residual (m,), the objective (m,) and its rounding (m,)."""

    weight: Tensor
    product: Tensor
    residual: Tensor
    value: Tensor
    noise: Tensor

    @classmethod
    def at(cls, problems: Problems, weight: Tensor) -> Point:
        """The point with these weights."""
        product = problems.product(weight)
        value, size = problems.objective(weight, product)
        return cls(weight, product, problems.residual(weight, product), value, ROUNDING * size)

    def take(self, which: Tensor) -> Point:
        """The values of some of the problems."""
        return Point(*(each[which] for each in vars(self).values()))

    def put(self, which: Tensor, other: Point) -> None:
        """Overwrite those of some of the problems."""
        for mine, new in zip(vars(self).values(), vars(other).values(), strict=True):
            mine[which] = new

    def beats(self, other: Point) -> Tensor:
        """Whether this is the better one, (m,): clearly by the objective, or by the residual where that cannot tell.

        The residual alone is no measure of progress: it can fall along a flat direction, away from the optimum.
        """
        change = self.value - other.value
        return (change < -other.noise) | ((change <= other.noise) & (self.residual < other.residual))


def descend(problems: Problems, best: Point, tolerance: Tensor) -> None:
    """Newton steps from a point while they lower the objective; what they find overwrites it."""
    going = best.residual > tolerance
    for _ in range(STEPS):
        left = going.nonzero()[:, 0]
        if not len(left):
            break
        part, old = problems.take(left), best.take(left)
        direction, cut = newton_step(part, old)
        new = Point.at(part, cut)
        better = new.beats(old)
        missed = (~better).nonzero()[:, 0]
        if len(missed) and old.weight.shape[1] > 1:
            short = line_search(part.take(missed), old.take(missed), direction[missed])
            new.put(missed, proximal_step(part.take(missed), short))
            better = new.beats(old)
        best.put(left[better], new.take(better))
        going[left] = better & (best.residual[left] > tolerance[left])


def proximal_step(problems: Problems, point: Point) -> Point:
    """A forward-backward step in the metric of Q's absolute row sums, which never raises the objective.

    It turns, or drops, groups so near zero that their direction is an accident: these stop the line search.
    """
    length = 1 / problems.majorant()
    return Point.at(problems, problems.prox(point.weight - length * (point.product - problems.linear), length))


def newton_step(problems: Problems, point: Point) -> tuple[Tensor, Tensor]:
    """The Newton direction on the active set (m, units, groups), and w after it without what went through zero."""
    weight, slope = point.weight, point.product - problems.linear
    length = problems.diagonal()
    length = torch.where(length > 0, 1 / length, 0.0)
    pulled = problems.prox(weight - length * slope, length)
    ahead = torch.where(group_norms(weight) > 0, weight, pulled)
    if problems.l1 is not None:
        alone = soft_threshold(-length * slope, length * per_fit(problems.l1))
        ahead = torch.where((weight == 0) & (ahead != 0), alone, ahead)
    direction = smooth_direction(problems, slope, ahead)
    target = weight + direction
    through = ((ahead * target).sum(1, keepdim=True) <= 0) & (per_fit(problems.group) > 0)
    if problems.l1 is not None:
        through = through | ((ahead * target <= 0) & (per_fit(problems.l1) > 0))
    return direction, torch.where(through, 0.0, target)


def smooth_direction(problems: Problems, slope: Tensor, ahead: Tensor) -> Tensor:
    """The Newton direction of the objective on the weights that are not zero in `ahead`, which has their signs.

    `slope` is the gradient of the quadratic, (m, units, groups).
    """
    norm = group_norms(ahead)[:, 0]
    groups = kept_groups(norm > 0)
    kept = norm.gather(1, groups) > 0
    norm = torch.where(kept, norm.gather(1, groups), 1.0)
    unit = gather_groups(ahead, groups) / norm[:, None]
    bound = problems.group[:, None] * ahead.shape[1] ** 0.5
    right = gather_groups(slope, groups) + bound[:, None] * unit
    shift = SHIFT / problems.unit_sigma()
    if problems.apart and problems.l1 is None and ahead.shape[1] > 1:
        step = unit_by_unit(problems.rows_and_columns(groups), right, unit, (bound / norm, kept, shift))
        return torch.zeros_like(slope).scatter_add(2, groups[:, None].expand_as(step), step)
    matrix = problems.block(groups)
    moving = kept[:, None].expand_as(unit)
    if problems.l1 is not None:
        right = right + per_fit(problems.l1) * unit.sign()
        moving = torch.where(per_fit(problems.l1) > 0, moving & (unit != 0), moving)
    if ahead.shape[1] > 1:
        matrix += curvature(unit, bound / norm)
    # The rows of groups that only fill up, and those of weights that l1 holds at zero, become the identity's.
    inside = moving.flatten(1)
    if not inside.all():
        matrix = torch.where(inside[:, :, None] & inside[:, None, :], matrix, 0.0)
    matrix.diagonal(dim1=1, dim2=2).add_(torch.where(inside, shift[:, None], 1.0))
    step = -solve_positive(matrix, torch.where(moving, right, 0.0))
    return torch.zeros_like(slope).scatter_add(2, groups[:, None].expand_as(step), step)


def unit_by_unit(matrix: Tensor, right: Tensor, unit: Tensor, scale: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Solves the Newton system where the quadratic acts on each unit apart: with matrices (m, a, a), not (m, K a, K a).

    The group norms' Hessian is s_g (I - u u'), s_g the first of `scale`: s_g I goes into every unit's own matrix
    A = Q + S, and the rest has rank a, by Woodbury with I - S^(1/2) (A^-1 * U'U) S^(1/2).
    """
    bend, kept, shift = scale
    bend = torch.where(kept, bend, 0.0)
    matrix = torch.where(kept[:, :, None] & kept[:, None, :], matrix, 0.0)
    matrix.diagonal(dim1=1, dim2=2).add_(torch.where(kept, bend + shift[:, None], 1.0))
    inverse = torch.cholesky_inverse(torch.linalg.cholesky_ex(matrix)[0])
    alone = -torch.where(kept[:, None], right, 0.0) @ inverse
    root = bend.sqrt()
    small = -root[:, :, None] * root[:, None] * inverse * (unit.mT @ unit)
    small.diagonal(dim1=1, dim2=2).add_(1.0)
    along = solve_positive(small, (root * (unit * alone).sum(1))[:, None])
    return alone + (unit * root[:, None] * along) @ inverse


def curvature(unit: Tensor, scale: Tensor) -> Tensor:
    """The Hessian scale_g (I - u u') of the group norms, as a block diagonal matrix (m, units * a, units * a)."""
    eye = torch.eye(unit.shape[1], dtype=unit.dtype, device=unit.device)[..., None]
    blocks = scale[:, None, None] * (eye - unit[:, :, None] * unit[:, None])  # (m, units, units, a)
    return blocks.diag_embed().transpose(2, 3).flatten(3, 4).flatten(1, 2)


def line_search(problems: Problems, point: Point, direction: Tensor) -> Point:
    """The point with about the lowest objective between w and w + direction: its derivative there is bisected."""
    slope = ((point.product - problems.linear) * direction).sum((1, 2))
    bend = (problems.product(direction) * direction).sum((1, 2))
    bound = problems.group * direction.shape[1] ** 0.5

    def derivative(size: Tensor) -> Tensor:
        there = point.weight + per_fit(size) * direction
        norm = group_norms(there)
        along = (there * direction / torch.where(norm > 0, norm, 1.0)).sum((1, 2))
        rise: Tensor = slope + size * bend + bound * along
        return rise if problems.l1 is None else rise + problems.l1 * (there.sign() * direction).sum((1, 2))

    low, high = torch.zeros_like(slope), torch.ones_like(slope)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        up = derivative(middle) > 0
        low, high = torch.where(up, low, middle), torch.where(up, middle, high)
    return Point.at(problems, point.weight + per_fit(low) * direction)
