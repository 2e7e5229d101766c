"""The generalised Jacobian of the proximal map of l1 and groups, as its square root."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from search.penalties.elastic_net import soft_threshold


@dataclass(frozen=True, eq=False)
class Root:
    """J^(1/2), block diagonal: u u' + shrink (P - u u') on a kept group, 0 on a dropped one.

    `unit` is u = v_g / ||v_g|| of what the l1 part has left, (m, units, groups); `shrink` is
    sqrt(1 - threshold / ||v_g||), (m, groups); `left` (m, units, groups) is the diagonal of P: which weights the l1
    part has left (None: all). P u = u, so that the root of the product is the product of the roots.
    """

    unit: Tensor
    shrink: Tensor
    left: Tensor | None

    @classmethod
    def at(cls, argument: Tensor, l1: Tensor | None, group: Tensor) -> Root:
        """The root at v, for the proximal map with these strengths (m,)."""
        soft = argument if l1 is None else soft_threshold(argument, l1[:, None, None])
        norm = torch.linalg.vector_norm(soft, dim=1)
        threshold = group[:, None] * argument.shape[1] ** 0.5
        kept = norm > threshold
        norm = torch.where(kept, norm, 1.0)
        unit = torch.where(kept[:, None], soft / norm[:, None], 0.0)
        shrink = torch.where(kept, 1 - threshold / norm, 0.0).clamp(min=0).sqrt()
        return cls(unit, shrink, None if l1 is None else (soft != 0).to(argument))

    def kept(self) -> Tensor:
        """Which groups are kept, (m, groups)."""
        return (self.unit != 0).any(1)

    def on(self, groups: Tensor) -> Root:
        """The root on each problem's own groups (m, a)."""
        left = None if self.left is None else gather_groups(self.left, groups)
        return Root(gather_groups(self.unit, groups), self.shrink.gather(1, groups), left)

    def apply(self, x: Tensor) -> Tensor:
        """J^(1/2) x for x of shape (m, units, groups)."""
        along = (self.unit * x).sum(1) * (1 - self.shrink)
        return self._diagonal() * x + self.unit * along[:, None]

    def _diagonal(self) -> Tensor:
        """The factor of every weight, (m, units, groups) or (m, 1, groups)."""
        return self.shrink[:, None] if self.left is None else self.shrink[:, None] * self.left

    def sandwich(self, matrix: Tensor) -> Tensor:
        """J^(1/2) A J^(1/2) for symmetric A of shape (m, d, d), d = units * groups."""
        if self.unit.shape[1] == 1:  # u u' = 1
            kept = self.unit.square()
            return kept * kept.mT * matrix
        return self._left(self._left(matrix).mT)

    def _left(self, matrix: Tensor) -> Tensor:
        rows = matrix.reshape(*self.unit.shape, matrix.shape[2])  # (m, units, groups, d)
        along = (self.unit[..., None] * rows).sum(1) * (1 - self.shrink)[..., None]
        return (self._diagonal()[..., None] * rows + self.unit[..., None] * along[:, None]).flatten(1, 2)


def gather_groups(values: Tensor, groups: Tensor) -> Tensor:
    """The entries of (m, units, groups) at each problem's own groups (m, a)."""
    return values.gather(2, groups[:, None].expand(-1, values.shape[1], -1))


def kept_groups(kept: Tensor) -> Tensor:
    """Indices of the kept groups (m, a), a the most that a problem keeps; dropped ones fill up the other rows."""
    most = int(kept.sum(1).max())
    return kept.to(torch.int8).argsort(dim=1, descending=True, stable=True)[:, :most]
