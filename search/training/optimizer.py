"""torch.optim's own optimisers on stacked tensors: their updates are elementwise, so they are exact on a stack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.optim import SGD, Adam, Optimizer

if TYPE_CHECKING:
    from search.settings import Training


def make_optimizer(settings: Training, parameters: Sequence[Tensor]) -> Optimizer:
    """SGD, or Adam; adamw is Adam, its decay being the project's own `decoupled` penalty."""
    if settings.optimizer == "sgd":
        return SGD(parameters, lr=settings.lr, momentum=settings.momentum)
    return Adam(parameters, lr=settings.lr)


def without_candidates(optimizer: Optimizer, kept: dict[Tensor, Tensor], keep: Tensor, settings: Training) -> Optimizer:
    """The optimiser of the smaller stack `kept` (old parameter -> new), with the kept candidates' moments."""
    smaller = make_optimizer(settings, list(kept.values()))
    for old, new in kept.items():
        smaller.state[new] = {
            name: value[:, keep].clone() if isinstance(value, Tensor) and value.shape == old.shape else value
            for name, value in optimizer.state[old].items()
        }
    return smaller


@torch.no_grad()
def proximal_steps(optimizer: Optimizer, weights: Sequence[Tensor], settings: Training) -> list[Tensor | float]:
    """The step that the last update took along a constant gradient: a number, or one per coordinate for Adam."""
    if settings.apply == "decoupled":
        return [settings.lr] * len(weights)
    if settings.optimizer == "sgd":
        return [settings.lr / (1 - settings.momentum)] * len(weights)
    group = optimizer.param_groups[0]
    steps: list[Tensor | float] = []
    for weight in weights:
        state = optimizer.state[weight]
        if not state:  # a user's weight that the outputs do not depend on
            steps.append(0.0)
            continue
        correction = 1 - group["betas"][1] ** float(state["step"])
        steps.append(settings.lr / ((state["exp_avg_sq"] / correction).sqrt() + group["eps"]))
    return steps
