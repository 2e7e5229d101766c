"""Models whose parameters carry two leading axes, (replicate, candidate), so that many fits train as one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from search.plugins import import_function
from search.randomness import DROPOUT, uniform
from search.records import UserError

if TYPE_CHECKING:
    from search.settings import Model as ModelSettings

Parameters = dict[str, Tensor]


@dataclass(frozen=True)
class Noise:
    """What a training step draws its dropout masks from: the replicates' seeds (replicates,) and the step's number."""

    seeds: Tensor
    step: int


class Model(ABC):
    """What the training needs to know of a model, for a given number of features and outputs."""

    @abstractmethod
    def initial(self, seed: int) -> tuple[Parameters, Parameters]:
        """One fit's parameters and buffers, drawn from the seed; all candidates of a replicate start from them."""

    @abstractmethod
    def forward(self, parameters: Parameters, buffers: Parameters, x: Tensor, noise: Noise | None) -> Tensor:
        """Outputs (replicates, candidates, rows, outputs) of stacked parameters (replicates, candidates, ...).

        `x` has shape (replicates, rows, features): all candidates of a replicate see the same rows and, in
        training, the same dropout masks. `noise` is None in evaluation.
        """


def penalised(parameters: Mapping[str, Tensor]) -> list[str]:
    """Names of the stacked parameters that the penalty acts on: weights, not biases or other vectors."""
    return [name for name, value in parameters.items() if value.ndim >= 4]


@dataclass(frozen=True)
class Perceptron(Model):
    """Linear layers with ReLU and dropout between them; without hidden layers it is the linear model."""

    widths: tuple[int, ...]
    dropout: float
    init: str
    init_std: float

    def initial(self, seed: int) -> tuple[Parameters, Parameters]:
        parameters: Parameters = {}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for layer, (features, units) in enumerate(zip(self.widths[:-1], self.widths[1:], strict=True)):
                linear = self._initialised(nn.Linear(features, units))
                parameters[f"{layer}.weight"] = linear.weight.detach()
                parameters[f"{layer}.bias"] = linear.bias.detach()
        return parameters, {}

    def _initialised(self, linear: nn.Linear) -> nn.Linear:
        if self.init == "normal":
            nn.init.normal_(linear.weight, std=self.init_std)
            nn.init.zeros_(linear.bias)
        elif self.init == "zeros":
            nn.init.zeros_(linear.weight)
            nn.init.zeros_(linear.bias)
        return linear

    def forward(self, parameters: Parameters, buffers: Parameters, x: Tensor, noise: Noise | None) -> Tensor:
        hidden = shared_linear(x, parameters["0.weight"], parameters["0.bias"])
        for layer in range(1, len(self.widths) - 1):
            hidden = self._drop(hidden.relu(), layer, noise)
            weight, bias = parameters[f"{layer}.weight"], parameters[f"{layer}.bias"]
            hidden = hidden @ weight.mT + bias[..., None, :]
        return hidden

    def _drop(self, hidden: Tensor, layer: int, noise: Noise | None) -> Tensor:
        if noise is None or self.dropout == 0:
            return hidden
        draws = uniform(noise.seeds, DROPOUT + layer, noise.step, (1, *hidden.shape[-2:]))
        return hidden * ((draws >= self.dropout) / (1 - self.dropout)).to(hidden)


def shared_linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A linear layer on rows that all candidates share: one product (rows, features) x (features, candidates * units).

    x (replicates, rows, features), weight (replicates, candidates, units, features), bias (replicates, candidates,
    units) -> (replicates, candidates, rows, units).
    """
    replicates, candidates, units, features = weight.shape
    product = weight.reshape(replicates, candidates * units, features) @ x.mT
    return product.view(replicates, candidates, units, -1).mT + bias[..., None, :]


@dataclass(frozen=True)
class UserModel(Model):
    """Any torch.nn.Module: `factory(features, outputs)` makes one. Its fits run one after the other in each step."""

    module: nn.Module
    factory: Callable[[], nn.Module]

    def initial(self, seed: int) -> tuple[Parameters, Parameters]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = self.factory()
        every = dict(module.named_parameters())
        trained = {name: value.detach() for name, value in every.items() if value.requires_grad}
        # Frozen parameters are neither trained nor penalised.
        fixed = {name: value.detach() for name, value in every.items() if not value.requires_grad}
        return trained, fixed | {name: value.detach() for name, value in module.named_buffers()}

    def forward(self, parameters: Parameters, buffers: Parameters, x: Tensor, noise: Noise | None) -> Tensor:
        self.module.train(noise is not None)
        replicates, candidates = next(iter(parameters.values())).shape[:2]
        outputs = [
            self._one(parameters, buffers, x, noise, (replicate, candidate))
            for replicate in range(replicates)
            for candidate in range(candidates)
        ]
        return torch.stack(outputs).reshape(replicates, candidates, *outputs[0].shape)

    def _one(
        self, parameters: Parameters, buffers: Parameters, x: Tensor, noise: Noise | None, fit: tuple[int, int]
    ) -> Tensor:
        state = {name: value[fit] for stacked in (parameters, buffers) for name, value in stacked.items()}
        with torch.random.fork_rng(enabled=noise is not None):
            if noise is not None:
                torch.manual_seed(hash((int(noise.seeds[fit[0]]), noise.step)))
            return cast(Tensor, torch.func.functional_call(self.module, state, (x[fit[0]],)))


def make_model(settings: ModelSettings, features: int, outputs: int) -> Model:
    """The model that the study file names; UserError where the user's own function does not give one that fits."""
    if settings.kind in {"linear", "mlp"}:
        hidden = tuple(settings.hidden) if settings.kind == "mlp" else ()
        dropout = settings.dropout if settings.kind == "mlp" else 0.0
        return Perceptron((features, *hidden, outputs), dropout, settings.init, settings.init_std)
    return _user_model(settings.kind, features, outputs)


def _user_model(name: str, features: int, outputs: int) -> UserModel:
    function = import_function(name, key="model.kind")

    def factory() -> nn.Module:
        try:
            module = function(features, outputs)
        except Exception as error:
            raise UserError(
                f"model.kind: {name}({features}, {outputs}) raised {type(error).__name__}: {error}; it is called with "
                "(features, outputs)"
            ) from error
        if not isinstance(module, nn.Module):
            raise UserError(
                f"model.kind: {name}({features}, {outputs}) returned {type(module).__name__}; it must return a "
                "torch.nn.Module for (features, outputs)"
            )
        return module

    module = factory().eval()
    if not any(value.requires_grad and value.ndim >= 2 for value in module.parameters()):
        raise UserError(
            f"model.kind: {name}({features}, {outputs}) has no trainable weight that a penalty could act on"
        )
    shape = tuple(module(torch.zeros(2, features)).shape)
    if shape != (2, outputs):
        raise UserError(
            f"model.kind: {name}({features}, {outputs}) maps 2 rows to the shape {shape}; it must be (2, {outputs})"
        )
    return UserModel(module, factory)
