"""One row carries much of the selected candidate's mean loss."""

from __future__ import annotations

import numpy as np

from search.core.means import row_means
from search.verdict.comparison import Comparison
from search.verdict.warnings.base import Check


def message(case: Comparison) -> str | None:
    """One row carries more than a fifth of the loss, and more than 12 / rows.

    A mean with one such row is far from normal, and the bounds assume that it is close. Squared normal errors exceed
    these shares in at most 1.5 % of samples, whatever the number of rows; squared errors of Student's t with 3
    degrees of freedom do in 50 % of samples of 50 rows and in 12 % of 1,000.
    """
    rows = np.sort(row_means(case.losses[[case.selected]])[0])
    rows = rows[~np.isnan(rows)]
    if len(rows) < 2 or not np.isfinite(rows[-1]) or rows[-1] <= rows[-2] or rows[0] < 0:
        return None
    share = rows[-1] / rows.sum()
    if share <= max(0.2, 12 / len(rows)):
        return None
    return (
        f"A single row carries {share:.0%} of the selected candidate's loss over {len(rows)} rows. Means and bounds "
        "hang on that row: look at it, or judge by the absolute error."
    )


HEAVY_TAIL = Check("heavy_tail", message)
