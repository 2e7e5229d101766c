"""Learning curves: the losses of a stack's fits after every epoch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from search.core.arrays import Array
from search.training.evaluate import by_candidate
from search.training.stack import Stack


class Curve:
    """The losses of a stack's fits after every epoch; its candidates are remembered by the columns they began with."""

    def __init__(self, stack: Stack, columns: int, epochs: int) -> None:
        self.stack = stack
        self.columns = list(range(columns))
        self.values = np.full((2, columns, len(stack.problem.positions), epochs), np.nan)

    def note(self, epoch: int) -> None:
        """Note training and validation loss after an epoch, counted from 1."""
        means = self.stack.losses()
        self.stack.note_best(means[1], epoch)
        for values, mean in zip(self.values, means, strict=True):
            values[self.columns, :, epoch - 1] = by_candidate(mean)

    def until(self, places: Sequence[int], epoch: int) -> Array:
        """The curves (2, candidates, replicates, epochs) of some of the present candidates."""
        return self.values[:, [self.columns[place] for place in places], :, :epoch]

    def keep(self, places: Sequence[int]) -> None:
        """Let all but these leave."""
        self.columns = [self.columns[place] for place in places]
