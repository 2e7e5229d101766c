"""Gaussian process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.samplers.base import Sampler, SpaceShape, batch_seed, needs_equal_parameters

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


def make(seed: int, asked: int) -> BaseSampler:
    """Optuna's Gaussian process sampler."""
    from optuna.samplers import GPSampler

    return GPSampler(seed=batch_seed(seed, asked))


def refusal(space: SpaceShape) -> str | None:
    """Knows no conditional space."""
    return needs_equal_parameters("gp", space)


GP = Sampler("gp", make, refusal)
