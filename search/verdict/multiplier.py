"""The Gaussian multiplier bootstrap: what the largest of many correlated estimation errors looks like.

Each row's influence is multiplied by one standard normal number and summed: jointly normal errors with exactly the
estimated covariance, however strongly the candidates are correlated (Chernozhukov, Chetverikov, Kato 2013, Annals of
Statistics 41). The multipliers belong to the rows and are the same at every call: a verdict is a function of its data.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from search.core.arrays import Array, Flags, Index

if TYPE_CHECKING:
    from collections.abc import Callable

DRAWS = 2000
BLOCK = 1000
REACH = 4.0
AT_ONCE = 32  # candidates whose draws a processor's cache holds


@lru_cache(maxsize=4)
def multipliers(sample: int, block: int, size: int) -> Array:
    """Standard normal multipliers (size, DRAWS) of one block of the rows (sample 0) or of the replicates (1)."""
    return np.random.default_rng([sample, block]).standard_normal((size, DRAWS), dtype=np.float32)


def row_draws(*influences: Array) -> Array:
    """Draws (candidates, DRAWS) of the errors whose influences (candidates, rows or replicates) these are.

    In single precision: its rounding is far below what 2,000 draws can tell, and it halves the time.
    """
    total = np.zeros((len(influences[0]), DRAWS), dtype=np.float32)
    for sample, influence in enumerate(influences):
        for block, start in enumerate(range(0, influence.shape[1], BLOCK)):
            part = influence[:, start : start + BLOCK].astype(np.float32)
            total += part @ multipliers(sample, block, part.shape[1])
    return total


@dataclass(frozen=True, slots=True)
class Errors:
    """Standardised errors (draws(h) - base) / deviation(h): `draws` (candidates, DRAWS), `base` (DRAWS,)."""

    draws: Array
    base: Array
    deviation: Array

    def largest(self, shift: Array) -> Array:
        """The largest error(h) + shift(h) over all h, for each draw; -infinity where no candidate is within reach.

        `shift` (candidates,) is not above 0. A candidate that is shifted out of reach of the maximum is left out, and
        so is a difference that does not vary.
        """
        near = np.flatnonzero((shift > -REACH) & (self.deviation > 0))
        largest = np.full(self.base.shape, -np.inf, dtype=self.draws.dtype)
        for start in range(0, len(near), AT_ONCE):
            block = near[start : start + AT_ONCE]
            errors = self.draws[block]
            errors -= self.base
            errors /= self.deviation[block, None].astype(errors.dtype)
            errors += shift[block, None].astype(errors.dtype)
            np.maximum(largest, errors.max(axis=0), out=largest)
        return largest


def critical_value(errors: Errors, shift: Array, level: float) -> float:
    """The `level` quantile of the largest shifted error, at the least that of one normal error."""
    return max(float(ndtri(level)), quantile(errors.largest(shift), level))


def quantile(values: Array, level: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    place = int(np.ceil(level * len(values))) - 1
    return float(np.partition(values, place)[place])


def bonferroni(count: int, alpha: float) -> float:
    """The critical value that `count` normal errors, however correlated, exceed with probability alpha at most."""
    return float(ndtri(1 - alpha / count))


def t_critical(normal: float, dof: Array) -> Array:
    """The value that Student's t exceeds as often as a normal exceeds `normal`.

    The multiplier bootstrap takes the estimated standard errors for the true ones. With few rows they are not, and its
    critical values are too small; this is the correction that is exact for a single difference with normal errors.
    """
    if (dof == dof[0]).all():
        return np.full(dof.shape, stdtrit(dof[0], ndtr(normal)))
    return np.asarray(stdtrit(dof, ndtr(normal)))


def exceeds(statistic: Array, normal: float, dof_of: Callable[[Index], Array]) -> Flags:
    """Which statistics are above `t_critical` of their degrees of freedom; `normal` is not below 0.

    Student's value is never below the normal one, so `dof_of`, which takes long, is asked for few places alone.
    """
    found = statistic > normal
    places = np.flatnonzero(found)
    if len(places):
        found[places] = statistic[places] > t_critical(normal, dof_of(places))
    return found
