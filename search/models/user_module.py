"""The user's own torch.nn.Module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from search.core.errors import UserError
from search.models.base import Model, Parameters, TrainingStep
from search.settings.plugins import import_function


@dataclass(frozen=True)
class UserModule(Model):
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

    def forward(self, parameters: Parameters, buffers: Parameters, x: Tensor, step: TrainingStep | None) -> Tensor:
        self.module.train(step is not None)
        replicates, candidates = next(iter(parameters.values())).shape[:2]
        outputs = [
            self._one(parameters, buffers, x, step, (replicate, candidate))
            for replicate in range(replicates)
            for candidate in range(candidates)
        ]
        return torch.stack(outputs).reshape(replicates, candidates, *outputs[0].shape)

    def standalone(self, parameters: Parameters, buffers: Parameters) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            module = self.factory()
        dtype = next(iter(parameters.values())).dtype
        # Buffers that a state does not hold are constants, which the factory makes again.
        module.to(dtype).load_state_dict({**parameters, **buffers}, strict=False)
        return module.eval()

    def _one(
        self, parameters: Parameters, buffers: Parameters, x: Tensor, step: TrainingStep | None, fit: tuple[int, int]
    ) -> Tensor:
        state = {name: value[fit] for stacked in (parameters, buffers) for name, value in stacked.items()}
        with torch.random.fork_rng(enabled=step is not None):
            if step is not None:
                torch.manual_seed(hash((int(step.seeds[fit[0]]), step.number)))
            return cast(Tensor, torch.func.functional_call(self.module, state, (x[fit[0]],)))


def user_module(name: str, features: int, outputs: int) -> UserModule:
    """The module that "package.module:function" makes; UserError where it does not give one that fits."""
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
    return UserModule(module, factory)
