"""The group soft threshold's generalised Jacobian, as its square root."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Root:
    """J^(1/2), block diagonal: u u' + shrink (I - u u') on a kept group, 0 on a dropped one.

    `unit` is u = v_g / ||v_g||, shape (m, units, groups); `shrink` is sqrt(1 - threshold / ||v_g||), (m, groups).
    """

    unit: Tensor
    shrink: Tensor

    @classmethod
    def at(cls, argument: Tensor, strength: Tensor) -> Root:
        """The root at v, for the proximal map with this strength (m,)."""
        norm = torch.linalg.vector_norm(argument, dim=1)
        threshold = strength[:, None] * argument.shape[1] ** 0.5
        kept = norm > threshold
        norm = torch.where(kept, norm, 1.0)
        unit = torch.where(kept[:, None], argument / norm[:, None], 0.0)
        return cls(unit, torch.where(kept, 1 - threshold / norm, 0.0).clamp(min=0).sqrt())

    def kept(self) -> Tensor:
        """Which groups are kept, (m, groups)."""
        return (self.unit != 0).any(1)

    def on(self, groups: Tensor) -> Root:
        """The root on each problem's own groups (m, a)."""
        return Root(gather_groups(self.unit, groups), self.shrink.gather(1, groups))

    def apply(self, x: Tensor) -> Tensor:
        """J^(1/2) x for x of shape (m, units, groups)."""
        along = (self.unit * x).sum(1) * (1 - self.shrink)
        return self.shrink[:, None] * x + self.unit * along[:, None]

    def sandwich(self, matrix: Tensor) -> Tensor:
        """J^(1/2) A J^(1/2) for symmetric A of shape (m, d, d), d = units * groups."""
        return self._left(self._left(matrix).mT)

    def _left(self, matrix: Tensor) -> Tensor:
        rows = matrix.reshape(*self.unit.shape, matrix.shape[2])  # (m, units, groups, d)
        along = (self.unit[..., None] * rows).sum(1) * (1 - self.shrink)[..., None]
        return (self.shrink[:, None, :, None] * rows + self.unit[..., None] * along[:, None]).flatten(1, 2)


def gather_groups(values: Tensor, groups: Tensor) -> Tensor:
    """The entries of (m, units, groups) at each problem's own groups (m, a)."""
    return values.gather(2, groups[:, None].expand(-1, values.shape[1], -1))


def kept_groups(kept: Tensor) -> Tensor:
    """Indices of the kept groups (m, a), a the most that a problem keeps; dropped ones fill up the other rows."""
    most = int(kept.sum(1).max())
    return kept.to(torch.int8).argsort(dim=1, descending=True, stable=True)[:, :most]
