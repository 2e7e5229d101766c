"""What an exact solve returns, and how a candidate reads as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from search.core.candidate import Candidate
from search.core.errors import UserError
from search.penalties import Penalty, make_penalty

BLOCK_BYTES = 256 * 2**20
PERFECT = 1e-8  # a loss below this share of the loss at w = 0 counts as a perfect fit


@dataclass(frozen=True)
class Limits:
    """When a fit counts as converged, and when it gives up.

    `gap` bounds the relative duality gap (squared loss), `residual` the relative gradient residual (classes);
    `steps` caps the proximal point steps of a fit (squared loss) or its Newton steps (classes).
    """

    gap: float = 1e-6
    residual: float = 1e-8
    steps: int = 50


LIMITS = Limits()


@dataclass(frozen=True, eq=False)
class Solution:
    """The convex optimum of every fit: R replicates, C candidates, K outputs, p features.

    `weight` (R, C, K, p) with exact zeros, `bias` (R, C, K). `error` (R, C) is the relative duality gap (squared
    loss) or the relative gradient residual (classes); a fit is `converged` (R, C) where it is within its bound.
    """

    weight: Tensor
    bias: Tensor
    error: Tensor
    converged: Tensor


@dataclass(frozen=True)
class Terms:
    """One candidate's penalty as l1 * sum |w| + group * sum sqrt(units) ||w_feature|| + ridge / 2 * ||w||^2."""

    penalty: Penalty
    lambda_: float
    l1: float
    group: float
    ridge: float

    @property
    def sparse(self) -> bool:
        """Whether weights can be exactly zero."""
        return self.l1 + self.group > 0

    def grouped(self, outputs: int) -> bool:
        """Whether the penalty ties a feature's weights to several outputs together."""
        return self.group > 0 and outputs > 1


def terms(candidate: Candidate) -> Terms:
    """The candidate's penalty in parts; `UserError` for one that has no such parts."""
    penalty = make_penalty(candidate.penalty, _numbers(candidate))
    parts = penalty.convex_parts(candidate.lambda_)
    if parts is None:
        raise UserError(f'training.optimizer: "exact" has no solution for {candidate.penalty}, which is not convex')
    return Terms(penalty, candidate.lambda_, *parts)


def _numbers(candidate: Candidate) -> dict[str, float]:
    return {name: float(value) for name, value in candidate.others.items() if not isinstance(value, str)}


def path_order(parts: Sequence[Terms]) -> list[int]:
    """The order in which the candidates start from one another: by penalty, then from strong to weak."""
    return sorted(range(len(parts)), key=lambda i: (parts[i].penalty.name, -parts[i].lambda_))


def chunks(replicates: int, entries: int) -> tuple[Tensor, ...]:
    """Indices of replicates whose largest work arrays, of `entries` numbers each, stay within BLOCK_BYTES together."""
    return torch.split(torch.arange(replicates), max(1, BLOCK_BYTES // (8 * entries)))


def relative(gap: Tensor, value: Tensor, y: Tensor) -> Tensor:
    """The gap relative to the objective, or to PERFECT times the objective at w = 0 where that is larger."""
    floor = PERFECT * y.square().sum((-2, -1)) / (2 * y.shape[-2])
    return gap.clamp(min=0) / torch.maximum(value, floor).clamp(min=torch.finfo(y.dtype).tiny)
