"""Samplers: one file each, and this registry; pruners beside them. Imports core, and optuna when called."""

from collections.abc import Mapping

from search.samplers.base import Sampler, SpaceShape, in_order
from search.samplers.cmaes import CMAES
from search.samplers.gp import GP
from search.samplers.grid import GRID
from search.samplers.pruners import PRUNERS, make_pruner
from search.samplers.qmc import QMC
from search.samplers.random import RANDOM
from search.samplers.tpe import TPE
from search.samplers.within import within

SAMPLERS: Mapping[str, Sampler] = {
    sampler.name: sampler
    for sampler in (
        TPE,
        GRID,
        RANDOM,
        QMC,
        GP,
        CMAES,
    )
}

__all__ = ["PRUNERS", "SAMPLERS", "Sampler", "SpaceShape", "in_order", "make_pruner", "within"]
