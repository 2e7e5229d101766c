"""Proximal points of quadratics with a group penalty, a batch of them at once, each by a semismooth Newton method.

Li, Sun and Toh 2018 (arXiv 1607.05428) for l1, Zhang, Zhang, Sun and Toh 2020 (arXiv 1809.08398) for groups, both on
the data matrix; here on the Gram matrix. They come to the optimum from anywhere, and however alike the columns are. The
longer the proximal step, the more it amplifies rounding errors: the last digits come from elsewhere (`active`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from search.penalties.base import per_fit
from search.training.exact.problems import Problems, solve_positive
from search.training.exact.threshold import gather_groups, kept_groups

CENTRE_SHARE = 0.5  # how exactly a proximal step is solved: its gradient beside the proximal term's
NEWTON_STEPS = 40
BISECTIONS = 12
FULL_STEP = 1e-3  # a full step is taken unless the slope there is beyond this share of the first one


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
        done |= part.residual(dual.point, product[left] - dual.slope) <= tolerance[left]
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
    point = problems.prox(argument, per_fit(sigma))
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
        gap = dual.gap + dual.point + per_fit(size) * direction - problems.prox(argument, per_fit(sigma))
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
