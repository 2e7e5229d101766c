"""Quadratics with a group penalty, a batch of them at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from search.penalties.base import per_fit
from search.penalties.group_lasso import group_norms, group_prox, group_residual
from search.training.exact.threshold import Root

ROUNDING = 1e-13
SHIFT = 1e-9  # added to a Newton system, in units of Q's largest diagonal entry: collinear columns stay solvable


@dataclass(frozen=True, eq=False)
class Problems:
    """m problems min_w 1/2 w'(Q + ridge I)w - b'w + l1 sum |w| + group * group_lasso(w), w of shape (units, groups).

    `matrix` (M, d, d) holds the different Q: d = units * groups in that order, or d = groups where Q acts on each unit
    apart. Problem i has the Q number `owner[i]`, and is the `slot[i]`-th of at most `slots` that have it. `linear` is
    b, (m, units, groups); `ridge`, `group` and `l1` (None: without) are the strengths, (m,). With one unit the group
    lasso is l1.
    """

    matrix: Tensor
    owner: Tensor
    slot: Tensor
    slots: int
    linear: Tensor
    ridge: Tensor
    group: Tensor
    l1: Tensor | None

    @classmethod
    def on(
        cls, matrix: Tensor, linear: Tensor, ridge: Tensor, group: Tensor, l1: Tensor | None, slots: int = 1
    ) -> Problems:
        """The problems in the order of their matrices, `slots` for each."""
        owner = torch.arange(len(linear), device=matrix.device)
        return cls(matrix, owner // slots, owner % slots, slots, linear, ridge, group, l1)

    def take(self, which: Tensor) -> Problems:
        """Some of the problems, in their order."""
        if len(which) == len(self.linear):
            return self
        l1 = None if self.l1 is None else self.l1[which]
        return Problems(
            self.matrix,
            self.owner[which],
            self.slot[which],
            self.slots,
            self.linear[which],
            self.ridge[which],
            self.group[which],
            l1,
        )

    def prox(self, argument: Tensor, sigma: Tensor) -> Tensor:
        """The penalty's proximal map; the step sigma is (m, 1, 1) or (m, 1, groups)."""
        l1 = None if self.l1 is None else sigma * per_fit(self.l1)
        return group_prox(argument, l1, sigma * per_fit(self.group))

    def root(self, argument: Tensor, sigma: Tensor) -> Root:
        """The square root of that map's generalised Jacobian, for the step sigma (m,)."""
        return Root.at(argument, None if self.l1 is None else sigma * self.l1, sigma * self.group)

    def product(self, weight: Tensor) -> Tensor:
        """(Q + ridge I) w."""
        units, groups = weight.shape[1:]
        rows = weight if self.matrix.shape[1] == groups else weight.reshape(len(weight), 1, units * groups)
        if self.slots == 1 and len(rows) == len(self.matrix):
            product = rows @ self.matrix
        else:
            # All that share a matrix at once: one pass over it, and no copies of it.
            grid = rows.new_zeros(len(self.matrix), self.slots, *rows.shape[1:])
            grid[self.owner, self.slot] = rows
            product = (grid.flatten(1, 2) @ self.matrix).view_as(grid)[self.owner, self.slot]
        return product.view_as(weight) + per_fit(self.ridge) * weight

    @property
    def apart(self) -> bool:
        """Whether Q acts on each unit apart."""
        return self.matrix.shape[1] == self.linear.shape[2]

    def block(self, groups: Tensor) -> Tensor:
        """The rows and columns of Q + ridge I of these groups (m, a), shape (m, units * a, units * a)."""
        units, width = self.linear.shape[1:]
        if self.apart:
            block = self.rows_and_columns(groups)
            if units == 1:
                return block
            # (m, units, a, units, a), zero between different units
            block = torch.einsum("mab,kl->mkalb", block, torch.eye(units, dtype=block.dtype, device=block.device))
            return block.flatten(3, 4).flatten(1, 2)
        return self.rows_and_columns(
            (torch.arange(units, device=groups.device)[:, None] * width + groups[:, None]).flatten(1)
        )

    def rows_and_columns(self, index: Tensor) -> Tensor:
        """Those of Q + ridge I at these places (m, a) of its side, (m, a, a)."""
        rows = self.matrix[self.owner[:, None], index]
        block = rows.gather(2, index[:, None].expand(-1, index.shape[1], -1))
        block.diagonal(dim1=1, dim2=2).add_(self.ridge[:, None])
        return block

    def diagonal(self) -> Tensor:
        """The largest diagonal entry of Q + ridge I of each group, (m, 1, groups)."""
        diagonal = self.matrix.diagonal(dim1=1, dim2=2).reshape(len(self.matrix), -1, self.linear.shape[2])
        largest: Tensor = diagonal.amax(1, keepdim=True)[self.owner] + per_fit(self.ridge)
        return largest

    def majorant(self) -> Tensor:
        """A diagonal matrix that is nowhere below Q + ridge I, alike for the units of a group: (m, 1, groups)."""
        sums = self.matrix.abs().sum(2).view(len(self.matrix), -1, self.linear.shape[2])
        largest: Tensor = sums.amax(1, keepdim=True)[self.owner] + per_fit(self.ridge)
        return torch.where(largest > 0, largest, 1.0)

    def unit_sigma(self) -> Tensor:
        """1 / (largest diagonal entry of Q + ridge I), shape (m,)."""
        scale = self.diagonal().amax((1, 2))
        return 1 / torch.where(scale > 0, scale, 1.0)

    def residual(self, weight: Tensor, product: Tensor) -> Tensor:
        """How far w is from optimal, shape (m,), where (Q + ridge I) w is known; see `Penalty.residual`."""
        l1 = None if self.l1 is None else per_fit(self.l1)
        return group_residual(weight, product - self.linear, l1, per_fit(self.group))

    def objective(self, weight: Tensor, product: Tensor) -> tuple[Tensor, Tensor]:
        """The objective (m,), and the size of the numbers that it is the difference of, which tells its rounding."""
        high = (weight * product).sum((1, 2)) / 2
        high = high + self.group * group_norms(weight).sum((1, 2)) * weight.shape[1] ** 0.5
        if self.l1 is not None:
            high = high + self.l1 * weight.abs().sum((1, 2))
        low = (weight * self.linear).sum((1, 2))
        return high - low, high + low.abs()


def solve_positive(matrix: Tensor, right: Tensor) -> Tensor:
    """Solves a batch of positive definite systems (m, d, d) for (m, units, groups)."""
    return solve_factored(torch.linalg.cholesky_ex(matrix)[0], right)


def solve_factored(lower: Tensor, right: Tensor) -> Tensor:
    """The same, of which the Cholesky factors are known."""
    # One side after the other: cholesky_solve takes twice as long for so few right sides.
    half = torch.linalg.solve_triangular(lower, right.flatten(1)[..., None], upper=False)
    solved: Tensor = torch.linalg.solve_triangular(lower.mT, half, upper=True)
    return solved.view_as(right)
