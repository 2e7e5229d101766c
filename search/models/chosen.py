"""Which of a user's parameters the penalty acts on."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from search.core.errors import UserError

NORMS = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, _NormBase)
Choice = Callable[..., Any] | tuple[str, ...] | None


def penalised_names(module: nn.Module, wanted: Choice, call: str) -> tuple[str, ...]:
    """Names of the trained parameters that the penalty acts on; `call` says in errors what made the module.

    `wanted`: patterns such as "conv*.weight", or a function of (name, parameter) that says whether. Without it: what
    has two axes or more, as the weights of linear, convolution, embedding, recurrent and attention layers have, but no
    biases and no norms.
    """
    trained = {name: value for name, value in module.named_parameters() if value.requires_grad}
    if wanted is None:
        norms = {f"{name}." for name, each in module.named_modules() if isinstance(each, NORMS)}
        chosen = [name for name, value in trained.items() if _weight(name, value) and _owner(name) not in norms]
        if not chosen:
            raise UserError(f"model.kind: {call} has no trainable weight that a penalty could act on")
        return tuple(chosen)
    if callable(wanted):
        chosen = [name for name, value in trained.items() if wanted(name, value)]
    else:
        idle = [each for each in wanted if not any(fnmatchcase(name, each) for name in trained)]
        if idle:
            raise UserError(f'model.penalised: no parameter is named "{idle[0]}"; there are {", ".join(trained)}')
        chosen = [name for name in trained if any(fnmatchcase(name, each) for each in wanted)]
    if not chosen:
        raise UserError(f"model.penalised: chooses none of {', '.join(trained)}")
    return tuple(chosen)


def _weight(name: str, value: Tensor) -> bool:
    return value.ndim >= 2 and "bias" not in name.rpartition(".")[2]


def _owner(name: str) -> str:
    return name[: name.rfind(".") + 1]
