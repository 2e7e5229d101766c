"""What the fits of a stack have in common: the rows of their splits, the model, the settings that do not vary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from search.data.task import Rows
from search.metrics import Kind
from search.models import Model, strengths

if TYPE_CHECKING:
    from search.settings import Settings


@dataclass(frozen=True, eq=False)
class Part:
    """The same part (training, validation or test) of several splits with equal shapes.

    `x` (splits, rows, ...), `y` (splits, rows, ...); `place` (splits, rows) on the loss axis, on the CPU; `weight`
    (splits, rows) as in `Rows`. Where the splits share their data, `x` and `y` are those of all rows, (1, all rows,
    ...), held once whatever the number of splits, and `index` (splits, rows) says which are whose.
    """

    x: Tensor
    y: Tensor
    place: Tensor
    index: Tensor | None = None
    weight: Tensor | None = None

    @classmethod
    def from_rows(cls, rows: Sequence[Rows], cast: Cast) -> Part:
        """Stack the parts, on the device and in the dtype that `cast` brings them to."""
        place = torch.stack([part.place for part in rows])
        weights = [part.weight for part in rows if part.weight is not None]
        weight = cast.stack(weights) if weights else None
        shared = rows[0].shared
        if shared is not None and all(part.shared is shared for part in rows):
            x, y = (cast.once(each)[None] for each in (shared.x, shared.y))
            return cls(x, y, place, torch.stack([part.ids for part in rows]).to(x.device), weight)
        x, y = (cast.stack([getattr(part, name) for part in rows]) for name in ("x", "y"))
        return cls(x, y, place, weight=weight)

    def __len__(self) -> int:
        return int(self.place.shape[1])

    def take(self, split: Tensor, rows: Tensor | slice) -> tuple[Tensor, Tensor]:
        """X and y (replicates, rows, ...) of each replicate's split: of a slice of its rows, or of its own ones.

        `split` (replicates,); `rows` is a slice or has shape (replicates, rows). A view where that will do.
        """
        if isinstance(rows, slice) and self.index is None:
            return per_replicate(self.x[:, rows], split), per_replicate(self.y[:, rows], split)
        places = self._places(split, rows)
        return _looked_up(self.x, places), _looked_up(self.y, places)

    def _places(self, split: Tensor, rows: Tensor | slice) -> Tensor:
        """Where rows of each replicate's split stand among all that `x` holds, (replicates, rows)."""
        if self.index is not None:
            own = per_replicate(self.index, split)
            return own[:, rows] if isinstance(rows, slice) else own.gather(1, rows)
        assert not isinstance(rows, slice), "a slice of rows that are held here is a view"
        return split[:, None] * len(self) + rows

    def weights(self, split: Tensor, rows: Tensor | slice) -> Tensor | None:
        """The weights (replicates, rows) of the same rows; None where all count one."""
        if self.weight is None:
            return None
        if isinstance(rows, slice):
            return per_replicate(self.weight[:, rows], split)
        return self.weight[split[:, None], rows]

    def splits(self, used: Tensor) -> Part:
        """The splits that a piece uses: neighbours, as replicates are ordered by split, so that views will do."""
        return self._cut(slice(int(used[0]), int(used[-1]) + 1), slice(None))

    def first_rows(self, count: int) -> Part:
        """The first `count` rows, or all for 0."""
        return self._cut(slice(None), slice(count or None))

    def _cut(self, splits: slice, rows: slice) -> Part:
        """Some rows of some splits, as views."""
        weight = None if self.weight is None else self.weight[splits, rows]
        if self.index is not None:
            return Part(self.x, self.y, self.place[splits, rows], self.index[splits, rows], weight)
        return Part(self.x[splits, rows], self.y[splits, rows], self.place[splits, rows], weight=weight)


class Cast:
    """Brings tensors to a device, and numbers with a fraction to a dtype."""

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self.device, self.dtype = device, dtype
        self._done: list[tuple[Tensor, Tensor]] = []

    def __call__(self, values: Tensor) -> Tensor:
        """The tensor there, itself where it is there already."""
        return values.to(self.device, self._of(values))

    def stack(self, values: Sequence[Tensor]) -> Tensor:
        """The tensors stacked, and there: cast on the way, so that no stack in their own precision is ever made."""
        return torch.stack(list(values), out=torch.empty(0, dtype=self._of(values[0]))).to(self.device)

    def once(self, values: Tensor) -> Tensor:
        """The same, by one copy however often it is asked for."""
        known = [found for given, found in self._done if given is values]
        if not known:
            known = [self(values)]
            self._done.append((values, known[0]))
        return known[0]

    def _of(self, values: Tensor) -> torch.dtype:
        return self.dtype if values.is_floating_point() else values.dtype


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

    @cached_property
    def like(self) -> Tensor:
        """An empty tensor on the device and in the dtype of the parameters."""
        return torch.empty(0, device=self.seeds.device, dtype=getattr(torch, self.settings.training.dtype))

    @cached_property
    def strengths(self) -> dict[str, str]:
        """Which parameter of a candidate is the lambda of each penalised weight."""
        return strengths(self.model.penalised, self.settings.model.groups)

    @cached_property
    def splits(self) -> Tensor:
        """The split of each x that the model wants in evaluation: a replicate's, or one that neighbours share."""
        if not self.model.shares_rows:
            return self.split
        found, lengths = torch.unique_consecutive(self.split, return_counts=True)
        return found if bool((lengths == lengths[0]).all()) else self.split

    def autocast(self) -> AbstractContextManager[object]:
        """The precision in which models run while they train."""
        if self.settings.training.autocast == "none":
            return nullcontext()
        # Its cache of cast weights knows nothing of stacked ones.
        return torch.autocast(self.seeds.device.type, torch.bfloat16, cache_enabled=False)

    @property
    def minibatch(self) -> int:
        """Rows of a full minibatch."""
        return self.batch_size or len(self.train)

    @property
    def steps_per_epoch(self) -> int:
        """Updates in an epoch."""
        minibatches = -(-len(self.train) // self.minibatch)
        return -(-minibatches // self.settings.training.accumulate)


def _looked_up(values: Tensor, places: Tensor) -> Tensor:
    """Some of the values (splits, rows, ...), by their places among all rows of all splits."""
    found = values.flatten(0, 1).index_select(0, places.flatten())
    return found.view(*places.shape, *values.shape[2:])


def per_replicate(values: Tensor, split: Tensor) -> Tensor:
    """Rows of every replicate's split; the splits themselves where each has one replicate, without a copy."""
    return values if len(values) == len(split) else values[split]
