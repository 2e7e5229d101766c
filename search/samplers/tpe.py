"""Tree-structured Parzen estimator, the default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.samplers.base import Sampler, batch_seed

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


def make(seed: int, asked: int) -> BaseSampler:
    """Samples the conditional space jointly (`group`) and spreads a batch (`constant_liar`).

    Optuna's default would sample lambda on its own as soon as `none` is among the penalties.
    """
    from optuna.samplers import TPESampler

    return TPESampler(seed=batch_seed(seed, asked), multivariate=True, group=True, constant_liar=True)


TPE = Sampler("tpe", make)
