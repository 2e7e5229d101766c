"""Tree-structured Parzen estimator, the default."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from search.core.arrays import Array, Index
from search.samplers.base import Sampler, batch_seed

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

    Space = dict[str, BaseDistribution]


class Observed(NamedTuple):
    """Parameters of some trials as columns (n,), and the trials' numbers (n,)."""

    numbers: Index
    columns: dict[str, Array]

    def joined(self, other: Observed) -> Observed:
        """All of both, in the order of the trials."""
        numbers = np.concatenate([self.numbers, other.numbers])
        order = np.argsort(numbers)
        columns = {name: np.concatenate([each, other.columns[name]])[order] for name, each in self.columns.items()}
        return Observed(numbers[order], columns)


def make(seed: int, asked: int) -> BaseSampler:
    """Samples the conditional space jointly (`group`) and spreads a batch (`constant_liar`).

    Optuna's default would sample lambda on its own as soon as `none` is among the penalties.

    Optuna walks through all trials several times for each that is asked. While a batch is asked only running trials are
    added, so those that have ended are read and sorted once. The candidates are Optuna's, to the bit.
    """
    from optuna.samplers import TPESampler
    from optuna.samplers._tpe.sampler import _split_trials, default_gamma
    from optuna.trial import TrialState

    class Batched(TPESampler):
        """Reads the ended trials again only when another has ended."""

        def __init__(self) -> None:
            super().__init__(seed=batch_seed(seed, asked), multivariate=True, group=True, constant_liar=True)
            self._ended = -1

        def before_trial(self, study: Study, trial: FrozenTrial) -> None:
            super().before_trial(study, trial)
            every = study.get_trials(deepcopy=False)
            ended = [each for each in every if each.state in (TrialState.COMPLETE, TrialState.PRUNED)]
            if len(ended) != self._ended:
                self._ended = len(ended)
                self._sides = _split_trials(study, ended, default_gamma(len(ended)))
                self._densities: dict[tuple[Any, ...], tuple[Any, Observed]] = {}
                self._whole = super().infer_relative_search_space(study, trial)
            self._running = [each for each in every if each.state == TrialState.RUNNING and each.number != trial.number]

        def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> Space:
            return self._whole

        def _sample(self, study: Study, trial: FrozenTrial, search_space: Space) -> dict[str, Any]:
            key = tuple(search_space.items())
            if key not in self._densities:
                below, above = (self._observed(study, side, search_space) for side in self._sides)
                self._densities[key] = self._density(below, search_space), above
            below, ended = self._densities[key]
            above = self._density(ended.joined(self._observed(study, self._running, search_space)), search_space)
            drawn = below.sample(self._rng.rng, self._n_ei_candidates)
            best = self._compare(drawn, self._compute_acquisition_func(drawn, below, above))
            return {name: each.to_external_repr(best[name]) for name, each in search_space.items()}

        def _observed(self, study: Study, trials: Sequence[FrozenTrial], search_space: Space) -> Observed:
            having = [each for each in trials if search_space.keys() <= self._get_params(each, study).keys()]
            numbers = np.array([each.number for each in having], dtype=np.intp)
            return Observed(numbers, self._get_internal_repr(having, search_space, study))

        def _density(self, observed: Observed, search_space: Space) -> Any:  # noqa: ANN401 - Optuna's own
            return self._parzen_estimator_cls(observed.columns, search_space, self._parzen_estimator_parameters)

    return Batched()


TPE = Sampler("tpe", make)
