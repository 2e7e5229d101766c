"""How the penalties act on the training of a stack: `loss`, `proximal` or `decoupled`.

- loss: lambda * Omega joins the objective, so its (sub)gradient joins the gradient.
- proximal: the smooth part joins the objective; after each step the rest acts by its proximal map, with the step that
  the optimiser takes: lr for SGD; lr / (1 - momentum) with momentum, which a constant gradient moves by in the long
  run; lr / (sqrt(v) + eps), weight by weight, for Adam (proximal Adam: Yun, Lozano, Yang 2021, arXiv 2007.07658).
  With these steps the fixed points are the optima of loss + lambda * Omega.
- decoupled: outside of the optimiser's moments, as in AdamW (Loshchilov and Hutter 2019): the smooth part decays the
  weights by lr * lambda before the step, the rest acts by its proximal map with the step lr after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from search.penalties import ElasticNet, Penalty, make_penalty
from search.records import PENALTIES, Candidate


@dataclass(frozen=True, eq=False)
class Share:
    """Neighbouring candidates of a stack with the same penalty: a slice of the candidate axis, a view and no copy."""

    part: slice
    penalty: Penalty
    lambda_: Tensor

    def coordinatewise(self) -> Penalty:
        """The penalty for weights whose every coordinate is a fit of its own, (..., candidates, weights, 1, 1)."""
        if isinstance(self.penalty, ElasticNet) and isinstance(self.penalty.l1_ratio, Tensor):
            return ElasticNet(self.penalty.l1_ratio[:, None])
        return self.penalty


def by_penalty(candidates: Sequence[Candidate]) -> list[int]:
    """Indices of the candidates, those with the same penalty next to each other."""
    return sorted(range(len(candidates)), key=lambda index: PENALTIES.index(candidates[index].penalty))


def shares(candidates: Sequence[Candidate], like: Tensor) -> list[Share]:
    """The candidates of a stack, already in the order of `by_penalty`, as shares; `none` has nothing to do."""
    found: list[Share] = []
    start = 0
    for name, group in groupby(candidates, key=lambda candidate: candidate.penalty):
        members = list(group)
        part, start = slice(start, start + len(members)), start + len(members)
        if name != "none":
            ratios = like.new_tensor([member.l1_ratio or 0.0 for member in members])
            lambdas = like.new_tensor([member.lambda_ for member in members])
            found.append(Share(part, make_penalty(name, ratios), lambdas))
    return found


def objective_term(shares: Sequence[Share], weights: Sequence[Tensor], *, smooth_only: bool) -> Tensor | float:
    """Sum over all fits of lambda * Omega (or of its smooth part), to be added to the loss before autograd."""
    total: Tensor | float = 0.0
    for share in shares:
        for weight in weights:
            own = as_matrix(weight[:, share.part])
            omega = share.penalty.smooth(own) if smooth_only else share.penalty.value(own)
            total = total + (share.lambda_ * omega).sum()
    return total


@torch.no_grad()
def prox_step(shares: Sequence[Share], weights: Sequence[Tensor], steps: Sequence[Tensor | float]) -> None:
    """Apply the proximal map to every weight in place, with a step per optimiser or, as a tensor, per coordinate."""
    for share in shares:
        for weight, step in zip(weights, steps, strict=True):
            own = weight[:, share.part]
            if isinstance(step, Tensor):
                strength = share.lambda_[:, *[None] * (own.ndim - 2)] * step[:, share.part]
                moved = share.coordinatewise().prox(own.flatten(2)[..., None, None], strength.flatten(2))
                own.copy_(moved.reshape(own.shape))
            else:
                moved = share.penalty.prox(as_matrix(own), share.lambda_ * step)
                own.copy_(from_matrix(moved, own))


def decay_step(shares: Sequence[Share], weights: Sequence[Tensor], lr: float) -> None:
    """W <- w - lr * lambda * gradient of the smooth part, in place: AdamW's decay."""
    for share in shares:
        for weight in weights:
            own = weight.detach()[:, share.part]
            free = own.clone().requires_grad_()
            omega = share.lambda_ * share.penalty.smooth(as_matrix(free))
            if omega.requires_grad:
                own -= lr * torch.autograd.grad(omega.sum(), free)[0]


def as_matrix(weight: Tensor) -> Tensor:
    """A stacked weight (R, C, units, inputs, ...) as (R, C, units * ..., inputs): a column is one input's group."""
    return weight if weight.ndim == 4 else weight.movedim(3, -1).flatten(2, -2)


def from_matrix(matrix: Tensor, like: Tensor) -> Tensor:
    """The inverse of `as_matrix`."""
    if like.ndim == 4:
        return matrix
    return matrix.reshape(*like.shape[:3], *like.shape[4:], like.shape[3]).movedim(-1, 3)
