"""Whether more trials can still move the pick by more than what matters: from validation losses alone."""

from __future__ import annotations

import numpy as np

from search.core.means import standard_errors
from search.core.results import Results
from search.core.text import percent

BATCHES = 2
LEAST = 8  # trials of each penalty, unless it is clearly worse
CLEARLY = 2.0  # standard errors


def settled(results: Results, tolerance: float, batch: int) -> str | None:
    """Why the search may end here, None where it may not; `results` in the order of the trials.

    The second half of the trials is the forecast of as many more: they bring less and less. The search is settled when
    the best of all trials is better than the best of the first half by no more than the tolerance, or by no more than
    the standard error of that difference: what is gained then cannot be told from the luck of the validation rows. Both
    halves hold a batch at the least, and every penalty was tried some times, unless its best candidate is clearly
    worse than the pick.
    """
    count, losses = len(results), results.validation_loss
    half = count - count // 2
    if count < BATCHES * batch or not np.isfinite(losses[:half]).any():
        return None
    before, now = results.take(range(half)).lowest(losses[:half]), results.lowest(losses)
    for penalty in set(results.penalty):
        own = np.flatnonzero(results.penalty == penalty)
        best = int(own[losses[own].argmin()])
        if penalty != "none" and len(own) < LEAST and not _clearly_worse(results, best, now):
            return None
    gained, error = _difference(results, before, now)
    if gained > max(tolerance * losses[now], error):
        return None
    small = f"the tolerance, {percent(tolerance)}" if gained <= tolerance * losses[now] else "its standard error"
    return (
        f"settled after {count} trials: the second half of them lowered the best validation loss by "
        f"{percent(gained / losses[now]) if losses[now] > 0 else gained}, less than {small}"
    )


def _clearly_worse(results: Results, position: int, than: int) -> bool:
    more, error = _difference(results, position, than)
    return more > CLEARLY * error


def _difference(results: Results, one: int, other: int) -> tuple[float, float]:
    """By how much the mean validation loss of the first is higher, with its paired standard error."""
    if one == other:
        return 0.0, 0.0
    losses = results.validation
    if not np.isfinite(results.validation_loss[[one, other]]).all():
        return float("inf"), 0.0
    error = standard_errors(losses[[one]] - losses[[other]], results.validation_groups)[0]
    return float(results.validation_loss[one] - results.validation_loss[other]), float(error)
