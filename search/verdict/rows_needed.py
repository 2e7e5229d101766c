"""About how many test rows would settle an open answer."""

from __future__ import annotations

import numpy as np

from search.core.arrays import Array
from search.verdict.multiplier import bonferroni
from search.verdict.sample import Sample


def rows_needed(sample: Sample, *, confidence: float, tolerance: float) -> int | None:
    """The number of rows at which the bounds would leave the tolerance to one side, were the estimates the truth.

    With n rows, a margin m(h) = gain(h) - tolerance * risk(selected) and its variance v(h) / n + w(h), "yes" needs
    |m(h)| > c * sqrt(v(h) / N + w(h)) for every h, "no" for one h with m(h) > 0; c is the one-sided normal quantile,
    for "no" Bonferroni's over the candidates with m(h) > 0; w is what the replicates contribute (scope "procedure"),
    which no row removes. None where no number of rows would do, or where nothing can be said from a single row. A
    rough figure: it inherits the noise of the estimates.
    """
    rows = sample.row_count
    if rows < 2:
        return None
    margin = sample.gain[:-1] - tolerance * sample.gain[-1]
    over = margin > 0
    over[sample.selected] = False
    c = bonferroni(max(1, int(over.sum())), 1 - confidence)
    room = (margin / c) ** 2 - _variance(sample.replicates, tolerance)
    needed = np.divide(
        rows * _variance(sample.rows, tolerance), room, out=np.full(sample.count, np.inf), where=room > 0
    )
    needed[sample.selected] = 0.0
    total = needed[over].min() if over.any() else needed.max()
    return max(int(np.ceil(total)), rows + 1) if np.isfinite(total) else None


def _variance(influence: Array, tolerance: float) -> Array:
    """Variance of gain(h) - tolerance * risk(selected) for every h, from one part's influences."""
    shifted = influence[:-1] - tolerance * influence[-1]
    return np.asarray(np.einsum("hi,hi->h", shifted, shifted))
