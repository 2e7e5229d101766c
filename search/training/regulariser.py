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


def add_gradient(shares: Sequence[Share], weights: Sequence[Tensor], *, smooth_only: bool) -> None:
    """Add lambda times the (sub)gradient of Omega, or of its smooth part, to the gradient of every weight in place.

    Outside of the loss's own backward pass: through a slice, that pass would write a whole stack of zeros a penalty.
    """
    for share in shares:
        for weight in weights:
            own = smooth_gradient(share, weight) if smooth_only else _subgradient(share, weight)
            if own is not None and weight.grad is not None:
                weight.grad[:, share.part] += own


@torch.no_grad()
def smooth_gradient(share: Share, weight: Tensor) -> Tensor | None:
    """The gradient of Omega's smooth part, times lambda, at a share's own weights; None where there is no such part."""
    own = weight[:, share.part]
    gradient = share.penalty.smooth_gradient(as_matrix(own), share.lambda_)
    return None if gradient is None else from_matrix(gradient, own)


def _subgradient(share: Share, weight: Tensor) -> Tensor:
    own = weight.detach()[:, share.part].requires_grad_()
    omega = share.penalty.value(as_matrix(own))
    return torch.autograd.grad(omega, own, share.lambda_.expand_as(omega))[0]


@torch.no_grad()
def prox_step(shares: Sequence[Share], weights: Sequence[Tensor], steps: Sequence[Tensor | float]) -> None:
    """Apply the proximal map to every weight in place, with a step per optimiser or, as a tensor, per coordinate."""
    for share in shares:
        for weight, step in zip(weights, steps, strict=True):
            own = weight[:, share.part]
            if isinstance(step, Tensor):
                strength = share.lambda_[:, *[None] * (own.ndim - 2)] * step[:, share.part]
                scalars = own.flatten(2)[..., None, None]
                moved = share.coordinatewise().prox(scalars, strength.flatten(2))
                if moved is not scalars:  # l2 has nothing but a smooth part
                    own.copy_(moved.reshape(own.shape))
            else:
                matrix = as_matrix(own)
                moved = share.penalty.prox(matrix, share.lambda_ * step)
                if moved is not matrix:
                    own.copy_(from_matrix(moved, own))


@torch.no_grad()
def decay_step(shares: Sequence[Share], weights: Sequence[Tensor], lr: float) -> None:
    """AdamW's decay: w <- w - lr * lambda * gradient of the smooth part, in place."""
    for share in shares:
        for weight in weights:
            decay = smooth_gradient(share, weight)
            if decay is not None:
                weight[:, share.part] -= lr * decay


def as_matrix(weight: Tensor) -> Tensor:
    """A stacked weight (R, C, units, inputs, ...) as (R, C, units * ..., inputs): a column is one input's group."""
    return weight if weight.ndim == 4 else weight.movedim(3, -1).flatten(2, -2)


def from_matrix(matrix: Tensor, like: Tensor) -> Tensor:
    """The inverse of `as_matrix`."""
    if like.ndim == 4:
        return matrix
    return matrix.reshape(*like.shape[:3], *like.shape[4:], like.shape[3]).movedim(-1, 3)
