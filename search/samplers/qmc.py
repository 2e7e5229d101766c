"""Quasi-random sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.samplers.base import Sampler, SpaceShape, needs_equal_parameters

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


def make(seed: int, asked: int) -> BaseSampler:
    """One scrambled sequence: it has to be the same from batch to batch, so its seed does not depend on `asked`."""
    from optuna.samplers import QMCSampler

    return QMCSampler(seed=seed, scramble=True, warn_asynchronous_seeding=False)


def refusal(space: SpaceShape) -> str | None:
    """Knows no conditional space."""
    return needs_equal_parameters("qmc", space)


QMC = Sampler("qmc", make, refusal, orders=True)
