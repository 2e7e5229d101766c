"""How many weights are not zero along lambda, in the few numbers that fit along the top of a figure."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from search.core.arrays import Array, Index
from search.core.results import Results
from search.report.placed import placed
from search.report.view import StudyView

NUMBERS: Final = 5


class Counts(NamedTuple):
    """How many weights of a penalty's candidates are not zero at a lambda; per cent where their number is unknown."""

    penalty: str
    lambda_: Array
    texts: list[str]


def nonzero_counts(view: StudyView) -> Counts | None:
    """Of the penalty with the lowest validation loss among those that set weights to zero; None without one.

    Means over replicates, between neighbouring lambdas by interpolation: of the dense grid where there is one.
    """
    table = view.evidence.grid or view.results
    share = table.measure("nonzero")
    if share is None:
        return None
    best = view.results.validation_loss
    order = sorted(placed(table).smooth, key=lambda each: best[view.results.penalty == each].min(initial=np.inf))
    for penalty in order:
        own = np.flatnonzero((table.penalty == penalty) & np.isfinite(share))
        if len(own) > 1 and np.ptp(share[own]) > 0:
            own = own[np.argsort(table.lambda_[own])]
            return _counts(table, share, own, penalty)
    return None


def _counts(table: Results, share: Array, own: Index, penalty: str) -> Counts:
    """Evenly along the axis, not at its very ends."""
    known = np.log10(table.lambda_[own])
    margin = (known[-1] - known[0]) / (2 * NUMBERS)
    at = np.linspace(known[0] + margin, known[-1] - margin, NUMBERS)
    values = np.interp(at, known, share[own])
    if table.weights is None:
        return Counts(penalty, 10**at, [f"{100 * value:.0f} %" for value in values])
    total = int(np.prod(table.weights.shape[2:]))
    return Counts(penalty, 10**at, [f"{total * value:.0f}" for value in values])
