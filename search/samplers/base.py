"""What a sampler is: how Optuna's own is set up for conditional spaces and batches, and which spaces it can search."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class SpaceShape:
    """What a sampler has to know of a space: the parameters of each penalty, and which of all are continuous ranges."""

    parameters: Mapping[str, tuple[str, ...]]
    continuous: frozenset[str]

    @property
    def conditional(self) -> bool:
        """Whether the penalties differ in their parameters."""
        return len(set(self.parameters.values())) > 1


def takes_all(space: SpaceShape) -> str | None:
    """No space is refused."""
    return None


@dataclass(frozen=True)
class Sampler:
    """A sampler by its name in a study file.

    `make(seed, asked)` gives Optuna's sampler for the next batch when `asked` trials were asked before.
    `refusal(space)` says what it cannot search, and what to do; None where it can. `orders`: whether its draws depend
    on the order of the parameters in the first trial, which not every storage keeps, see `in_order`.
    """

    name: str
    make: Callable[[int, int], BaseSampler]
    refusal: Callable[[SpaceShape], str | None] = takes_all
    orders: bool = False


def in_order(sampler: BaseSampler, names: Sequence[str]) -> BaseSampler:
    """The sampler, which from now on meets the parameters in the order of `names`, whatever the storage's is."""
    infer = sampler.infer_relative_search_space

    def ordered(study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        found = infer(study, trial)
        return {name: found[name] for name in sorted(found, key=names.index)}

    sampler.infer_relative_search_space = ordered  # type: ignore[method-assign]
    return sampler


def batch_seed(seed: int, asked: int) -> int:
    """A seed for each batch, so that a study that was stopped between two batches goes on as it would have."""
    return int(np.random.SeedSequence([seed, asked]).generate_state(1)[0])


def needs_equal_parameters(name: str, space: SpaceShape) -> str | None:
    """The refusal of a sampler that knows no conditional spaces."""
    if not space.conditional:
        return None
    return (
        f'"{name}" would silently sample lambda at random, because the penalties {", ".join(space.parameters)} do not '
        'have the same parameters: use "tpe"'
    )
