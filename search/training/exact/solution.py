"""What an exact solve returns, and how a candidate reads as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from search.penalties import GroupLasso, NoPenalty, Penalty, make_penalty
from search.penalties.elementwise import ElasticNet
from search.records import Candidate

BLOCK_BYTES = 256 * 2**20


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
    """lambda * Omega(w) = strength * (l1 or group lasso) + ridge / 2 * ||w||^2, of one candidate."""

    penalty: Penalty
    lambda_: float
    strength: float
    ridge: float

    @property
    def grouped(self) -> bool:
        """Whether a feature's weights to all outputs form a group."""
        return isinstance(self.penalty, GroupLasso)


def terms(candidate: Candidate) -> Terms:
    """The candidate's penalty, split into its two parts."""
    penalty = make_penalty(candidate.penalty, candidate.l1_ratio)
    if isinstance(penalty, NoPenalty):
        return Terms(penalty, 0.0, 0.0, 0.0)
    share = float(penalty.l1_ratio) if isinstance(penalty, ElasticNet) else 1.0
    return Terms(penalty, candidate.lambda_, candidate.lambda_ * share, candidate.lambda_ * (1 - share))


def path_order(parts: Sequence[Terms]) -> list[int]:
    """The order in which the candidates start from one another: by penalty, then from strong to weak."""
    return sorted(range(len(parts)), key=lambda i: (parts[i].penalty.name, -parts[i].lambda_))


def chunks(replicates: int, entries: int) -> tuple[Tensor, ...]:
    """Indices of replicates whose largest work arrays, of `entries` numbers each, stay within BLOCK_BYTES together."""
    return torch.split(torch.arange(replicates), max(1, BLOCK_BYTES // (8 * entries)))
