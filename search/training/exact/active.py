"""Newton's method on the active set: it ends after few steps, exactly, where the start was near.

The active groups are those that are not zero, and those that a proximal step would make so; on them, with the signs (or
directions) that this gives, the objective is smooth, and its Newton step is taken. What the step carries through zero
stays there. For l1 this is the primal-dual active set method (Hintermueller, Ito, Kunisch 2002; along a path of lambdas
Fan, Jiao, Lu 2014), here kept only where the objective falls, else cut by a line search.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from search.penalties.base import per_fit
from search.penalties.elastic_net import soft_threshold
from search.penalties.group_lasso import group_norms
from search.training.exact.newton import System
from search.training.exact.problems import ROUNDING, Problems

STEPS = 30
BISECTIONS = 16
CONTRACTION = 0.2  # what a step must multiply the residual by, or less, for the next one to have the same system


@dataclass(frozen=True, eq=False)
class Point:
    """Weights (m, units, groups), (Q + ridge I) w, the residual (m,), the objective (m,) and its rounding (m,)."""

    weight: Tensor
    product: Tensor
    residual: Tensor
    value: Tensor
    noise: Tensor

    @classmethod
    def at(cls, problems: Problems, weight: Tensor) -> Point:
        """The point with these weights."""
        product = problems.product(weight)
        value, size = problems.objective(weight, product)
        return cls(weight, product, problems.residual(weight, product), value, ROUNDING * size)

    def take(self, which: Tensor) -> Point:
        """The values of some of the problems."""
        return Point(*(each[which] for each in vars(self).values()))

    def put(self, which: Tensor, other: Point) -> None:
        """Overwrite those of some of the problems."""
        for mine, new in zip(vars(self).values(), vars(other).values(), strict=True):
            mine[which] = new

    def beats(self, other: Point) -> Tensor:
        """Whether this is the better one, (m,): clearly by the objective, or by the residual where that cannot tell.

        The residual alone is no measure of progress: it can fall along a flat direction, away from the optimum.
        """
        change = self.value - other.value
        return (change < -other.noise) | ((change <= other.noise) & (self.residual < other.residual))


def descend(problems: Problems, best: Point, tolerance: Tensor) -> None:
    """Newton steps from a point while they lower the objective; what they find overwrites it.

    Where a system is dear it serves for as long as its steps multiply the residuals by no more than CONTRACTION.
    """
    going, known = best.residual > tolerance, None
    for _ in range(STEPS):
        left = going.nonzero()[:, 0]
        if not len(left):
            break
        part, old = problems.take(left), best.take(left)
        system, direction, cut = newton_step(part, old, known)
        new = Point.at(part, cut)
        better = new.beats(old)
        missed = (~better).nonzero()[:, 0]
        if len(missed) and system is not known and old.weight.shape[1] > 1:
            short = line_search(part.take(missed), old.take(missed), direction[missed])
            new.put(missed, proximal_step(part.take(missed), short))
            better = new.beats(old)
        best.put(left[better], new.take(better))
        going[left] = (better | (system is known)) & (best.residual[left] > tolerance[left])
        rest = going[left]
        near = better & (new.residual <= CONTRACTION * old.residual)
        known = system.take(rest) if system.dear and bool(near[rest].all()) else None


def proximal_step(problems: Problems, point: Point) -> Point:
    """A forward-backward step in the metric of Q's absolute row sums, which never raises the objective.

    It turns, or drops, groups so near zero that their direction is an accident: these stop the line search.
    """
    length = 1 / problems.majorant()
    return Point.at(problems, problems.prox(point.weight - length * (point.product - problems.linear), length))


def newton_step(problems: Problems, point: Point, known: System | None) -> tuple[System, Tensor, Tensor]:
    """The system, the direction (m, units, groups) it gives, and w after it without what went through zero.

    A `known` system serves where its weights are the active ones.
    """
    weight, slope = point.weight, point.product - problems.linear
    length = problems.diagonal()
    length = torch.where(length > 0, 1 / length, 0.0)
    pulled = problems.prox(weight - length * slope, length)
    ahead = torch.where(group_norms(weight) > 0, weight, pulled)
    if problems.l1 is not None:
        alone = soft_threshold(-length * slope, length * per_fit(problems.l1))
        ahead = torch.where((weight == 0) & (ahead != 0), alone, ahead)
    system = known if known is not None and known.active.equal(ahead != 0) else System.of(problems, ahead)
    direction = system.direction(problems, slope, ahead)
    target = weight + direction
    through = ((ahead * target).sum(1, keepdim=True) <= 0) & (per_fit(problems.group) > 0)
    if problems.l1 is not None:
        through = through | ((ahead * target <= 0) & (per_fit(problems.l1) > 0))
    return system, direction, torch.where(through, 0.0, target)


def line_search(problems: Problems, point: Point, direction: Tensor) -> Point:
    """The point with about the lowest objective between w and w + direction: its derivative there is bisected."""
    slope = ((point.product - problems.linear) * direction).sum((1, 2))
    bend = (problems.product(direction) * direction).sum((1, 2))
    bound = problems.group * direction.shape[1] ** 0.5

    def derivative(size: Tensor) -> Tensor:
        there = point.weight + per_fit(size) * direction
        norm = group_norms(there)
        along = (there * direction / torch.where(norm > 0, norm, 1.0)).sum((1, 2))
        rise: Tensor = slope + size * bend + bound * along
        return rise if problems.l1 is None else rise + problems.l1 * (there.sign() * direction).sum((1, 2))

    low, high = torch.zeros_like(slope), torch.ones_like(slope)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        up = derivative(middle) > 0
        low, high = torch.where(up, low, middle), torch.where(up, middle, high)
    return Point.at(problems, point.weight + per_fit(low) * direction)
