"""About how many test rows would settle an open answer, and which answer they would give."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from search.core.arrays import Array
from search.verdict.multiplier import bonferroni, t_critical
from search.verdict.record import Answer
from search.verdict.sample import Sample

LEAST_MORE = 1.1


def rows_needed(sample: Sample, *, confidence: float, tolerance: float) -> tuple[int | None, Answer | None]:
    """The number of rows at which the bounds would leave the tolerance to one side, were the estimates the truth.

    With n rows, a margin m(h) = gain(h) - tolerance * risk(selected) and its variance v(h) / n + w(h), "yes" needs
    |m(h)| > c * sqrt(v(h) / N + w(h)) for every h, "no" for one h with m(h) > 0; c is the one-sided quantile of the
    bounds, for "no" Bonferroni's over the candidates with m(h) > 0; w is what the replicates contribute (scope
    "procedure"), which no row removes. (None, None) where no number of rows would do, or where nothing can be said:
    from a single row, or of a share of a loss that is not above 0. A rough figure: it inherits the noise of the
    estimates; an answer that is open needs at the least a tenth more rows than there are.
    """
    rows = sample.row_count
    if rows < 2 or sample.gain[-1] <= 0:
        return None, None
    margin = sample.gain[:-1] - tolerance * sample.gain[-1]
    over = margin > 0
    over[sample.selected] = False
    c = bonferroni(max(1, int(over.sum())), 1 - confidence) if over.any() else float(ndtri(confidence))
    parts = [_variance(*part, tolerance) for part in zip(sample.variances, sample.with_risk, strict=True)]
    with np.errstate(divide="ignore", invalid="ignore"):  # at confidence 0.5 no margin is asked for
        room = (margin / t_critical(c, sample.dof(parts[0], parts[1]))) ** 2 - parts[1]
    needed = np.divide(rows * parts[0], room, out=np.full(sample.count, np.inf), where=room > 0)
    needed[sample.selected] = 0.0
    total = needed[over].min() if over.any() else needed.max()
    if not np.isfinite(total):
        return None, None
    return int(np.ceil(max(total, LEAST_MORE * rows))), "no" if over.any() else "yes"


def _variance(own: Array, with_risk: Array, tolerance: float) -> Array:
    """Variance of gain(h) - tolerance * risk(selected) for every h, from one part's variances and covariances."""
    return np.asarray(np.maximum(own[:-1] - 2 * tolerance * with_risk[:-1] + tolerance**2 * own[-1], 0.0))
