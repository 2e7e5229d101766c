"""Working sets: a sparse fit is solved on few features, and then checked on all of them.

Which features a fit needs is guessed by the strong rule (Tibshirani et al. 2012) from the fit before it on the path.
The check finds what it missed, the worst first, and the fit is solved again (Massias, Gramfort, Salmon 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from search.training.exact.solution import Terms
from search.training.exact.threshold import kept_groups

SMALL = 320  # so few features are all looked at from the start
LEAST = 64  # how many may be added at once; more where more weights are not zero


@dataclass(frozen=True, eq=False)
class Columns:
    """Some of the p features of m replicates: their indices (m, w), and their columns x (m, n, w).

    Where a replicate has fewer than w, `real` (m, w) is False and the column zero. `members` (m, p) says the same.
    """

    index: Tensor
    real: Tensor
    x: Tensor
    members: Tensor

    @classmethod
    def of(cls, x: Tensor, members: Tensor) -> Columns:
        """The features marked in `members` (m, p)."""
        if members.all():
            index = torch.arange(x.shape[2], device=x.device).expand_as(members)
            return cls(index, members, x, members)
        index = kept_groups(members)
        real = members.gather(1, index)
        return cls(index, real, x.gather(2, index[:, None].expand(-1, x.shape[1], -1)) * real[:, None], members)

    @classmethod
    def first(cls, x: Tensor) -> Columns:
        """What to begin with: all, if they are few; else none."""
        return cls.of(x, torch.full_like(x[:, 0], x.shape[2] <= SMALL, dtype=torch.bool))

    def joined(self, other: Columns) -> Columns:
        """These features and, after them, others."""
        index, real = torch.cat([self.index, other.index], 1), torch.cat([self.real, other.real], 1)
        return Columns(index, real, torch.cat([self.x, other.x], 2), self.members | other.members)

    def spread(self, weight: Tensor) -> Tensor:
        """Weights of these features (m, ..., w) as weights of all features (m, ..., p)."""
        index, real = (each.view(len(each), *[1] * (weight.dim() - 2), -1) for each in (self.index, self.real))
        every = weight.new_zeros(*weight.shape[:-1], self.members.shape[1])
        return every.scatter_add(-1, index.expand_as(weight), torch.where(real, weight, 0.0))

    def gather(self, weight: Tensor) -> Tensor:
        """Weights of all features (m, ..., p) as weights of these (m, ..., w)."""
        index, real = (each.view(len(each), *[1] * (weight.dim() - 2), -1) for each in (self.index, self.real))
        return torch.where(real, weight.gather(-1, index.expand(*weight.shape[:-1], -1)), 0.0)

    def wanted(self, excess: Tensor, weight: Tensor) -> Tensor:
        """Which features to add, (m, p): the largest of those with an `excess` (m, p) above zero.

        They are not many more than the `weight` (m, K, p) has already.
        """
        excess = torch.where(self.members, 0.0, excess)
        most = min(max(LEAST, active(weight)), excess.shape[1])
        least = excess.topk(most, 1).values[:, -1:]
        return (excess > 0) & (excess >= least)

    def trimmed(self, x: Tensor, weight: Tensor) -> Columns:
        """Only those that `weight` (m, K, p) needs, if by now there are many others."""
        if self.members.all() or 2 * self.x.shape[2] <= 3 * active(weight) + 4 * LEAST:
            return self
        return Columns.of(x, (weight != 0).any(1))


def active(weight: Tensor) -> int:
    """The most features that a replicate's weights (m, K, p) use."""
    return int((weight != 0).any(1).sum(1).max())


def strong_share(before: Terms, parts: Sequence[Terms]) -> float:
    """The strong rule: a pull at the fit `before` below this share of the penalty's hold will not become a weight."""
    weakest = min(part.l1 + part.group for part in parts)
    return min(1.0, max(0.0, 2 - (before.l1 + before.group) / weakest))
