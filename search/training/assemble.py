"""From evaluated blocks to the one table of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from search.core.arrays import Array
from search.core.candidate import Candidate
from search.core.results import Results
from search.data.task import Task
from search.training.evaluate import Block

FIGURES: Final = dict.fromkeys(("train_loss", "weight_norm", "nonzero", "nonzero_groups", "epochs"), np.nan)
FLAGS: Final = {"diverged": False}


@dataclass(frozen=True)
class Layout:
    """How large the table is: the candidates, and the replicates and refits that each is fitted on."""

    task: Task
    candidates: tuple[Candidate, ...]
    seeds: int
    dtype: str

    @property
    def replicates(self) -> int:
        """Fits of a candidate that have validation rows."""
        return len(self.task.splits) * self.seeds

    @property
    def refits(self) -> int:
        """Fits of a candidate on all rows that are not test rows."""
        return len(self.task.refits) * self.seeds

    @property
    def fits(self) -> int:
        """All fits of a candidate."""
        return self.replicates + self.refits

    @property
    def linear(self) -> bool:
        """Whether all splits have the same columns, so that weights share an axis."""
        widths = {tuple(split.train.sample.shape[1:]) for split in (*self.task.splits, *self.task.refits)}
        return self.task.same_columns and len(widths) == 1


def assemble(layout: Layout, blocks: Sequence[Block], pruned: Mapping[int, bool], seconds: float) -> Results:
    """The blocks in their places: NaN where a pruned candidate was not fitted. `seconds` is each candidate's time."""
    count = len(layout.candidates)
    fits: dict[str, Any] = {name: _figures(layout, blocks, name, empty) for name, empty in (FIGURES | FLAGS).items()}
    curves = _curves(layout, blocks)
    linear = {name: _weights(layout, blocks, name) for name in ("weights", "biases")} if layout.linear else {}
    exact = bool(blocks) and all(block.optimality is not None for block in blocks)
    return Results(
        candidates=layout.candidates,
        validation=_losses(layout, blocks, "validation"),
        test=_losses(layout, blocks, "test") if layout.task.test_rows else None,
        train_curve=curves[0],
        validation_curve=curves[1],
        seconds=np.full(count, seconds),
        pruned=np.array([pruned.get(index, False) for index in range(count)]),
        weights=linear.get("weights"),
        biases=linear.get("biases"),
        groups=layout.task.groups,
        converged=_every_figure(layout, blocks, "converged", True),
        optimality=_every_figure(layout, blocks, "optimality", np.nan) if exact else None,
        **fits,
    )


def _figures(layout: Layout, blocks: Sequence[Block], name: str, empty: Any) -> NDArray[Any]:  # noqa: ANN401
    """(candidates, replicates): of the replicates alone, not of the refits."""
    return _every_figure(layout, blocks, name, empty)[:, : layout.replicates]


def _every_figure(layout: Layout, blocks: Sequence[Block], name: str, empty: Any) -> NDArray[Any]:  # noqa: ANN401
    """(candidates, fits): of the replicates and then the refits."""
    values: NDArray[Any] = np.full((len(layout.candidates), layout.fits), empty)
    for block in blocks:
        values[np.ix_(block.indices, block.positions)] = getattr(block, name)
    return values


def _losses(layout: Layout, blocks: Sequence[Block], part: str) -> Array:
    """(candidates, replicates, rows); the test rows are the refits' where there are any."""
    shift = layout.replicates if part == "test" and layout.refits else 0
    fits = layout.refits if shift else layout.replicates
    rows = layout.task.test_rows if part == "test" else layout.task.validation_rows
    values = np.full((len(layout.candidates), fits, rows), np.nan, layout.dtype)
    for block in blocks:
        losses, places = getattr(block, part), getattr(block, f"{part}_place")
        if not losses.shape[2]:
            continue
        for column, position in enumerate(block.positions):
            values[np.ix_(block.indices, [position - shift], places[column])] = losses[:, [column]]
    return values


def _curves(layout: Layout, blocks: Sequence[Block]) -> Array:
    """(2, candidates, replicates, epochs)."""
    longest = max((block.curves.shape[3] for block in blocks), default=0)
    values = np.full((2, len(layout.candidates), layout.replicates + layout.refits, longest), np.nan)
    for block in blocks:
        epochs = range(block.curves.shape[3])
        values[np.ix_(range(2), block.indices, block.positions, epochs)] = block.curves
    return values[:, :, : layout.replicates]


def _weights(layout: Layout, blocks: Sequence[Block], name: str) -> Array | None:
    """(candidates, replicates and refits, ...) of linear models; None for others."""
    known = [(block, values) for block in blocks if (values := getattr(block, name)) is not None]
    if not known:
        return None
    shape = (len(layout.candidates), layout.replicates + layout.refits, *known[0][1].shape[2:])
    found: Array = np.full(shape, np.nan, layout.dtype)
    for block, values in known:
        found[np.ix_(block.indices, block.positions)] = values
    return found
