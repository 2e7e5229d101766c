"""Independent draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.samplers.base import Sampler, batch_seed

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


def make(seed: int, asked: int) -> BaseSampler:
    """Optuna's random sampler."""
    from optuna.samplers import RandomSampler

    return RandomSampler(seed=batch_seed(seed, asked))


RANDOM = Sampler("random", make)
