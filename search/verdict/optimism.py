"""The winner's curse of the selected validation loss, and its bootstrap correction."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd

from search.records import Array
from search.verdict.record import Optimism
from search.verdict.rules import Index, mean_losses, pick_lowest, points

RESAMPLES = 1000
BLOCK_ENTRIES = 2_000_000


def optimism(
    validation: Array, test: Array | None, candidates: pd.DataFrame, selected: int, *, seed: int = 0
) -> Optimism:
    """The selected candidate's validation loss, the same corrected for having been picked as the lowest, its test loss.

    `validation` and `test` have shape (candidates, replicates, rows). The correction is for picking the lowest
    validation loss: where another candidate was selected (by another rule, or by hand), it says nothing, and
    `corrected` is NaN. So it is with a single row, and where every fit diverged.
    """
    means = mean_losses(validation)
    order = points(candidates).order
    lowest = means[pick_lowest(means, order)]
    picked = np.isfinite(lowest) and bool(np.isclose(means[selected], lowest, rtol=1e-9, atol=0.0))
    return Optimism(
        validation_loss=float(means[selected]),
        corrected=corrected_loss(validation, order, seed=seed) if picked else float("nan"),
        test_loss=None if test is None else float(mean_losses(test[selected : selected + 1])[0]),
    )


def corrected_loss(validation: Array, order: Index, *, resamples: int = RESAMPLES, seed: int = 0) -> float:
    """Bootstrap bias corrected loss of "pick the lowest validation loss" (BBC-CV).

    Rows are drawn with replacement, as many as there are; the candidate with the lowest loss on the drawn rows is
    picked, ties to the first in `order`; its loss on the rows that were not drawn is noted; the result is the mean over
    all draws (Tsamardinos, Greasidou, Borboudakis 2018, arXiv 1708.07180, algorithm 5; pooled over replicates: a drawn
    row brings all its held-out losses). No model is trained anew. The winner on all rows serves as control variate: its
    loss on the left-out rows averages to its loss on all rows, so only the excess over it is simulated,

    corrected = loss(winner) + mean over draws of (left-out loss of the picked - left-out loss of the winner).

    `validation` (candidates, replicates, rows), NaN where a fit did not hold out that row, the same for every
    candidate. Candidates with an infinite loss are never picked. A draw that leaves no row out counts for nothing; NaN
    where no draw leaves one out (a single row).
    """
    means = mean_losses(validation)
    ranked = order[np.isfinite(means[order])]
    held = ~np.isnan(validation[0])
    counts = held.sum(axis=0)
    rows = counts > 0
    totals = validation.sum(axis=1, where=held, dtype=np.float64)[ranked][:, rows]
    excess = _excess(totals, counts[rows], resamples, seed)
    return float(means[ranked].min() + excess.mean()) if len(excess) else float("nan")


def _excess(totals: Array, counts: Array, resamples: int, seed: int) -> Array:
    """Left-out loss of the picked minus that of the winner on all rows, one a draw that leaves rows out.

    `totals` (candidates, rows) summed losses, ties to the first candidate; `counts` (rows,) how many losses a sum has.
    """
    ranks = np.arange(len(totals))
    over_winner = totals - totals[pick_lowest(totals.sum(axis=1), ranks)]
    found = []
    block = min(resamples, max(1, BLOCK_ENTRIES // len(counts)))  # draws at a time, which bounds the memory
    for start in range(0, resamples, block):
        drawn = _row_counts(len(counts), min(block, resamples - start), start, seed)
        picked = pick_lowest(drawn @ totals.T, ranks)  # a draw's sums are its means times a constant
        left_out = (drawn == 0).astype(np.float64)
        weight = left_out @ counts
        excess = np.einsum("dr,dr->d", left_out, over_winner[picked])
        found.append(excess[weight > 0] / weight[weight > 0])
    return np.concatenate(found)


@lru_cache(maxsize=2)
def _row_counts(rows: int, draws: int, block: int, seed: int) -> Array:
    """How often each row is drawn in each of `draws` draws with replacement, shape (draws, rows)."""
    places = np.random.default_rng([seed, block]).integers(rows, size=(draws, rows))
    places += rows * np.arange(draws)[:, None]
    return np.bincount(places.ravel(), minlength=draws * rows).reshape(draws, rows).astype(np.float64)
