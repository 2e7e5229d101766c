"""Name to penalty: the one list that the contract tests and the training walk through."""

from __future__ import annotations

from torch import Tensor

from search.penalties.base import Penalty
from search.penalties.elementwise import L1, L2, ElasticNet, NoPenalty
from search.penalties.group import GroupLasso

PENALTY_TYPES: dict[str, type[Penalty]] = {kind.name: kind for kind in (NoPenalty, L1, L2, ElasticNet, GroupLasso)}


def make_penalty(name: str, l1_ratio: float | Tensor | None = None) -> Penalty:
    """The penalty of that name; `l1_ratio` (a number, or one per fit) belongs to elastic_net alone."""
    if name == ElasticNet.name:
        if l1_ratio is None:
            raise ValueError("elastic_net needs an l1_ratio")
        return ElasticNet(l1_ratio)
    return PENALTY_TYPES[name]()
