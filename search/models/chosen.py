"""Which of a model's parameters the penalty acts on, and with which lambda."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from search.core.candidate import STRENGTH
from search.core.errors import UserError
from search.settings import strength_of

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


def strengths(penalised: Sequence[str], groups: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Which parameter of a candidate is the lambda of each penalised weight.

    `groups`: by name the patterns of weights with a lambda of their own; all others have `lambda`. UserError for a
    group that has no weight or shares one, and where `lambda` itself has none left.
    """
    found = dict.fromkeys(penalised, STRENGTH)
    for group, patterns in groups.items():
        for pattern in patterns:
            own = [name for name in penalised if fnmatchcase(name, pattern)]
            if not own:
                raise UserError(
                    f'model.groups.{group}: no penalised weight is named "{pattern}"; there are {", ".join(penalised)}'
                )
            for name in own:
                if found[name] not in {STRENGTH, strength_of(group)}:
                    raise UserError(f"model.groups.{group}: {name} has {found[name]} already; a weight has one lambda")
                found[name] = strength_of(group)
    if STRENGTH not in found.values():
        raise UserError("model.groups: lambda itself is left without a weight; leave one group out")
    return found


def strength_notes(strengths: Mapping[str, str]) -> tuple[str, ...]:
    """Which weights have a lambda of their own, a line each."""
    own = [name for name in dict.fromkeys(strengths.values()) if name != STRENGTH]
    return tuple(
        f"{each} is the strength on {', '.join(name for name, strength in strengths.items() if strength == each)}"
        for each in own
    )


def _weight(name: str, value: Tensor) -> bool:
    return value.ndim >= 2 and "bias" not in name.rpartition(".")[2]


def _owner(name: str) -> str:
    return name[: name.rfind(".") + 1]
