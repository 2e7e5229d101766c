"""What the training needs to know of a model: its parameters carry two leading axes, (replicate, candidate)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from search.models.gradient import Gradients
from search.models.per_candidate import PerCandidate

Parameters = dict[str, Tensor]


@dataclass(frozen=True)
class TrainingStep:
    """What a training step draws its dropout masks from: the replicates' seeds (replicates,), and the step's number.

    `settings` holds the dropout itself.
    """

    seeds: Tensor
    number: int
    settings: PerCandidate


class TrainingPass(NamedTuple):
    """A forward pass and the way back: the outputs, and what makes gradients of the loss's slope in them.

    The slope has the outputs' shape. A parameter that the outputs do not depend on has no gradient.
    """

    output: Tensor
    gradients: Callable[[Tensor], Gradients]


class Model(ABC):
    """A model for a given number of features and outputs, of which many fits train as one.

    One that `shares_rows` takes, in evaluation, fewer x than there are replicates: each for equally many neighbours.
    """

    shares_rows: ClassVar[bool] = False

    @abstractmethod
    def initial(self, seed: int) -> tuple[Parameters, Parameters]:
        """One fit's parameters and buffers, drawn from the seed; all candidates of a replicate start from them."""

    def scaled(self, parameters: Parameters, settings: PerCandidate) -> Parameters:
        """Stacked initial parameters as each candidate's settings want them: as they are, unless a model says so."""
        return parameters

    @abstractmethod
    def forward(self, parameters: Parameters, buffers: Parameters, x: Tensor, step: TrainingStep | None) -> Tensor:
        """Outputs (replicates, candidates, rows, outputs) of stacked parameters (replicates, candidates, ...).

        `x` has shape (replicates, rows, ...): all candidates of a replicate see the same rows and, in training,
        the same draws for their dropout masks. `step` is None in evaluation.
        """

    def training_pass(self, parameters: Parameters, buffers: Parameters, x: Tensor, step: TrainingStep) -> TrainingPass:
        """The outputs of `forward` and the way back to gradients: autograd's own, unless a model knows a shorter."""
        leaves = {name: value.detach().requires_grad_() for name, value in parameters.items()}
        output = self.forward(leaves, buffers, x, step)

        def gradients(slope: Tensor) -> Gradients:
            found = torch.autograd.grad(output, list(leaves.values()), slope.to(output), allow_unused=True)
            return {name: each for name, each in zip(leaves, found, strict=True) if each is not None}

        return TrainingPass(output.detach(), gradients)

    @abstractmethod
    def standalone(self, parameters: Parameters, buffers: Parameters) -> nn.Module:
        """One fit's model as a module of its own, ready to predict: parameters without the leading axes."""

    @property
    @abstractmethod
    def penalised(self) -> tuple[str, ...]:
        """Names of the parameters that the penalty acts on: weights, not biases or other vectors."""

    @property
    @abstractmethod
    def width(self) -> int:
        """How many values a row of one fit has in its widest layer."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What to tell before training, a line each."""
        return ()
