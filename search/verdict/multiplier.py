"""The Gaussian multiplier bootstrap: what the largest of many correlated estimation errors looks like.

Each row's influence is multiplied by one standard normal number and summed: jointly normal errors with exactly the
estimated covariance, however strongly the candidates are correlated (Chernozhukov, Chetverikov, Kato 2013, Annals of
Statistics 41). The multipliers belong to the rows and are the same at every call: a verdict is a function of its data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from search.core.arrays import Array, Index

DRAWS = 2000
SINGLE = 1e-25, 1e30  # between these, single precision holds all that count of influences up to there
BLOCK = 1000
REACH = 4.0
ALIKE = 32  # candidates of a group
AT_ONCE = 4096  # draws of groups whose members a processor's cache holds


@lru_cache(maxsize=4)
def multipliers(sample: int, block: int, size: int) -> Array:
    """Standard normal multipliers (size, DRAWS) of one block of the rows (sample 0) or of the replicates (1)."""
    return np.random.default_rng([sample, block]).standard_normal((size, DRAWS), dtype=np.float32)


def row_multipliers(first: int, count: int) -> Iterator[tuple[slice, Array]]:
    """Multipliers of `count` rows from row `first` on, block by block: (which of them, (rows, DRAWS))."""
    start = 0
    while start < count:
        block, skipped = divmod(first + start, BLOCK)
        part = multipliers(0, block, min(BLOCK, skipped + count - start))[skipped:]
        yield slice(start, start + len(part)), part
        start += len(part)


def row_draws(*influences: Array) -> Array:
    """Draws (candidates, DRAWS) of the errors whose influences (candidates, rows or replicates) these are.

    In single precision: its rounding is far below what 2,000 draws can tell, and it halves the time. But numbers that
    it hardly has are drawn in double.
    """
    largest = max(float(max(each.max(initial=0.0), -each.min(initial=0.0))) for each in influences)
    kind: type[np.floating[Any]] = np.float32 if SINGLE[0] < largest < SINGLE[1] else np.float64
    total = np.zeros((len(influences[0]), DRAWS), dtype=kind)
    for sample, influence in enumerate(influences):
        for block, start in enumerate(range(0, influence.shape[1], BLOCK)):
            part = influence[:, start : start + BLOCK].astype(kind)
            total += part @ multipliers(sample, block, part.shape[1])
    return total


@dataclass(frozen=True, eq=False)
class Draws:
    """Draws (candidates, DRAWS) of the candidates' errors, and groups of candidates that err alike, see `alike`.

    What one draw is at the most for a group is then hardly more than for any of its members, and most groups need not
    be looked at one by one.
    """

    values: Array
    groups: Index

    @cached_property
    def by_group(self) -> Array:
        """The same draws, (DRAWS, groups, members)."""
        return np.ascontiguousarray(self.values.T)[:, self.groups]

    @cached_property
    def highest(self) -> Array:
        """The largest error of each group, (groups, DRAWS)."""
        return np.ascontiguousarray(self.by_group.max(axis=2).T)

    @cached_property
    def lowest(self) -> Array:
        """The smallest error of each group, (groups, DRAWS)."""
        return np.ascontiguousarray(self.by_group.min(axis=2).T)

    def raise_to_pairs(self, place: int, deviation: Array, found: Array) -> None:
        """Raises `found` (DRAWS,) to the largest difference between a member of one group and one of it or later ones.

        `deviation` (members, candidates) is what differences from the members are divided by; one without is left out.
        Pairs are looked at only in draws where both groups' ends are far enough apart, and then the member and the
        other group's ends.
        """
        groups = self.groups[place:]
        apart = np.where(deviation > 0, deviation, np.inf).astype(self.values.dtype)[:, groups]
        nearest = apart.min(axis=2)  # (members, groups)
        reach = np.maximum(self.highest[place:] - self.lowest[place], self.highest[place] - self.lowest[place:])
        hopeful = reach > found * nearest.min(axis=0)[:, None]
        for other in np.flatnonzero(hopeful.any(axis=1)):
            draws = np.flatnonzero(hopeful[other])
            own, theirs = self.by_group[draws, place], self.by_group[draws, place + other]
            ends = self.highest[place + other, draws, None] - own, own - self.lowest[place + other, draws, None]
            draw, member = np.nonzero(np.maximum(*ends) > found[draws, None] * nearest[:, other])
            errors = theirs[draw]
            errors -= own[draw, member, None]
            np.abs(errors, out=errors)
            errors /= apart[member, other]
            np.maximum.at(found, draws[draw], np.ascontiguousarray(errors.T).max(axis=0))


@dataclass(frozen=True, slots=True)
class Errors:
    """Standardised errors (draws(h) - base) / deviation(h): `base` (DRAWS,), `deviation` (candidates,)."""

    draws: Draws
    base: Array
    deviation: Array

    def largest(self, shift: Array, floor: float = 0.0, ceiling: float = np.inf, enough: int = DRAWS) -> Array:
        """The largest error(h) + shift(h) over all h, for each draw, as far as that is above `floor`; below it `floor`.

        `shift` (candidates,) is not above 0. A candidate that is shifted out of reach of the maximum is left out, and
        so is a difference that does not vary. What is above `ceiling` is not looked at again, and when more than
        `enough` draws are, nothing is: the others are then too low.
        """
        groups, kind = self.draws.groups, self.base.dtype
        own = self.deviation.astype(kind)
        near = (shift > -REACH) & (own > 0)
        deviation = np.where(near, own, np.inf)[groups]
        shifts = np.where(near, shift, -np.inf)[groups].astype(kind)
        least, most = deviation.min(axis=1), shifts.max(axis=1)
        high = self.draws.highest - self.base
        hopeful = high > ((floor - most) * least)[:, None]
        counts = np.count_nonzero(hopeful, axis=1)
        order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
        parts = np.cumsum(counts[order]) // AT_ONCE
        found = np.full(self.base.shape, floor, dtype=kind)
        for part in np.split(order, np.flatnonzero(np.diff(parts)) + 1):
            place, column = np.nonzero(hopeful[part])
            group = part[place]
            above = high[group, column] > (found[column] - most[group]) * least[group]
            above &= found[column] < ceiling
            group, column = group[above], column[above]
            errors = self.draws.by_group[column, group]
            errors -= self.base[column, None]
            errors /= deviation[group]
            errors += shifts[group]
            np.maximum.at(found, column, np.ascontiguousarray(errors.T).max(axis=0))  # faster than along short rows
            if np.count_nonzero(found > ceiling) > enough:
                break
        return found


def alike(sketch: Array, size: int = ALIKE) -> Index:
    """Groups (groups, at most `size`) of candidates that lie together, by some coordinates (candidates, coordinates).

    They are halved across where they differ most, again and again. A smaller group names its last one several times.
    """

    def halves(places: Index) -> list[Index]:
        if len(places) <= size:
            return [np.pad(places, (0, size - len(places)), mode="edge")]
        own = sketch[places]
        far = own[np.square(own - own[0]).sum(axis=1).argmax()]
        other = own[np.square(own - far).sum(axis=1).argmax()]
        order = places[np.argsort(own @ (other - far), kind="stable")]
        return halves(order[: len(order) // 2]) + halves(order[len(order) // 2 :])

    return np.array(halves(np.arange(len(sketch))))


def critical_value(errors: Errors, shift: Array, level: float, between: tuple[float, float] = (0.0, np.inf)) -> float:
    """The `level` quantile of the largest shifted error, at the least that of one normal error.

    As far as it lies `between` two values; otherwise some value on the same side of them.
    """
    least, (low, high) = float(ndtri(level)), between
    floor = max(least, float(np.nextafter(np.float32(low), np.float32(-1))))
    return max(floor, quantile(errors.largest(shift, floor, high, DRAWS - _place(level, DRAWS) - 1), level))


def quantile(values: Array, level: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    place = _place(level, len(values))
    return float(np.partition(values, place)[place])


def _place(level: float, count: int) -> int:
    return int(np.ceil(level * count)) - 1


def bonferroni(count: int, alpha: float) -> float:
    """The critical value that `count` normal errors, however correlated, exceed with probability alpha at most."""
    return float(ndtri(1 - alpha / count))


def t_critical(normal: float, dof: Array) -> Array:
    """The value that Student's t exceeds as often as a normal exceeds `normal`.

    The multiplier bootstrap takes the estimated standard errors for the true ones. With few rows they are not, and its
    critical values are too small; this is the correction that is exact for a single difference with normal errors.
    """
    if len(dof) and (dof == dof[0]).all():
        return np.full(dof.shape, stdtrit(dof[0], ndtr(normal)))
    return np.asarray(stdtrit(dof, ndtr(normal)))


def normal_value(statistic: Array, dof: Array) -> Array:
    """The value that a normal exceeds as often as Student's t exceeds `statistic`: the inverse of `t_critical`."""
    return np.asarray(-ndtri(stdtr(dof, -statistic)))
