"""The winner's curse of the selected validation loss, and its bootstrap correction."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from search.core.arrays import Array, Flags, Index, blocks
from search.core.choice import ROUNDING, preference, tied
from search.core.groups import summed
from search.core.means import candidate_means, packed
from search.core.results import Results
from search.verdict.record import Optimism

RESAMPLES = 1000
BLOCK_ENTRIES = 2_000_000
NEVER = 40.0  # minus the logarithm of a probability that no draw will see
SINGLE_ERROR = 4 * float(np.finfo(np.float32).eps)  # of a product in single precision, beside that of both norms


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
    counts = (~np.isnan(validation[0])).sum(axis=0)
    own, rows = packed(validation, ~np.isnan(validation[0])), counts > 0
    if not rows.all():
        own, counts, groups = own[:, :, rows], counts[rows], None if groups is None else groups[rows]
    winner = _totals(own, ranked[[_first_lowest(means[ranked])]], groups)[0]
    behind = (_totals(own, ranked[block], groups) - winner for block in blocks(len(ranked), own[0].size))
    rivals = np.concatenate([each[_may_win(each)] for each in behind])
    excess = _excess(rivals, winner, counts if groups is None else summed(counts, groups), resamples, seed)
    return float(means[ranked].min() + excess.mean()) if len(excess) else None


def _totals(losses: Array, places: Index, groups: Index | None) -> Array:
    """The summed losses of each row, or group of rows, of some candidates, (candidates, rows)."""
    held = ~np.isnan(losses[0])
    totals = losses[places].sum(axis=1, where=True if held.all() else held, dtype=np.float64)
    return np.asarray(totals if groups is None else summed(totals, groups))


def _may_win(behind: Array) -> Flags:
    """Which candidates a draw of rows may make the lowest, by what each row has them behind the winner on all rows.

    Of n rows drawn with replacement the sum of b, with mean m and variance v, is not above 0 with a probability of at
    most exp(-n m^2 / (2 v + 2/3 m (m - min b))) (Bernstein's inequality): those are left out for which that is nothing.
    """
    rows = behind.shape[1]
    means, squares = behind.mean(axis=1), np.einsum("hr,hr->h", behind, behind) / rows
    spread = 2 * np.maximum(squares - means**2, 0.0) + 2 / 3 * means * (means - behind.min(axis=1))
    return np.asarray(rows * means**2 <= NEVER * spread)


def _excess(rivals: Array, winner: Array, counts: Array, resamples: int, seed: int) -> Array:
    """Left-out loss of the picked minus that of the winner on all rows, one a draw that leaves rows out.

    `winner` (rows,) its summed losses; `rivals` (candidates, rows) what others have more, ties to the first of them;
    `counts` (rows,) how many losses a sum has.
    """
    norms = np.sqrt(np.einsum("hr,hr->h", rivals, rivals))
    units = (rivals / np.where(norms > 0, norms, 1.0)[:, None]).astype(np.float32)
    found = []
    block = min(resamples, max(1, BLOCK_ENTRIES // len(counts)))  # draws at a time, which bounds the memory
    for start in range(0, resamples, block):
        drawn = _row_counts(len(counts), min(block, resamples - start), start, seed)
        picked = _picked(drawn, winner, rivals, norms, units)
        left_out = (drawn == 0).astype(np.float64)
        weight, excess = left_out @ counts, np.empty(len(drawn))
        for each in np.unique(picked):
            excess[picked == each] = left_out[picked == each] @ rivals[each]
        found.append(excess[weight > 0] / weight[weight > 0])
    return np.concatenate(found)


def _picked(drawn: Array, winner: Array, rivals: Array, norms: Array, units: Array) -> Index:
    """The rival with the lowest loss in each draw, (draws,); a draw's sums are its means times a constant.

    Single precision tells most of them apart, and double only those that are nearer than its rounding (`units` are the
    rivals over their `norms`).
    """
    level = drawn @ winner
    rough = (drawn @ units.T) * norms
    error = SINGLE_ERROR * np.outer(np.sqrt(np.einsum("dr,dr->d", drawn, drawn)), norms)
    lowest = (rough + error).min(axis=1) + 2 * ROUNDING * np.abs(level)
    near = rough - error <= lowest[:, None]
    picked = near.argmax(axis=1)
    unsure = np.flatnonzero(near.sum(axis=1) > 1)
    close = np.flatnonzero(near[unsure].any(axis=0))
    if len(unsure):
        picked[unsure] = close[_first_lowest(level[unsure, None] + drawn[unsure].astype(np.float64) @ rivals[close].T)]
    return np.asarray(picked)


def _first_lowest(losses: Array) -> Index:
    """The lowest along the last axis, of equals the first: the candidates are in their order of preference."""
    return np.asarray(tied(losses, losses.min(axis=-1, keepdims=True)).argmax(axis=-1))


@lru_cache(maxsize=2)
def _row_counts(rows: int, draws: int, block: int, seed: int) -> Array:
    """How often each row is drawn in each of `draws` draws with replacement, shape (draws, rows)."""
    places = np.random.default_rng([seed, block]).integers(rows, size=(draws, rows))
    found = np.empty((draws, rows), dtype=np.float32)
    for each in blocks(draws, rows):
        own = places[each] + rows * np.arange(len(places[each]))[:, None]
        found[each] = np.bincount(own.ravel(), minlength=own.size).reshape(own.shape)
    return found
