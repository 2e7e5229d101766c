"""Covariance matrix adaptation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.samplers.base import Sampler, SpaceShape

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


def make(seed: int, asked: int) -> BaseSampler:
    """Optuna's CMA-ES, which keeps its own state from batch to batch."""
    from optuna.samplers import CmaEsSampler

    return CmaEsSampler(seed=seed)


def refusal(space: SpaceShape) -> str | None:
    """Needs two or more continuous parameters and no others."""
    parameters = next(iter(space.parameters.values()))
    if len(space.parameters) == 1 and len(parameters) > 1 and space.continuous.issuperset(parameters):
        return None
    return (
        '"cmaes" needs one penalty with two or more continuous parameters and no others, such as penalty = '
        '["elastic_net"] with ranges for lambda and l1_ratio, or ["l2"] with ranges for lambda and lr: else use "tpe"'
    )


CMAES = Sampler("cmaes", make, refusal)
