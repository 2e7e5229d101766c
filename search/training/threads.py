"""How many threads a training computes with: one, where its products are small.

Threads wait for each other at the end of every product. Where another process keeps a core busy, that wait is a turn of
the system's scheduler, some milliseconds, however small the product: two threads then take six times as long as one
(tests/benchmarks/README.md). So torch's threads are for steps that are long beside such a turn. The number depends on
sizes alone, and not on how busy the machine is: the order of floating-point sums depends on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from math import prod
from typing import Final

import torch

from search.training.problem import Problem

LONG: Final = 1e9  # operations of a step: ten milliseconds or more of one core


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Let torch compute with so many threads within the block; None: as it is set."""
    before = torch.get_num_threads()
    try:
        if count is not None:
            torch.set_num_threads(count)
        yield
    finally:
        torch.set_num_threads(before)


def enough_threads(problems: Sequence[Problem], fits: int) -> AbstractContextManager[None]:
    """One thread within the block, unless a step of so many fits is long."""
    short = max(operations(each, fits) for each in problems) < LONG
    return threads(1 if short else None)


def operations(problem: Problem, fits: int) -> float:
    """About how many floating-point operations a step takes, of so many fits together.

    A step of an exact solver is a product with the matrix of second derivatives, which classes have anew each time.
    """
    parameters = sum(each.numel() for each in problem.model.initial(0)[0].values())
    rows = len(problem.train)
    if problem.settings.training.optimizer == "exact":
        return 2.0 * fits * parameters**2 * (1 if problem.kind == "regression" else rows)
    places = prod(problem.train.x.shape[3:])  # of a picture, where a weight is used at each
    return 6.0 * fits * parameters * places * (problem.batch_size or rows)
