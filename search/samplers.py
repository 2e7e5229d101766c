"""Optuna's samplers and pruners, set up for conditional spaces and batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

    from search.settings import Settings


def make_sampler(settings: Settings, asked: int) -> BaseSampler:
    """The sampler for the next batch, when `asked` trials have been asked before.

    Its seed depends on that number, so that a study that was stopped between two batches goes on as it would have.
    TPE samples the conditional space jointly (`group`) and spreads a batch (`constant_liar`); Optuna's default would
    sample lambda on its own as soon as `none` is among the penalties. A grid is asked by `SearchSpace.grid`.
    """
    from optuna import samplers

    search = settings.search
    seed = int(np.random.SeedSequence([search.seed, asked]).generate_state(1)[0])
    if search.sampler == "tpe":
        return samplers.TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True)
    if search.sampler == "qmc":
        # A quasi-random sequence has to be one and the same from batch to batch: no `asked` in its seed.
        return samplers.QMCSampler(seed=search.seed, scramble=True, warn_asynchronous_seeding=False)
    if search.sampler == "gp":
        return samplers.GPSampler(seed=seed)
    if search.sampler == "cmaes":
        return samplers.CmaEsSampler(seed=search.seed)
    return samplers.RandomSampler(seed=seed)


def make_pruner(settings: Settings) -> BasePruner:
    """The pruner; all but `wilcoxon` compare candidates epoch by epoch, `wilcoxon` replicate by replicate."""
    from optuna import pruners

    epochs = settings.training.epochs
    name = settings.search.pruner
    if name == "median":
        return pruners.MedianPruner(n_warmup_steps=epochs // 10)
    if name == "halving":
        return pruners.SuccessiveHalvingPruner()
    if name == "hyperband":
        return pruners.HyperbandPruner(max_resource=epochs)
    return pruners.WilcoxonPruner() if name == "wilcoxon" else pruners.NopPruner()
