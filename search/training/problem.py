"""What the fits of a stack have in common: the rows of their splits, the model, the settings that do not vary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from search.data.task import Rows
from search.metrics import Kind
from search.models import Model

if TYPE_CHECKING:
    from search.settings import Settings


@dataclass(frozen=True, eq=False)
class Part:
    """The same part (training, validation or test) of several splits with equal shapes.

    `x` (splits, rows, features), `y` (splits, rows, ...); `place` (splits, rows) on the loss axis, on the CPU;
    `weight` (splits, rows) as in `Rows`.
    """

    x: Tensor
    y: Tensor
    place: Tensor
    weight: Tensor | None = None

    @classmethod
    def from_rows(cls, rows: Sequence[Rows], device: torch.device, dtype: torch.dtype) -> Part:
        """Stack the parts; targets that are numbers take the dtype too."""
        y = torch.stack([part.y for part in rows])
        weights = [part.weight for part in rows if part.weight is not None]
        return cls(
            torch.stack([part.x for part in rows]).to(device, dtype),
            y.to(device, dtype if y.is_floating_point() else y.dtype),
            torch.stack([part.place for part in rows]),
            torch.stack(weights).to(device, dtype) if weights else None,
        )

    def __len__(self) -> int:
        return int(self.x.shape[1])

    def splits(self, used: Tensor) -> Part:
        """The splits that a piece uses: neighbours, as replicates are ordered by split, so that views will do."""
        own = slice(int(used[0]), int(used[-1]) + 1)
        weight = None if self.weight is None else self.weight[own]
        return Part(self.x[own], self.y[own], self.place[own], weight)

    def first_rows(self, count: int) -> Part:
        """The first `count` rows, or all for 0."""
        rows = slice(count or None)
        weight = None if self.weight is None else self.weight[:, rows]
        return Part(self.x[:, rows], self.y[:, rows], self.place[:, rows], weight)


@dataclass(frozen=True, eq=False)
class Problem:
    """Replicates of equal shape: the data of their splits, which split each uses, and how they are trained.

    `split` (replicates,) indexes the parts' first axis; `seeds` (replicates,) int64; `positions` are the replicates'
    indices among all fits of a candidate. `batch_size` rows make a minibatch (0: all).
    """

    kind: Kind
    outputs: int
    metric: str
    train: Part
    validation: Part
    test: Part
    split: Tensor
    seeds: Tensor
    positions: tuple[int, ...]
    model: Model
    batch_size: int
    settings: Settings

    def pieces(self, count: int) -> Iterator[Problem]:
        """The same replicates in pieces of at most `count`."""
        for start in range(0, len(self.positions), count):
            part = slice(start, start + count)
            used, split = torch.unique(self.split[part], return_inverse=True)
            yield replace(
                self,
                train=self.train.splits(used),
                validation=self.validation.splits(used),
                test=self.test.splits(used),
                split=split,
                seeds=self.seeds[part],
                positions=self.positions[part],
            )

    @property
    def minibatch(self) -> int:
        """Rows of a full minibatch."""
        return self.batch_size or len(self.train)

    @property
    def steps_per_epoch(self) -> int:
        """Updates in an epoch."""
        return -(-len(self.train) // self.minibatch)


def per_replicate(values: Tensor, split: Tensor) -> Tensor:
    """Rows of every replicate's split; the splits themselves where each has one replicate, without a copy."""
    return values if len(values) == len(split) else values[split]
