"""At an end of what was searched the loss still falls."""

from __future__ import annotations

import numpy as np

from search.core.arrays import Array, Index
from search.core.means import row_means, standard_error
from search.core.results import Results
from search.core.text import number, words
from search.verdict.comparison import Comparison
from search.verdict.warnings.base import Check

NEAR = 0.25  # of the log range: the selected lambda lies in this outer part
OUTERMOST = 0.1
SAME = 1e-6


def message(case: Comparison) -> str | None:
    """The selected lambda lies near an end of the range, and nothing says that the loss turns before that end.

    It is better than all of its penalty that lie further inside, by more than a standard error of the difference; and
    the best of those at the very end is not worse than it by more than that. Not where the losses at the end are all
    the same, or every weight is zero there: beyond it nothing changes.
    """
    results, compared = case.results, case.compared
    own = np.flatnonzero((compared.penalty == results.penalty[case.selected]) & (compared.lambda_ > 0))
    if case.selected not in own or not np.isfinite(results.validation_loss[case.selected]):
        return None
    penalty, strengths = str(results.penalty[case.selected]), compared.lambda_[own]
    low, high = case.evidence.lambda_range.get(penalty, (float(strengths.min()), float(strengths.max())))
    tried = "the searched range" if penalty in case.evidence.lambda_range else "what was tried"
    if not low < high:
        return None
    place = (np.log(strengths) - np.log(low)) / (np.log(high) - np.log(low))
    mine = int(np.flatnonzero(own == case.selected)[0])
    for side, distance, end in (("lower", place, low), ("upper", 1 - place, high)):
        if end == high and _nothing_left(compared, int(own[strengths.argmax()])):
            continue
        if distance[mine] > NEAR:
            continue
        if _falls(row_means(compared.validation[own]), compared.validation_groups, distance, mine):
            kind = "" if penalty == results.strength else f" of {words(penalty)}"
            falls = "the loss still falls there"
            if distance[mine] > distance.min():  # something nearer the end has a higher loss, by less than noise
                falls = "these rows do not show that the loss rises again before it"
            return (
                f"The selected {results.strength}{kind}, {number(float(strengths[mine]))}, lies near the {side} end "
                f"of {tried} ({number(end)}), and {falls}. The best one may lie beyond it: widen the range."
            )
    return None


def _nothing_left(compared: Results, position: int) -> bool:
    """Whether every weight of a candidate is zero in every fit."""
    return compared.nonzero is not None and not np.nan_to_num(compared.nonzero[position], nan=1.0).any()


def _falls(rows: Array, groups: Index | None, distance: Array, mine: int) -> bool:
    """Whether the loss falls towards the end: `rows` (lambdas, rows) of losses, `distance` (lambdas,) from the end.

    `groups` (rows,) are the sample where they are given.
    """
    held = ~np.isnan(rows[mine])
    finite = np.isfinite(rows[:, held]).all(axis=1)
    inside, last = np.flatnonzero(finite & (distance > NEAR)), np.flatnonzero(finite & (distance <= OUTERMOST))
    if not len(inside) or not len(last) or held.sum() < 2:
        return False
    own, end = rows[mine, held], rows[last][:, held]
    if len(last) > 1 and float(np.ptp(end, axis=0).max()) <= SAME * float(own.mean()):
        return False
    together = None if groups is None else groups[held]
    at_end, further_in = (_lowest_more(rows[part][:, held] - own, together) for part in (last, inside))
    return at_end[0] <= at_end[1] and further_in[0] > further_in[1]


def _lowest_more(more: Array, groups: Index | None) -> tuple[float, float]:
    """The lowest mean of these differences (lambdas, rows), with its standard error."""
    lowest = more[more.mean(axis=1).argmin()]
    return float(lowest.mean()), standard_error(lowest, groups)


EDGE_OF_RANGE = Check("edge_of_range", message)
