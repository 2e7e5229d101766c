"""The winner's curse of the selected validation loss, and its bootstrap correction."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from search.core.arrays import Array, Index
from search.core.choice import preference, tied
from search.core.groups import summed
from search.core.means import candidate_means
from search.core.results import Results
from search.verdict.record import Optimism

RESAMPLES = 1000
BLOCK_ENTRIES = 2_000_000


def optimism(results: Results, selected: int, test_loss: float | None, *, seed: int = 0) -> Optimism:
    """The selected candidate's validation loss, the same corrected for having been picked as the lowest, its test loss.

    The correction is for picking the lowest validation loss: where another candidate was selected (by another rule, or
    by hand), it says nothing, and `corrected` is None. So it is with a single row, and where every fit diverged.
    """
    means = results.validation_loss
    picked = np.isfinite(means.min()) and bool(tied(means[selected], means.min()))
    order = preference(results.lambda_)
    corrected = corrected_loss(results.validation, order, results.validation_groups, seed=seed) if picked else None
    return Optimism(float(means[selected]), corrected, test_loss)


def corrected_loss(
    validation: Array, order: Index, groups: Index | None = None, *, resamples: int = RESAMPLES, seed: int = 0
) -> float | None:
    """Bootstrap bias corrected loss of "pick the lowest validation loss" (BBC-CV).

    Rows are drawn with replacement, as many as there are; the candidate with the lowest loss on the drawn rows is
    picked, ties to the first in `order`; its loss on the rows that were not drawn is noted; the result is the mean over
    all draws (Tsamardinos, Greasidou, Borboudakis 2018, arXiv 1708.07180, algorithm 5; pooled over replicates: a drawn
    row brings all its held-out losses). No model is trained anew. The winner on all rows serves as control variate: its
    loss on the left-out rows averages to its loss on all rows, so only the excess over it is simulated,

    corrected = loss(winner) + mean over draws of (left-out loss of the picked - left-out loss of the winner).

    `validation` (candidates, replicates, rows), NaN where a fit did not hold out that row, the same for every
    candidate. Candidates with an infinite loss are never picked. A draw that leaves no row out counts for nothing; None
    where no draw leaves one out (a single row). With `groups` (rows,) whole groups of rows are drawn.
    """
    means = candidate_means(validation)
    ranked = order[np.isfinite(means[order])]
    held = ~np.isnan(validation[0])
    counts = held.sum(axis=0)
    rows = counts > 0
    if not rows.all():
        validation, held, counts = validation[:, :, rows], held[:, rows], counts[rows]
    totals = validation[ranked].sum(axis=1, where=held, dtype=np.float64)
    if groups is not None:
        totals, counts = summed(totals, groups[rows]), summed(counts, groups[rows])
    excess = _excess(totals, counts, resamples, seed)
    return float(means[ranked].min() + excess.mean()) if len(excess) else None


def _excess(totals: Array, counts: Array, resamples: int, seed: int) -> Array:
    """Left-out loss of the picked minus that of the winner on all rows, one a draw that leaves rows out.

    `totals` (candidates, rows) summed losses, ties to the first candidate; `counts` (rows,) how many losses a sum has.
    """
    winner = totals[_first_lowest(totals.sum(axis=1))]
    found = []
    block = min(resamples, max(1, BLOCK_ENTRIES // len(counts)))  # draws at a time, which bounds the memory
    for start in range(0, resamples, block):
        drawn = _row_counts(len(counts), min(block, resamples - start), start, seed)
        picked = _first_lowest(drawn @ totals.T)  # a draw's sums are its means times a constant
        left_out = (drawn == 0).astype(np.float64)
        weight = left_out @ counts
        excess = np.einsum("dr,dr->d", left_out, totals[picked] - winner)
        found.append(excess[weight > 0] / weight[weight > 0])
    return np.concatenate(found)


def _first_lowest(losses: Array) -> Index:
    """The lowest along the last axis, of equals the first: the candidates are in their order of preference."""
    return np.asarray(tied(losses, losses.min(axis=-1, keepdims=True)).argmax(axis=-1))


@lru_cache(maxsize=2)
def _row_counts(rows: int, draws: int, block: int, seed: int) -> Array:
    """How often each row is drawn in each of `draws` draws with replacement, shape (draws, rows)."""
    places = np.random.default_rng([seed, block]).integers(rows, size=(draws, rows))
    places += rows * np.arange(draws)[:, None]
    return np.bincount(places.ravel(), minlength=draws * rows).reshape(draws, rows).astype(np.float64)
