"""Fits that ended in NaN or infinity."""

from __future__ import annotations

import numpy as np

from search.core.means import fit_means
from search.verdict.comparison import Comparison
from search.verdict.warnings.base import Check


def message(case: Comparison) -> str | None:
    """How many fits have an infinite loss."""
    means = fit_means(case.results.validation)
    fits = np.isposinf(means[:, ~np.isnan(means).all(axis=0)])
    if not fits.any():
        return None
    return (
        f"{fits.sum()} of {fits.size} fits ({fits.mean():.0%}), in {fits.any(axis=1).sum()} of {len(fits)} candidates, "
        "diverged and count as infinitely bad. A lower learning rate may turn them into contenders."
    )


DIVERGED = Check("diverged", message)
