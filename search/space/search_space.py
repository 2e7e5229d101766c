"""The search space of a study: which candidates there are, how Optuna is asked for one, and what a grid holds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from search.core.candidate import PENALTY, STRENGTH, Candidate
from search.core.errors import UserError
from search.penalties import PARAMETERS
from search.samplers import within
from search.settings import SETTINGS, Range, strength_of
from search.space.auto_range import auto_ranges
from search.space.dimension import Dimension

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.samplers import BaseSampler

    from search.data.task import Task
    from search.settings import Settings

POINTS_IN_A_GRID = 3  # of every range beside lambda's
MOST_IN_A_GRID = 10**6


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """Penalties with their own parameters, lambda, and the settings that are searched, all resolved to numbers.

    `lambdas` are the strengths of groups of weights. `ranges` are those of penalties whose range of lambda is a part of
    the whole one in `lambda_`.
    """

    penalties: tuple[str, ...]
    lambda_: Dimension
    own: Mapping[str, tuple[Dimension, ...]]
    settings: tuple[Dimension, ...]
    lambdas: tuple[Dimension, ...] = ()
    ranges: Mapping[str, Range] = field(default_factory=dict)

    @classmethod
    def from_settings(cls, settings: Settings, task: Task) -> SearchSpace:
        """The study file's space; `lambda = "auto"` takes its ranges from the training rows, see `auto_ranges`."""
        space = settings.space
        ranges = auto_ranges(task, settings) if space.lambda_ == "auto" else {}
        over = _whole(ranges.values()) if space.lambda_ == "auto" else space.lambda_
        own = {
            penalty: tuple(
                Dimension(name, values, PARAMETERS[name].log) for name, values in space.parameters_of(penalty).items()
            )
            for penalty in space.penalty
        }
        searched = tuple(Dimension.from_setting(SETTINGS[name], each) for name, each in space.searched().items())
        lambdas = tuple(Dimension(strength_of(group), values, log=True) for group, values in space.lambdas.items())
        return cls(tuple(space.penalty), Dimension(STRENGTH, over, log=True), own, searched, lambdas, ranges)

    def strength(self, penalty: str) -> Dimension:
        """The penalty's own range of lambda."""
        return replace(self.lambda_, over=self.ranges.get(penalty, self.lambda_.over))

    def dimensions(self, penalty: str) -> tuple[Dimension, ...]:
        """All that a candidate with this penalty has, in order."""
        strength = () if penalty == "none" else (self.strength(penalty),)
        return (*strength, *self._others(penalty))

    @property
    def names(self) -> list[str]:
        """All parameters, in the order in which `suggest` meets them first."""
        every = (each.name for penalty in self.penalties for each in self.dimensions(penalty))
        return list(dict.fromkeys((PENALTY, *every)))

    def _others(self, penalty: str) -> tuple[Dimension, ...]:
        lambdas = () if penalty == "none" else self.lambdas
        return (*lambdas, *self.own[penalty], *self.settings)

    def suggest(self, trial: Trial) -> Candidate:
        """One candidate: the penalty first, then what this penalty has (define by run).

        Optuna always sees the whole range of lambda; the sampler of `sampler_within` keeps to the penalty's own.
        """
        penalty = trial.suggest_categorical(PENALTY, self.penalties)
        values = {
            each.name: (self.lambda_ if each.name == STRENGTH else each).suggest(trial)
            for each in self.dimensions(penalty)
        }
        return Candidate.from_params({"penalty": penalty, **values})

    def sampler_within(self, sampler: BaseSampler) -> BaseSampler:
        """The sampler, kept to the penalties' own ranges of lambda."""
        ranges = {penalty: (over.low, over.high) for penalty, over in self.ranges.items()}
        if all(ends == self.lambda_.ends for ends in ranges.values()):
            return sampler
        return within(sampler, STRENGTH, PENALTY, ranges, self.lambda_.ends)

    def holds(self, candidate: Candidate) -> bool:
        """Whether a candidate is of this space, with all its parameters."""
        if candidate.penalty not in self.penalties:
            return False
        expected = self.dimensions(candidate.penalty)
        named = set(candidate.params()) - {"penalty"} == {each.name for each in expected}
        return named and all(each.holds(candidate[each.name]) for each in expected)

    def grid(self, count: int) -> list[Candidate]:
        """The candidates of a grid: `count` of them, evenly over a range of lambda; all of them for lists of values.

        Every penalty gets the same share. Other parameters are crossed with lambda, with three points of a range.
        Neighbours differ in the number of epochs first, as one training serves them all. `UserError` where listed
        values make more than `count`.
        """
        strengths = [penalty for penalty in self.penalties if penalty != "none"]
        candidates = self._crossed("none", 0) if "none" in self.penalties else []
        shares = np.array_split(np.arange(max(0, count - len(candidates))), max(1, len(strengths)))
        for penalty, share in zip(strengths, shares, strict=False):
            candidates += self._crossed(penalty, len(share))
        if len(candidates) > count:
            raise UserError(
                f"search.trials: the grid of all listed values has {len(candidates)} candidates, found {count}; "
                f"write trials = {len(candidates)}"
            )
        return candidates

    def _crossed(self, penalty: str, count: int) -> list[Candidate]:
        """One penalty's part of a grid: about `count` candidates."""
        points = self._points(self._others(penalty), count)
        if (combinations := math.prod(map(len, points.values()))) > MOST_IN_A_GRID:
            raise UserError(
                f"search.sampler: a grid of {combinations:,} combinations of the values in [space], valid are at most "
                f"{MOST_IN_A_GRID:,}; list fewer values, or use another sampler"
            )
        lengths = points.pop("epochs", [None])
        combined = [dict(zip(points, values, strict=True)) for values in product(*points.values())]
        return [
            Candidate(penalty, strength, **values, epochs=length)
            for values, share in zip(combined, np.array_split(np.arange(count), len(combined)), strict=True)
            for strength in self._strengths(penalty, len(share) // len(lengths))
            for length in lengths
        ]

    def _strengths(self, penalty: str, count: int) -> list[float]:
        return [0.0] if penalty == "none" else [float(value) for value in self.strength(penalty).points(count)]

    def _points(self, dimensions: tuple[Dimension, ...], count: int) -> dict[str, list[Any]]:
        """Three inner points of every range, or its middle where the grid is too small for more."""
        ranges = sum(not isinstance(each.over, tuple) for each in dimensions)
        points = POINTS_IN_A_GRID if count >= 2 * POINTS_IN_A_GRID ** max(1, ranges) else 1
        return {each.name: each.inner_points(points) for each in dimensions}


def _whole(ranges: Iterable[Range]) -> Range:
    """The range that covers all; of no penalty with a strength, any."""
    every = list(ranges) or [Range(low=1.0, high=1.0 + 1e-9)]
    return Range(low=min(each.low for each in every), high=max(each.high for each in every))
