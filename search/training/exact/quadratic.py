"""Quadratics with a group penalty: Newton steps on the active set, and proximal points where these come to a halt."""

from __future__ import annotations

import torch
from torch import Tensor

from search.training.exact.active import Point, descend
from search.training.exact.homotopy import follow
from search.training.exact.problems import Problems
from search.training.exact.proximal import proximal_point

FIRST_SIGMA = 1e3  # the proximal step sigma, in units of 1 / (largest diagonal entry of Q)
LAST_SIGMA = 1e9
GROWTH = 10.0  # of sigma, from one proximal step to the next
RETREAT = 100.0  # by what sigma falls after a step that rounding errors spoilt


def minimize(problems: Problems, start: Tensor, tolerance: Tensor, steps: int) -> Tensor:
    """The minimisers (m, units, groups); dropped groups are exactly zero.

    A problem is done when its residual is within `tolerance` (m,), or after `steps` rounds of Newton steps: the first
    goes from `start`, with one unit the second from where the homotopy leads, each further one from a proximal point.
    """
    best = Point.at(problems, start.clone())
    unit = problems.unit_sigma()
    sigma, last = FIRST_SIGMA * unit, LAST_SIGMA * unit
    for turn in range(steps):
        left = (best.residual > tolerance).nonzero()[:, 0]
        if not len(left):
            break
        part, goal, here = problems.take(left), tolerance[left], best.take(left)
        if turn:
            walk = turn == 1 and part.linear.shape[1] == 1 and bool((part.group > 0).all())
            new = Point.at(
                part,
                follow(part, here.weight[:, 0], part.group[:, None])
                if walk
                else proximal_point(part, here.weight, sigma[left], goal),
            )
            sound = new.value <= here.value + here.noise
            here.put(sound.nonzero()[:, 0], new.take(sound))
            if not walk:
                sigma[left] = torch.where(sound, torch.minimum(sigma[left] * GROWTH, last[left]), sigma[left] / RETREAT)
        descend(part, here, goal)
        best.put(left, here)
    return best.weight
