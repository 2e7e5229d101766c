"""Penalties: one file each, and this registry. Imports nothing of ours, and neither torch nor optuna."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from search.penalties.base import ConvexParts, Parameter, Penalty, Prior, Style
from search.penalties.elastic_net import ElasticNet
from search.penalties.group_lasso import GroupLasso
from search.penalties.l1 import L1
from search.penalties.l2 import L2
from search.penalties.mcp import Mcp
from search.penalties.none import NoPenalty
from search.penalties.sparse_group_lasso import SparseGroupLasso

if TYPE_CHECKING:
    from torch import Tensor

PENALTIES: Mapping[str, type[Penalty]] = {
    kind.name: kind
    for kind in (
        NoPenalty,
        L1,
        L2,
        ElasticNet,
        GroupLasso,
        Mcp,
        SparseGroupLasso,
    )
}
PARAMETERS: Mapping[str, Parameter] = {each.name: each for kind in PENALTIES.values() for each in kind.parameters}


def make_penalty(name: str, parameters: "Mapping[str, float | Tensor] | None" = None) -> Penalty:
    """The penalty of that name, with its own among these parameters (numbers, or tensors of one for each fit).

    Raises `ValueError` for a name that is not registered, and where a parameter is missing.

    >>> make_penalty("elastic_net", {"l1_ratio": 0.5})
    ElasticNet(l1_ratio=0.5)
    """
    if name not in PENALTIES:
        raise ValueError(f"no penalty {name!r}; there are: {', '.join(PENALTIES)}")
    kind, given = PENALTIES[name], parameters or {}
    missing = [each.name for each in kind.parameters if each.name not in given]
    if missing:
        raise ValueError(f"{name} needs {', '.join(missing)}")
    return kind(**{each.name: given[each.name] for each in kind.parameters})


def strengths_of(candidate: Mapping[str, Any]) -> tuple[float, ...]:
    """Numbers of which none is smaller for a candidate of the same penalty that penalises at least as much.

    Of a penalty that is not registered, or lacks a parameter, the strength is all that is known.

    >>> strengths_of({"penalty": "elastic_net", "lambda": 2.0, "l1_ratio": 0.25})
    (0.5, 0.0, 1.5)
    """
    name, strength = str(candidate["penalty"]), float(candidate["lambda"])
    if name not in PENALTIES or any(each.name not in candidate for each in PENALTIES[name].parameters):
        return (strength,)
    return make_penalty(name, candidate).strengths(strength)


__all__ = [
    "PARAMETERS",
    "PENALTIES",
    "ConvexParts",
    "Parameter",
    "Penalty",
    "Prior",
    "Style",
    "make_penalty",
    "strengths_of",
]
