"""Any sampler, with a range of one parameter that depends on the choice of another."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

Ends = tuple[float, float]


def within(sampler: BaseSampler, name: str, by: str, ranges: Mapping[Any, Ends], whole: Ends) -> BaseSampler:
    """The sampler, but the logarithmic parameter `name` stays in the range of the trial's choice of `by`.

    Optuna goes on to see one distribution over the `whole` range, because most samplers sample a parameter jointly with
    others only where its distribution never changes. A draw outside of the choice's own range is folded into it.
    """
    from optuna.samplers import BaseSampler

    class Within(BaseSampler):
        """Hands everything on, but for the folding."""

        def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
            return sampler.infer_relative_search_space(study, trial)

        def sample_relative(
            self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
        ) -> dict[str, Any]:
            values = sampler.sample_relative(study, trial, search_space)
            if name in values and by in values:
                values[name] = folded(values[name], ranges.get(values[by], whole), whole)
            elif name in values:  # for `sample_independent`, when the choice is made
                del values[name]
            return values

        def sample_independent(
            self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
        ) -> Any:  # noqa: ANN401 - as Optuna has it
            value = sampler.sample_independent(study, trial, param_name, param_distribution)
            return folded(value, ranges.get(trial.params.get(by), whole), whole) if param_name == name else value

        def before_trial(self, study: Study, trial: FrozenTrial) -> None:
            sampler.before_trial(study, trial)

        def after_trial(self, study: Study, trial: FrozenTrial, state: Any, values: Any) -> None:  # noqa: ANN401
            sampler.after_trial(study, trial, state, values)

        def reseed_rng(self) -> None:
            sampler.reseed_rng()

    return Within()


def folded(value: float, own: Ends, whole: Ends) -> float:
    """A value of the whole range in the own one: itself inside, else reflected at the nearer end.

    All that lies beyond an end is stretched over the own range, by the logarithm: what was evenly spread outside is
    evenly spread inside, and what was close to the end stays close to it.

    >>> folded(0.5, (0.1, 1), (0.01, 100)), round(folded(10, (0.1, 1), (0.01, 100)), 6)
    (0.5, 0.316228)
    """
    low, high = own
    if low <= value <= high:
        return value
    end, other, limit = (high, low, whole[1]) if value > high else (low, high, whole[0])
    share = math.log(value / end) / math.log(limit / end)
    return min(max(end * math.pow(other / end, share), low), high)
