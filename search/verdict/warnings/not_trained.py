"""The training moved hardly anything, or stopped while it still moved."""

from __future__ import annotations

import numpy as np

from search.core.arrays import Array
from search.core.text import number
from search.verdict.comparison import Comparison
from search.verdict.warnings.base import Check

TRAINED_BELOW = 0.95
STEEP_SHARE = 0.05


def message(case: Comparison) -> str | None:
    """The first of three signs that applies."""
    return _above_constant(case) or _unconverged(case) or _still_falling(case)


def _above_constant(case: Comparison) -> str | None:
    """Even the best fitted candidate's training loss is within 5 % of predicting one constant for every row."""
    losses, baseline = case.results.measure("train_loss"), case.evidence.baseline_loss
    if losses is None or baseline is None or not np.isfinite(losses).any():
        return None
    lowest = float(losses[np.isfinite(losses)].min())
    if lowest <= TRAINED_BELOW * baseline:
        return None
    return (
        f"Hardly anything was learned: the lowest training loss of all candidates is {number(lowest)}, and predicting "
        f"one constant for every row gives {number(baseline)}. Likely causes are inputs that are tiny (scale them to "
        "standard deviation 1), a learning rate that is too low, too few epochs, or inputs that say nothing about the "
        "target."
    )


def _unconverged(case: Comparison) -> str | None:
    """The exact solver reports fits that missed its accuracy."""
    converged = case.results.converged
    if converged is None or converged.all():
        return None
    missed, optimality = ~converged.all(axis=1), case.results.optimality
    worst = np.nan if optimality is None else float(np.nanmax(optimality[missed], initial=0.0))
    by_how_much = f" (the farthest is off by up to {number(worst)}, relative)" if np.isfinite(worst) else ""
    return (
        f"{int(missed.sum())} of {len(converged)} candidates have fits that did not reach the exact solution's stated "
        f"accuracy{by_how_much}, so their losses are those of unfinished fits."
    )


def _still_falling(case: Comparison) -> str | None:
    """The last tenth of the epochs brought more than 5 % of the selected candidate's whole drop in training loss.

    For an exponential decay that is fewer than about 1.2 time constants. A drop below 5 % of the first epoch's loss is
    not looked at: it is mostly noise. Fits may end at different epochs: each is looked at by itself, and then averaged.
    """
    curves = case.results.train_curve
    points = [] if curves is None else [_points(curve) for curve in curves[case.selected]]
    if not points or any(point is None for point in points):
        return None
    first, near_end, last = np.mean(np.array(points), axis=0)
    drop, late = first - last, near_end - last
    if not (drop > STEEP_SHARE * first and late > STEEP_SHARE * drop):
        return None
    return (
        f"The selected candidate was still learning when its training ended: the last tenth of the epochs brought "
        f"{late / drop:.0%} of the whole drop in training loss. More epochs or a higher learning rate may change the "
        "answer."
    )


def _points(curve: Array) -> tuple[float, float, float] | None:
    """The first loss, that of a tenth of the epochs before the end, and the last; None for a short or diverged fit.

    A curve is NaN after its last epoch, and between its points, where it is taken as straight.
    """
    known = np.flatnonzero(~np.isnan(curve))
    if not len(known) or known[-1] < 9 or not np.isfinite(curve[known]).all():
        return None
    late = known[-1] - (known[-1] + 1) // 10
    return float(curve[known[0]]), float(np.interp(late, known, curve[known])), float(curve[known[-1]])


NOT_TRAINED = Check("not_trained", message)
