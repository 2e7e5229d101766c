"""How the penalties act on the training of a stack: `loss`, `proximal` or `decoupled`.

- loss: the penalty joins the objective, so its (sub)gradient joins the gradient.
- proximal: the smooth part joins the objective; after each step the rest acts by its proximal map, with the reach of
  the optimiser's step: lr for SGD; lr / (1 - momentum) with momentum, which a constant gradient moves by in the long
  run; lr / (sqrt(v) + eps), weight by weight, for Adam (proximal Adam: Yun, Lozano, Yang 2021, arXiv 2007.07658).
  With these steps the fixed points are the optima of loss + penalty.
- decoupled: outside of the optimiser's moments, as in AdamW (Loshchilov and Hutter 2019): the smooth part decays the
  weights by lr * lambda before the step, the rest acts by its proximal map with the step lr after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from search.core.candidate import Candidate
from search.penalties import PENALTIES, Penalty, make_penalty


@dataclass(frozen=True, eq=False)
class PenaltyGroup:
    """Neighbouring candidates of a stack with the same penalty: a slice of the candidate axis, a view and no copy.

    `lambdas` has a strength for each weight by its name, (candidates of the slice,); the penalty's own parameters are
    tensors of that shape too. `units`: a group of weights is that of a unit, not that of an input.
    """

    part: slice
    penalty: Penalty
    lambdas: Mapping[str, Tensor]
    units: bool = False

    @torch.enable_grad()
    def subgradient(self, name: str, weight: Tensor) -> Tensor:
        """The penalty's subgradient at the group's own weights, by autograd."""
        own = weight.detach()[:, self.part].requires_grad_()
        value = self.penalty.value(self._matrix(own), self.lambdas[name])
        return torch.autograd.grad(value.sum(), own)[0]

    def smooth_gradient(self, name: str, weight: Tensor) -> Tensor | None:
        """The gradient of the smooth part at the group's own weights; None where there is no such part."""
        own = weight[:, self.part]
        gradient = self.penalty.smooth_gradient(self._matrix(own), self.lambdas[name])
        return None if gradient is None else self._weight(gradient, own)

    def decay(self, name: str, weight: Tensor, step: Tensor | float) -> None:
        """A step down the smooth part's gradient for the group's own weights, in place."""
        self._move(self.penalty.decay_, name, weight, step)

    def prox(self, name: str, weight: Tensor, step: Tensor | float) -> None:
        """The proximal map on the group's own weights, in place."""
        self._move(self.penalty.prox_, name, weight, step)

    def _move(self, act: Callable[..., None], name: str, weight: Tensor, step: Tensor | float) -> None:
        own = weight[:, self.part]
        matrix = self._matrix(own)
        act(matrix, self.lambdas[name], self._own_step(step, weight))
        if matrix is not own:  # a view of them or a copy
            own.copy_(self._weight(matrix, own))

    def _own_step(self, step: Tensor | float, weight: Tensor) -> Tensor | float:
        """A step of each coordinate, or of each candidate (candidates, 1, ...), for the group's weights as a matrix."""
        if not isinstance(step, Tensor):
            return step
        if step.ndim == weight.ndim:
            return self._matrix(step[:, self.part])
        return step[self.part].reshape(-1, 1, 1)

    def _matrix(self, weight: Tensor) -> Tensor:
        return grouped(weight, units=self.units)

    def _weight(self, matrix: Tensor, like: Tensor) -> Tensor:
        return matrix.mT.reshape(like.shape) if self.units and like.ndim > 3 else from_matrix(matrix, like)


def by_penalty(candidates: Sequence[Candidate]) -> list[int]:
    """Indices of the candidates, those with the same penalty next to each other."""
    names = list(PENALTIES)
    return sorted(range(len(candidates)), key=lambda index: names.index(candidates[index].penalty))


def penalty_groups(
    candidates: Sequence[Candidate], like: Tensor, strengths: Mapping[str, str], *, units: bool = False
) -> list[PenaltyGroup]:
    """The candidates of a stack, already in the order of `by_penalty`, as groups; `none` has nothing to do.

    `strengths` names the candidate's parameter that is the lambda of each weight.
    """
    found: list[PenaltyGroup] = []
    start = 0
    for name, group in groupby(candidates, key=lambda candidate: candidate.penalty):
        members = list(group)
        part, start = slice(start, start + len(members)), start + len(members)
        if name != "none":
            own = [each.name for each in PENALTIES[name].parameters]
            values = {
                each: like.new_tensor([float(member[each]) for member in members])
                for each in {*own, *strengths.values()}
            }
            penalty = make_penalty(name, {each: values[each] for each in own})
            lambdas = {weight: values[strength] for weight, strength in strengths.items()}
            found.append(PenaltyGroup(part, penalty, lambdas, units))
    return found


def add_gradient(
    groups: Sequence[PenaltyGroup], weights: Mapping[str, Tensor], gradients: Mapping[str, Tensor], *, smooth_only: bool
) -> None:
    """Add the penalty's (sub)gradient, or that of its smooth part, to the gradient of every weight in place.

    Outside of the loss's own backward pass: through a slice, that pass would write a whole stack of zeros a penalty.
    """
    for group in groups:
        for name, weight in weights.items():
            own = group.smooth_gradient(name, weight) if smooth_only else group.subgradient(name, weight)
            if own is not None:
                gradients[name][:, group.part] += own


def grouped(weight: Tensor, *, units: bool) -> Tensor:
    """A stacked weight as matrices (R, C, ..., groups): a column holds the weights of a unit, or of an input."""
    return weight.flatten(3).mT if units and weight.ndim > 3 else as_matrix(weight)


def as_matrix(weight: Tensor) -> Tensor:
    """A stacked weight (R, C, units, inputs, ...) as (R, C, units * ..., inputs): a column is one input's group.

    Of a vector each entry is a group.
    """
    if weight.ndim < 4:
        return weight.reshape(*weight.shape[:2], 1, -1)
    return weight if weight.ndim == 4 else weight.movedim(3, -1).flatten(2, -2)


def from_matrix(matrix: Tensor, like: Tensor) -> Tensor:
    """The inverse of `as_matrix`."""
    if like.ndim <= 4:
        return matrix.reshape(like.shape)
    return matrix.reshape(*like.shape[:3], *like.shape[4:], like.shape[3]).movedim(-1, 3)
