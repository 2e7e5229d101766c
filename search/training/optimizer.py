"""The updates of SGD and Adam on stacked parameters, where candidates may differ in their settings.

They are elementwise, so that a stack of fits takes the steps that each fit would take alone; a test holds them to
torch.optim's. torch's own take one learning rate for a whole tensor.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from search.models import Gradients, Parameters, PerCandidate, Product, dense

Moments = dict[str, Parameters]
BETAS: Final = (0.9, 0.999)
EPSILON: Final = 1e-8


@dataclass(frozen=True, eq=False)
class Step:
    """One step, counted from 1: the candidates' settings, and the schedule's factor of their learning rates."""

    number: int
    settings: PerCandidate
    factor: float | Tensor = 1.0

    def lr(self, ndim: int) -> float | Tensor:
        """The learning rates for a tensor of `ndim` axes that begin with (replicates, candidates)."""
        factor = self.factor.reshape(-1, *[1] * (ndim - 2)) if isinstance(self.factor, Tensor) else self.factor
        return self.settings("lr", ndim) * factor


class Optimizer(ABC):
    """An optimiser as functions of its moments: by their name a tensor for each parameter, like the parameter."""

    @abstractmethod
    def start(self, parameters: Parameters, settings: PerCandidate) -> Moments:
        """The moments before the first step."""

    @abstractmethod
    def update(self, parameters: Parameters, gradients: Gradients, moments: Moments, step: Step) -> None:
        """One step, in place; a parameter without a gradient stays."""

    @abstractmethod
    def reach(self, name: str, ndim: int, moments: Moments, step: Step) -> float | Tensor:
        """How far the step moves a weight of `ndim` axes along a constant gradient of 1: a number or a tensor.

        With it the fixed points of steps that are followed by a proximal map are the optima of the objective.
        """


class Sgd(Optimizer):
    """b <- momentum b + g; w <- w - lr b (Sutskever et al. 2013, in torch's form)."""

    def start(self, parameters: Parameters, settings: PerCandidate) -> Moments:
        return {} if _none(settings("momentum", 2)) else {"momentum": _zeros(parameters)}

    def update(self, parameters: Parameters, gradients: Gradients, moments: Moments, step: Step) -> None:
        for name, gradient in gradients.items():
            weight, direction = parameters[name], gradient
            if moments:
                momentum = step.settings("momentum", weight.ndim)
                direction = moments["momentum"][name].mul_(momentum).add_(dense(gradient))
            descend(weight, direction, step.lr(weight.ndim))

    def reach(self, name: str, ndim: int, moments: Moments, step: Step) -> float | Tensor:
        return step.lr(ndim) / (1 - step.settings("momentum", ndim))


class Adam(Optimizer):
    """m, v: moving averages of g and g^2; w <- w - lr m' / (sqrt(v') + eps), m' and v' unbiased (Kingma, Ba 2015)."""

    def start(self, parameters: Parameters, settings: PerCandidate) -> Moments:
        return {"mean": _zeros(parameters), "square": _zeros(parameters)}

    def update(self, parameters: Parameters, gradients: Gradients, moments: Moments, step: Step) -> None:
        for name, each in gradients.items():
            gradient = dense(each)
            mean = moments["mean"][name].lerp_(gradient, 1 - BETAS[0])
            moments["square"][name].mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
            lr = step.lr(gradient.ndim) / (1 - BETAS[0] ** step.number)
            deviation = self._deviation(name, moments, step)
            descend(parameters[name], torch.div(mean, deviation, out=deviation), lr)

    def reach(self, name: str, ndim: int, moments: Moments, step: Step) -> float | Tensor:
        return step.lr(ndim) / self._deviation(name, moments, step)

    def _deviation(self, name: str, moments: Moments, step: Step) -> Tensor:
        """sqrt(v') + eps."""
        deviation: Tensor = moments["square"][name].sqrt()
        return deviation.div_((1 - BETAS[1] ** step.number) ** 0.5).add_(EPSILON)


OPTIMIZERS: Final[Mapping[str, Optimizer]] = {"sgd": Sgd(), "adam": Adam(), "adamw": Adam()}  # decay: see `regulariser`


def descend(weight: Tensor, direction: Tensor | Product, lr: float | Tensor) -> None:
    """Step down along the direction, in place."""
    if isinstance(direction, Product):
        direction.descend(weight, lr)
    elif isinstance(lr, Tensor):
        weight.addcmul_(direction, lr, value=-1)
    else:
        weight.add_(direction, alpha=-lr)


def clipped(gradients: Parameters, largest: float) -> Parameters:
    """Gradients scaled down, fit by fit, to an l2 norm of at most `largest`, as `torch.nn.utils.clip_grad_norm_`."""
    squares = [each.square().reshape(*each.shape[:2], -1).sum(-1) for each in gradients.values()]
    factor = (largest / (sum(squares[1:], squares[0]).sqrt() + 1e-6)).clamp(max=1)  # (replicates, candidates)
    return {name: each * factor.reshape(*factor.shape, *[1] * (each.ndim - 2)) for name, each in gradients.items()}


def _none(value: float | Tensor) -> bool:
    return not isinstance(value, Tensor) and value == 0


def _zeros(parameters: Parameters) -> Parameters:
    return {name: torch.zeros_like(value, requires_grad=False) for name, value in parameters.items()}
