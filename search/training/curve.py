"""Learning curves: the losses of a stack's fits, after the epochs that a curve shows or that somebody looks at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from search.core.arrays import Array
from search.training.evaluate import by_candidate
from search.training.stack import Stack

DIGITS: Final = 3


def is_shown(epoch: int) -> bool:
    """Whether a curve has a point at this epoch, counted from 1: 1 to 8, 10, 12, 14, 16, 20, ..., 4 in each doubling.

    Losses of all rows after every epoch would take as long as a third of a network's training. Which epochs these are
    does not depend on how long anybody trains, so a fit has the same curve in any company.
    """
    return epoch % (1 << max(0, epoch.bit_length() - DIGITS)) == 0


class Curve:
    """The losses of a stack's fits after epochs, NaN after those that were not looked at.

    Its candidates are remembered by the columns they began with.
    """

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
