"""Rows that take turns as test rows: what each turn picked without them, and the losses of picking like that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from search.core.arrays import Array, Flags, Index
from search.core.means import packed
from search.core.results import Results

Pick = Callable[[Results], int | None]


def inner_views(results: Results, inner: Results) -> Iterator[tuple[Index, Results]]:
    """For each turn the replicates that hold its rows out, and the results that its pick may see.

    `results` hold every fold's losses by models trained on all others, `inner` (the same candidates) the losses of two
    folds by models trained without both. A turn's pick may see the fits of `inner` that held out all its rows, on the
    other rows that they held out: no model and no loss of these knows the turn's rows. They are `packed`.
    """
    held, pairs = ~np.isnan(results.validation[0]), ~np.isnan(inner.validation[0])
    for rows in np.unique(held, axis=0):
        if not rows.any():
            continue
        turn = np.flatnonzero((held == rows).all(axis=1))
        fits = ~(rows & ~pairs).any(axis=1)
        yield turn, replace(results, validation=packed(inner.validation, pairs & fits[:, None] & ~rows), criteria={})


def lowest_loss(seen: Results) -> int:
    """The pick of a search: the lowest validation loss."""
    return seen.lowest(seen.validation_loss)


def picks(results: Results, inner: Results, pick: Pick = lowest_loss) -> Index | None:
    """The candidate that each replicate's turn picks of what it may see, (replicates,) positions; None without one."""
    return picks_of(results, inner, [pick])[0]


def picks_of(results: Results, inner: Results, pickers: Sequence[Pick]) -> list[Index | None]:
    """The same of several ways to pick, which see each turn once."""
    found = np.full((len(pickers), results.validation.shape[1]), -1, dtype=np.intp)
    for turn, seen in inner_views(results, inner):
        for place, pick in enumerate(pickers):
            position = pick(seen)
            found[place, turn] = -1 if position is None else position
    return [None if (own < 0).any() else own for own in found]


def picked_losses(losses: Array, picked: Index) -> Array:
    """The losses (1, replicates, rows) of what was picked: `picked` has one position a replicate, or one a row.

    `picked` (replicates, 1) or (1, rows) holds positions on the first axis of `losses` (candidates, replicates, rows).
    """
    return np.take_along_axis(losses, np.broadcast_to(picked, losses.shape[1:])[None], axis=0)


def complete(inner: Results, results: Results) -> Results | None:
    """`inner` in the order of the results' candidates; None where it lacks one of them."""
    if inner.candidates == results.candidates:
        return inner
    if any(candidate not in inner.position for candidate in results.candidates):
        return None
    return inner.take([inner.position[candidate] for candidate in results.candidates])


def shares(picked: Index, losses: Array) -> dict[int, float]:
    """The share of the judged losses that each picked candidate has, largest first; `picked` as in `picked_losses`."""
    held: Flags = ~np.isnan(losses[0])
    positions, place = np.unique(np.broadcast_to(picked, held.shape)[held], return_inverse=True)
    counts = np.bincount(place)
    order = np.argsort(-counts, kind="stable")
    return {int(positions[each]): float(counts[each] / counts.sum()) for each in order}
