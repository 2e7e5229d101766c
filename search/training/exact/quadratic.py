"""Quadratics with a group penalty, a batch of them at once: proximal points, each by a semismooth Newton method.

Li, Sun and Toh 2018 (arXiv 1607.05428) for l1, Zhang, Zhang, Sun and Toh 2020 (arXiv 1809.08398) for groups, both on
the data matrix; here on the Gram matrix. The longer the proximal step, the more it amplifies rounding errors; so the
last digits come from Newton steps on the groups that are not zero (`polish`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from search.penalties.base import per_fit
from search.penalties.group_lasso import group_norms, group_prox, group_residual
from search.training.exact.threshold import Root, gather_groups, kept_groups

FIRST_SIGMA = 1e3  # the proximal step sigma, in units of 1 / (largest diagonal entry of Q)
LAST_SIGMA = 1e9
GROWTH = 10.0  # of sigma, from one proximal step to the next
RETREAT = 100.0  # by what sigma falls after a step that rounding errors spoilt
CENTRE_SHARE = 0.5  # how exactly a proximal step is solved: its gradient beside the proximal term's
NEWTON_STEPS = 40
POLISH_STEPS = 3
SHIFT = 1e-9  # added to the polished system, in units of Q's largest diagonal entry: collinear columns stay solvable
BISECTIONS = 12
ROUNDING = 1e-13
FULL_STEP = 1e-3  # a full step is taken unless the slope there is beyond this share of the first one


@dataclass(frozen=True, eq=False)
class Problems:
    """m problems min_w 1/2 w'(Q + ridge I)w - b'w + l1 sum |w| + group * group_lasso(w), w of shape (units, groups).

    `matrix` is Q, (m, d, d) with d = units * groups in that order; `linear` is b, (m, units, groups). With one unit
    the group lasso is l1.
    """

    matrix: Tensor
    linear: Tensor
    ridge: float
    l1: float
    group: float

    def take(self, which: Tensor) -> Problems:
        """Some of the problems."""
        if len(which) == len(self.linear):
            return self
        return Problems(self.matrix[which], self.linear[which], self.ridge, self.l1, self.group)

    def prox(self, argument: Tensor, sigma: Tensor) -> Tensor:
        """The penalty's proximal map with step sigma (m,)."""
        l1 = per_fit(sigma * self.l1) if self.l1 else None
        return group_prox(argument, l1, per_fit(sigma * self.group))

    def root(self, argument: Tensor, sigma: Tensor) -> Root:
        """The square root of that map's generalised Jacobian."""
        return Root.at(argument, sigma * self.l1 if self.l1 else None, sigma * self.group)

    def product(self, weight: Tensor) -> Tensor:
        """(Q + ridge I) w."""
        return (self.matrix @ weight.flatten(1)[..., None]).view_as(weight) + self.ridge * weight

    def block(self, groups: Tensor) -> Tensor:
        """The rows and columns of Q + ridge I of these groups (m, a), shape (m, units * a, units * a)."""
        units, width = self.linear.shape[1:]
        index = (torch.arange(units, device=groups.device)[:, None] * width + groups[:, None]).flatten(1)
        owner = torch.arange(len(index), device=groups.device)[:, None, None]
        block = self.matrix[owner, index[:, :, None], index[:, None, :]]
        block.diagonal(dim1=1, dim2=2).add_(self.ridge)
        return block

    def unit_sigma(self) -> Tensor:
        """1 / (largest diagonal entry of Q + ridge I), shape (m,)."""
        scale = self.matrix.diagonal(dim1=1, dim2=2).amax(1) + self.ridge
        return 1 / torch.where(scale > 0, scale, 1.0)

    def residual(self, weight: Tensor) -> Tensor:
        """How far w is from optimal, shape (m,); see `Penalty.residual`."""
        return self.residual_at(weight, self.product(weight))

    def residual_at(self, weight: Tensor, product: Tensor) -> Tensor:
        """The same where (Q + ridge I) w is known."""
        return group_residual(weight, product - self.linear, self.l1 or None, self.linear.new_tensor(self.group))

    def not_above(self, new: Tensor, old: Tensor) -> Tensor:
        """Whether the objective at `new` is not above that at `old`, up to rounding, shape (m,)."""

        def pieces(weight: Tensor) -> tuple[Tensor, Tensor]:
            square = (weight * self.product(weight)).sum((1, 2)) / 2
            groups = group_norms(weight).sum((1, 2)) * (self.group * weight.shape[1] ** 0.5)
            return square + self.l1 * weight.abs().sum((1, 2)) + groups, (weight * self.linear).sum((1, 2))

        (high, low), (old_high, old_low) = pieces(new), pieces(old)
        return high - low <= old_high - old_low + ROUNDING * (old_high + old_low.abs())


def minimize(problems: Problems, start: Tensor, tolerance: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """The minimisers (m, units, groups) and their optimality residuals (m,); dropped groups are exactly zero.

    A problem is done when its residual is within `tolerance` (m,), or after `steps` proximal point steps.
    """
    weight, residual = polish(problems, start, tolerance)
    sigma = FIRST_SIGMA * problems.unit_sigma()
    last = LAST_SIGMA * problems.unit_sigma()
    for _ in range(steps):
        left = (residual > tolerance).nonzero()[:, 0]
        if not len(left):
            break
        part, goal, old = problems.take(left), tolerance[left], weight[left]
        point = proximal_point(part, old, sigma[left], goal)
        sound = part.not_above(point, old)
        weight[left], residual[left] = polish(part, torch.where(sound[:, None, None], point, old), goal)
        sigma[left] = torch.where(sound, torch.minimum(sigma[left] * GROWTH, last[left]), sigma[left] / RETREAT)
    return weight, residual


def polish(problems: Problems, weight: Tensor, tolerance: Tensor) -> tuple[Tensor, Tensor]:
    """Newton steps on what is not zero, where the objective is smooth; kept where they improve both."""
    weight, residual = weight.clone(), problems.residual(weight)
    for _ in range(POLISH_STEPS):
        left = (residual > tolerance).nonzero()[:, 0]
        if not len(left):
            break
        part, old = problems.take(left), weight[left]
        new = old + smooth_direction(part, old)
        reached = part.residual(new)
        # The residual alone is no measure of progress: it can fall along a flat direction, away from the optimum.
        better = (reached < residual[left]) & part.not_above(new, old)
        if not better.any():
            break
        weight[left[better]], residual[left[better]] = new[better], reached[better]
    return weight, residual


def smooth_direction(problems: Problems, weight: Tensor) -> Tensor:
    """The Newton direction of the whole objective on the groups (with an l1 part: the weights) that are not zero."""
    norm = torch.linalg.vector_norm(weight, dim=1)
    groups = kept_groups(norm > 0)
    kept = norm.gather(1, groups) > 0
    norm = torch.where(kept, norm.gather(1, groups), 1.0)
    unit = gather_groups(weight, groups) / norm[:, None]
    bound = problems.group * weight.shape[1] ** 0.5
    slope = gather_groups(problems.product(weight) - problems.linear, groups) + bound * unit + problems.l1 * unit.sign()
    matrix = problems.block(groups) + curvature(unit, bound / norm)
    # The rows of groups that only fill up, and those of weights that l1 holds at zero, become the identity's.
    moving = kept[:, None].expand_as(unit) if problems.l1 == 0 else kept[:, None] & (unit != 0)
    inside = moving.flatten(1)
    matrix = torch.where(inside[:, :, None] & inside[:, None, :], matrix, 0.0)
    shift = SHIFT / problems.unit_sigma()
    matrix.diagonal(dim1=1, dim2=2).add_(torch.where(inside, shift[:, None], 1.0))
    step = -solve_positive(matrix, torch.where(moving, slope, 0.0))
    return torch.zeros_like(weight).scatter_add(2, groups[:, None].expand_as(step), step)


def curvature(unit: Tensor, scale: Tensor) -> Tensor:
    """The Hessian scale_g (I - u u') of the group norms, as a block diagonal matrix (m, units * a, units * a)."""
    eye = torch.eye(unit.shape[1], dtype=unit.dtype, device=unit.device)[..., None]
    blocks = scale[:, None, None] * (eye - unit[:, :, None] * unit[:, None])  # (m, units, units, a)
    return blocks.diag_embed().transpose(2, 3).flatten(3, 4).flatten(1, 2)


def solve_positive(matrix: Tensor, right: Tensor) -> Tensor:
    """Solves a batch of positive definite systems (m, d, d) for (m, units, groups)."""
    factor, _ = torch.linalg.cholesky_ex(matrix)
    return torch.cholesky_solve(right.flatten(1)[..., None], factor).view_as(right)


@dataclass(frozen=True, eq=False)
class Dual:
    """The proximal step's dual at t: v = centre - sigma (Q t - b), P = prox(v), t - P and the gradient Q (t - P)."""

    argument: Tensor
    point: Tensor
    gap: Tensor
    slope: Tensor

    def take(self, which: Tensor) -> Dual:
        """The values of some of the problems."""
        return Dual(self.argument[which], self.point[which], self.gap[which], self.slope[which])


def proximal_point(problems: Problems, centre: Tensor, sigma: Tensor, tolerance: Tensor) -> Tensor:
    """argmin_w objective(w) + ||w - centre||^2 / (2 sigma), or nearly, by Newton's method on its dual.

    In t, with v = centre - sigma (Q t - b) and P = prox(v): psi(t) = 1/2 t'Qt + ||v||^2 / (2 sigma) - (Moreau
    envelope of v) / sigma is convex with the gradient Q (t - P). It is done when that gradient is small beside the
    proximal term's, or P is optimal for the problem itself.
    """
    inner, product = centre.clone(), problems.product(centre)
    point = centre.clone()
    left = torch.arange(len(centre), device=centre.device)
    for _ in range(NEWTON_STEPS):
        part, step = problems.take(left), sigma[left]
        dual = evaluate(part, centre[left], step, inner[left], product[left])
        point[left] = dual.point
        moved = torch.linalg.vector_norm(centre[left] - dual.point, dim=(1, 2)) / step
        done = torch.linalg.vector_norm(dual.slope, dim=(1, 2)) <= CENTRE_SHARE * moved
        done |= part.residual_at(dual.point, product[left] - dual.slope) <= tolerance[left]
        going = (~done).nonzero()[:, 0]
        if not len(going):
            break
        left, part, step, dual = left[going], part.take(going), step[going], dual.take(going)
        direction = newton_direction(part, step, dual)
        along = part.product(direction)
        size = line_search(part, step, dual, direction, along)[:, None, None]
        inner[left] += size * direction
        product[left] += size * along
    return point


def evaluate(problems: Problems, centre: Tensor, sigma: Tensor, inner: Tensor, product: Tensor) -> Dual:
    """The dual at t = `inner`, where `product` is Q t."""
    argument = centre - per_fit(sigma) * (product - problems.linear)
    point = problems.prox(argument, sigma)
    gap = inner - point
    return Dual(argument, point, gap, problems.product(gap))


def newton_direction(problems: Problems, sigma: Tensor, dual: Dual) -> Tensor:
    """Solves (I + sigma J Q) d = -(t - P), J the Jacobian of prox at v; by Woodbury on the groups where J is not zero.

    d = -(t - P) + J^(1/2) (I + sigma J^(1/2) Q J^(1/2))^-1 J^(1/2) sigma Q (t - P).
    """
    root = problems.root(dual.argument, sigma)
    groups = kept_groups(root.kept())
    part = root.on(groups)
    matrix = per_fit(sigma) * part.sandwich(problems.block(groups))
    matrix.diagonal(dim1=1, dim2=2).add_(1.0)
    right = part.apply(per_fit(sigma) * gather_groups(dual.slope, groups))
    step = part.apply(solve_positive(matrix, right))
    return (-dual.gap).scatter_add(2, groups[:, None].expand_as(step), step)


def line_search(problems: Problems, sigma: Tensor, dual: Dual, direction: Tensor, along: Tensor) -> Tensor:
    """A step in (0, 1] that about minimises psi along d, shape (m,); `along` is Q d.

    The derivative needs no further product with Q, so it is bisected; unlike psi it does not suffer cancellation.
    """

    def derivative(size: Tensor) -> Tensor:
        argument = dual.argument - per_fit(size * sigma) * along
        gap = dual.gap + dual.point + per_fit(size) * direction - problems.prox(argument, sigma)
        return (along * gap).sum((1, 2))

    low, high = torch.zeros_like(sigma), torch.ones_like(sigma)
    full = derivative(high) <= FULL_STEP * derivative(low).abs()
    if full.all():
        return high
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        up = derivative(middle) > 0
        low, high = torch.where(up, low, middle), torch.where(up, middle, high)
    return torch.where(full, 1.0, (low + high) / 2)
