"""The columns of stacks: which candidates train side by side, and when their models are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from search.core.arrays import Array
from search.core.candidate import Candidate
from search.settings import SETTINGS
from search.training.regulariser import by_penalty

if TYPE_CHECKING:
    from search.settings import Settings


@dataclass(frozen=True)
class Column:
    """A column of a stack: the candidate that is trained, and when whose models are read.

    `stops` lists (epochs, index of a candidate in the batch), in ascending order. Candidates that differ in nothing but
    their number of epochs share one column: the longest training passes through the shorter ones.
    """

    candidate: Candidate
    stops: tuple[tuple[int, int], ...]

    @property
    def epochs(self) -> int:
        """Epochs of the whole training."""
        return self.stops[-1][0]

    @property
    def indices(self) -> list[int]:
        """The indices of all candidates that this column serves."""
        return [index for _, index in self.stops]

    def without(self, leaving: set[int]) -> Column | None:
        """The column without some of its candidates; None where none is left."""
        left = tuple(stop for stop in self.stops if stop[1] not in leaving)
        return replace(self, stops=left) if left else None


def shapes(settings: Settings, candidates: Sequence[Candidate]) -> list[list[int]]:
    """Indices of the candidates that can share a stack: those with equal settings of all that shapes one."""
    shaping = [name for name, each in SETTINGS.items() if not each.searched.stacked]
    groups: dict[tuple[object, ...], list[int]] = {}
    for index, candidate in enumerate(candidates):
        key = tuple(settings.setting(name, candidate) for name in shaping)
        groups.setdefault(key, []).append(index)
    return list(groups.values())


def columns(settings: Settings, candidates: Sequence[Candidate], indices: Sequence[int]) -> list[Column]:
    """The columns that the candidates with these indices need, ordered by penalty."""
    shared = settings.training.schedule == "constant"  # else the learning rates depend on where the training ends
    groups: dict[Candidate, list[tuple[int, int]]] = {}
    for index in indices:
        candidate = candidates[index]
        key = candidate.replace(epochs=None) if shared else candidate
        groups.setdefault(key, []).append((int(settings.setting("epochs", candidate)), index))
    found = [Column(candidates[max(stops)[1]], tuple(sorted(stops))) for stops in groups.values()]
    return [found[place] for place in by_penalty([column.candidate for column in found])]


def remaining(stacked: Sequence[Column], leaving: set[int]) -> list[Column]:
    """The columns without some of their candidates."""
    return [column for each in stacked if (column := each.without(leaving)) is not None]


def refit_columns(stacked: Sequence[Column], epochs: Mapping[int, Sequence[Array]]) -> list[Column]:
    """The columns of refits after early stopping, which have no validation rows to stop by.

    Each trains for as long as its candidate's replicates did on average; `epochs` holds, by candidate, their best ones.
    """
    served = [(column.candidate, index) for column in stacked for index in column.indices]
    lengths = {index: max(1, round(float(np.mean(np.concatenate(epochs[index]))))) for _, index in served}
    return [Column(candidate, ((lengths[index], index),)) for candidate, index in served]
