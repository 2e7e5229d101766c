"""The Newton systems of the active set: factored for one step or, where they hardly change, for several."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from search.penalties.base import per_fit
from search.penalties.group_lasso import group_norms
from search.training.exact.problems import SHIFT, Problems, solve_factored
from search.training.exact.threshold import gather_groups, kept_groups

DEAR = 64  # a system of more rows costs more than the rest of a step


@dataclass(frozen=True, eq=False)
class System:
    """The Hessian of m objectives where they are smooth: on the weights of `ahead` that are not zero.

    `active` (m, units, groups) are these weights, `groups` (m, a) their groups, `moving` (m, units, a) which of the
    groups' weights move. `lower` is the Cholesky factor of the Hessian, (m, units a, units a).

    Where the quadratic acts on each unit apart it is that of a matrix (m, a, a). The group norms' Hessian is
    s_g (I - u u'): s_g I goes into every unit's own matrix A = Q + S, whose `inverse` (m, a, a) is kept, and the rest
    has rank a, by Woodbury with I - S^(1/2) (A^-1 * U'U) S^(1/2); `bent` (m, units, a) is U S^(1/2).
    """

    active: Tensor
    groups: Tensor
    moving: Tensor
    lower: Tensor
    inverse: Tensor | None = None
    bent: Tensor | None = None

    @classmethod
    def of(cls, problems: Problems, ahead: Tensor) -> System:
        """The Hessian at `ahead` (m, units, groups)."""
        norm = group_norms(ahead)[:, 0]
        groups = kept_groups(norm > 0)
        norm = norm.gather(1, groups)
        kept = norm > 0
        unit = gather_groups(ahead, groups) / torch.where(kept, norm, 1.0)[:, None]
        bend = torch.where(kept, problems.group[:, None] * ahead.shape[1] ** 0.5 / norm, 0.0)
        moving, shift = kept[:, None].expand_as(unit), SHIFT / problems.unit_sigma()[:, None]
        if problems.apart and problems.l1 is None and ahead.shape[1] > 1:
            return cls(ahead != 0, groups, moving, *_unit_by_unit(problems, groups, kept, unit, (bend, shift)))
        matrix = problems.block(groups)
        if problems.l1 is not None:
            moving = torch.where(per_fit(problems.l1) > 0, moving & (unit != 0), moving)
        if ahead.shape[1] > 1:
            matrix += curvature(unit, bend)
        return cls(ahead != 0, groups, moving, factor(matrix, moving.flatten(1), shift))

    @property
    def dear(self) -> bool:
        """Whether it is the greater part of a step."""
        return self.lower.shape[1] > DEAR

    def take(self, which: Tensor) -> System:
        """Those of some of the problems."""
        inverse, bent = (None if each is None else each[which] for each in (self.inverse, self.bent))
        return System(self.active[which], self.groups[which], self.moving[which], self.lower[which], inverse, bent)

    def direction(self, problems: Problems, slope: Tensor, ahead: Tensor) -> Tensor:
        """The Newton step where the quadratic's gradient is `slope`, and the penalty's that at `ahead`."""
        there = gather_groups(ahead, self.groups)
        norm = group_norms(there)
        pull = problems.group * ahead.shape[1] ** 0.5
        right = gather_groups(slope, self.groups) + per_fit(pull) * there / torch.where(norm > 0, norm, 1.0)
        if problems.l1 is not None:
            right = right + per_fit(problems.l1) * there.sign()
        step = -self.solve(torch.where(self.moving, right, 0.0))
        return torch.zeros_like(slope).scatter_add(2, self.groups[:, None].expand_as(step), step)

    def solve(self, right: Tensor) -> Tensor:
        """The Hessian's inverse times (m, units, a)."""
        if self.inverse is None or self.bent is None:
            return solve_factored(self.lower, right)
        alone = right @ self.inverse
        along = solve_factored(self.lower, (self.bent * alone).sum(1, keepdim=True))
        return alone + (self.bent * along) @ self.inverse


def _unit_by_unit(
    problems: Problems, groups: Tensor, kept: Tensor, unit: Tensor, scale: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """`lower`, `inverse` and `bent` of a system with matrices (m, a, a), not (m, K a, K a)."""
    bend, shift = scale
    inverse = torch.cholesky_inverse(factor(problems.rows_and_columns(groups), kept, bend + shift))
    bent = bend.sqrt()[:, None] * unit
    small = (-bent.mT @ bent).mul_(inverse)
    small.diagonal(dim1=1, dim2=2).add_(1.0)
    return torch.linalg.cholesky_ex(small)[0], inverse, bent


def factor(matrix: Tensor, inside: Tensor, shift: Tensor) -> Tensor:
    """The Cholesky factors of (m, d, d) with a `shift` (m, 1) or (m, d); `matrix` is overwritten.

    The rows that are not `inside` (m, d), of groups that only fill up and of weights that l1 holds at zero, become the
    identity's.
    """
    problem, place = (~inside).nonzero(as_tuple=True)
    if len(place):
        matrix[problem, place] = 0.0
        matrix[problem, :, place] = 0.0
    matrix.diagonal(dim1=1, dim2=2).add_(torch.where(inside, shift, 1.0))
    lower: Tensor = torch.linalg.cholesky_ex(matrix)[0]
    return lower


def curvature(unit: Tensor, bend: Tensor) -> Tensor:
    """The Hessian bend_g (I - u u') of the group norms, as a block diagonal matrix (m, units * a, units * a)."""
    eye = torch.eye(unit.shape[1], dtype=unit.dtype, device=unit.device)[..., None]
    blocks = bend[:, None, None] * (eye - unit[:, :, None] * unit[:, None])  # (m, units, units, a)
    return blocks.diag_embed().transpose(2, 3).flatten(3, 4).flatten(1, 2)
