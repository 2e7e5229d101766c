"""The user's own torch.nn.Module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from threading import local
from typing import Any

import torch
from torch import Tensor, nn

from search.core.errors import UserError
from search.core.text import one_line
from search.models.base import Model, Parameters, TrainingStep
from search.models.chosen import Choice, penalised_names
from search.models.functional import Fits, looped, stacked
from search.models.probe import single, why_not_stacked
from search.models.randomness import TURN, seeded
from search.models.stackable import Stackable
from search.settings.plugins import import_function


@dataclass(frozen=True)
class Sample:
    """Some rows to try a module on; two samples with rows of the same shape and type are the same."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    rows: Tensor = field(compare=False)

    @property
    def features(self) -> int | tuple[int, ...]:
        """What the user's function is told of the inputs: their number, or the shape of a row with more axes."""
        return self.shape[0] if len(self.shape) == 1 else self.shape


@dataclass(frozen=True, eq=False)
class UserModule(Model):
    """Any torch.nn.Module: `factory()` makes one, by the user's `call`.

    Its fits train as one batch where its layers allow; `reason` says why they do not. The penalty acts on `chosen`.
    `width` is how many values one row of one fit has in memory at once, about. `own` holds each thread's module: a
    forward pass puts the numbers of fits into it.
    """

    call: str
    own: local
    factory: Callable[[], nn.Module]
    chosen: tuple[str, ...]
    sample: Tensor
    _reason: list[str | None] = field(default_factory=list)

    @property
    def module(self) -> nn.Module:
        """The one of this thread; what is constant in them is the same in all."""
        if not hasattr(self.own, "module"):
            self.own.module = _fresh(self.factory)
        found: nn.Module = self.own.module
        return found

    def initial(self, seed: int) -> tuple[Parameters, Parameters]:
        module = _fresh(self.factory, seed)
        every = dict(module.named_parameters())
        trained = {name: value.detach() for name, value in every.items() if value.requires_grad}
        # Frozen parameters are neither trained nor penalised.
        fixed = {name: value.detach() for name, value in every.items() if not value.requires_grad}
        return trained, fixed | {name: value.detach() for name, value in module.named_buffers()}

    def forward(self, parameters: Parameters, buffers: Parameters, x: Tensor, step: TrainingStep | None) -> Tensor:
        self.module.train(step is not None)
        run = stacked if self.reason is None else looped
        seeds, number = (None, 0) if step is None else (step.seeds, step.number)
        return run(self.module, Fits(parameters, buffers, x, seeds, number))

    def standalone(self, parameters: Parameters, buffers: Parameters) -> nn.Module:
        module = _fresh(self.factory)
        _refuse_another(self.call, module, parameters | buffers)
        dtype = next(iter(parameters.values())).dtype
        # Buffers that a state does not hold are constants, which the factory makes again.
        module.to(dtype).load_state_dict({**parameters, **buffers}, strict=False)
        return module.eval()

    @property
    def penalised(self) -> tuple[str, ...]:
        return self.chosen

    @property
    def reason(self) -> str | None:
        """Why its fits train one at a time; None where they do not."""
        if not self._reason:
            with TURN:  # it changes what becomes of warnings, for all threads: once, and before any of them trains
                if not self._reason:
                    self._reason.append(why_not_stacked(self.module, self.initial, self.sample))
        return self._reason[0]

    @cached_property
    def width(self) -> int:
        self.module.eval()
        with torch.no_grad(), Stackable(None) as calls:
            torch.func.functional_call(self.module, self._state(), (self.sample,))
        return int(-(-calls.widest // len(self.sample)))

    def _state(self) -> Parameters:
        parameters, buffers = self.initial(0)
        return {name: single(value) for name, value in (parameters | buffers).items()}

    @property
    def notes(self) -> tuple[str, ...]:
        parameters, _ = self.initial(0)
        sizes = {name: value.numel() for name, value in parameters.items()}
        acts = (
            f"the penalty acts on {', '.join(self.chosen)} ({sum(sizes[name] for name in self.chosen):,} of "
            f"{sum(sizes.values()):,} trained values)"
        )
        return (acts,) if self.reason is None else (acts, f"trained one fit at a time: {self.reason}")


def user_module(name: str, x: Tensor, outputs: int, wanted: tuple[str, ...] | str | None = None) -> UserModule:
    """The module that "package.module:function" makes for rows like `x` (rows, ...).

    `wanted` are the patterns, or the function, that choose what is penalised. UserError where it does not fit.
    """
    rows = single(x.detach())
    sample = Sample(tuple(x.shape[1:]), rows.dtype, rows)
    chooser = import_function(wanted, key="model.penalised") if isinstance(wanted, str) else wanted
    with TURN:
        return _made(name, import_function(name, key="model.kind"), sample, outputs, chooser)


# One study asks for the same module in every batch.
@lru_cache(maxsize=8)
def _made(name: str, function: Callable[..., Any], sample: Sample, outputs: int, wanted: Choice) -> UserModule:
    call = f"{name}({sample.features}, {outputs})"

    def factory() -> nn.Module:
        try:
            module = function(sample.features, outputs)
        except Exception as error:
            raise UserError(
                f"model.kind: {call} raised {type(error).__name__}: {error}; it is called with (features, outputs)"
            ) from error
        if not isinstance(module, nn.Module):
            raise UserError(
                f"model.kind: {call} returned {type(module).__name__}; it must return a torch.nn.Module for "
                "(features, outputs)"
            )
        return module

    own = local()
    own.module = module = _fresh(factory).eval()
    _refuse_other_shapes(call, module, sample, outputs)
    return UserModule(call, own, factory, penalised_names(module, wanted, call), sample.rows)


def _fresh(factory: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    """A new module; what is random in it, also what it keeps beside parameters and buffers, follows from the seed."""
    with seeded(seed):
        return factory()


def _refuse_other_shapes(call: str, module: nn.Module, sample: Sample, outputs: int) -> None:
    rows = sample.rows
    try:
        with torch.no_grad(), Stackable(None):
            shape = tuple(module.float()(rows.clone()).shape)
    except Exception as error:
        raise UserError(
            f"model.kind: {call} fails on rows of shape {tuple(rows.shape)}, {str(rows.dtype).removeprefix('torch.')}: "
            f"{type(error).__name__}: {one_line(error)[:200]}"
        ) from error
    if shape != (len(rows), outputs):
        raise UserError(
            f"model.kind: {call} maps {len(rows)} rows to the shape {shape}; it must be ({len(rows)}, {outputs})"
        )


def _refuse_another(call: str, module: nn.Module, kept: Parameters) -> None:
    """Refuse a network that is not the one of the `kept` numbers: what it has beside them would be random."""
    now = dict(module.named_parameters()) | dict(module.named_buffers())
    for name in sorted(kept.keys() | now.keys()):
        was, found = (tuple(each[name].shape) if name in each else None for each in (kept, now))
        if was != found:
            change = f"was {was} and is {found}" if was and found else "is new" if was is None else "is gone"
            raise UserError(
                f"model.kind: {call} makes another network than the one that was trained: {name} {change}; bring its "
                "code back as it was, or run the study under another name"
            )
