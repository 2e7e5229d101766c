"""Candidates that are solved at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from search.penalties.elastic_net import soft_threshold
from search.penalties.group_lasso import group_norms
from search.training.exact.solution import Terms


@dataclass(frozen=True, eq=False)
class Block:
    """B candidates of one penalty: the strengths of its parts (B,), and whether it ties a feature's weights together.

    Without ties a group of one weight is that weight: `group` is then the strength on each, and `l1` zero.
    """

    tied: bool
    l1: Tensor
    group: Tensor
    ridge: Tensor

    @classmethod
    def of(cls, parts: Sequence[Terms], like: Tensor, outputs: int) -> Block:
        """The candidates' strengths, as tensors."""
        tied = parts[0].grouped(outputs)
        l1 = like.new_tensor([part.l1 if tied else 0.0 for part in parts])
        group = like.new_tensor([part.group if tied else part.l1 + part.group for part in parts])
        return cls(tied, l1, group, like.new_tensor([part.ridge for part in parts]))

    def only(self, which: Tensor | slice) -> Block:
        """Some of the candidates."""
        return Block(self.tied, self.l1[which], self.group[which], self.ridge[which])

    def on_one_path(self) -> bool:
        """Whether they are several, and nothing but the strength of l1 differs, and that falls."""
        return (
            not self.tied
            and len(self.ridge) > 1
            and bool((self.ridge == self.ridge[0]).all() and (self.group.diff() <= 0).all())
        )

    def excess(self, pull: Tensor, share: float = 1.0) -> Tensor:
        """By how much a zero feature's `pull` (m, B, K, p) is beyond `share` of the penalty's hold; (m, p)."""
        soft = soft_threshold(pull, share * self.l1[:, None, None]) if self.tied else pull
        norm = group_norms(soft)[:, :, 0] if self.tied else soft.abs().amax(2)
        bound = self.group * math.sqrt(pull.shape[2] if self.tied else 1)
        return (norm - share * bound[:, None]).amax(1)

    def value(self, weight: Tensor) -> Tensor:
        """The penalty without the ridge, (m, B), of weights (m, B, K, w)."""
        norms = math.sqrt(weight.shape[2]) * group_norms(weight) if self.tied else weight.abs()
        return self.l1 * weight.abs().sum((2, 3)) + self.group * norms.sum((2, 3))
