"""Bounds for the procedure need replicates to be resampled."""

from __future__ import annotations

from search.verdict.comparison import Comparison
from search.verdict.warnings.base import Check

FEW = 5


def message(case: Comparison) -> str | None:
    """The scope is the procedure's, and there are fewer than five replicates."""
    replicates = case.losses.shape[1]
    if case.scope == "models" or case.rotated or replicates >= FEW:
        return None
    return (
        f"The bounds are to speak of the next seed and split as well, but rest on {replicates} of them. Below about "
        f"{FEW} they are rough, and with one they speak of the fitted models alone."
    )


FEW_REPLICATES = Check("few_replicates", message)
