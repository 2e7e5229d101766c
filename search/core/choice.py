"""Which loss is the lowest: decided here and nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np

from search.core.arrays import Array, Flags, Index

ROUNDING = 1e-12


def tied(losses: Array, lowest: Any) -> Flags:  # noqa: ANN401 - a number or an array that broadcasts
    """Which losses are no higher than the lowest one but for rounding."""
    return np.asarray(losses <= lowest + ROUNDING * np.abs(lowest))


def preference(strength: Array) -> Index:
    """Positions in the order in which ties are broken: from the largest lambda to the least, then as they stand."""
    return np.argsort(-strength, kind="stable")


def lowest(losses: Array, strength: Array) -> Any:  # noqa: ANN401 - an int, or an array of them
    """Position of the lowest loss along the last axis, (..., candidates) -> (...); ties go to the larger lambda.

    `strength` (candidates,) holds the lambdas. NaN is never the lowest. Where no loss is finite nothing but the
    tie-breaking is left.
    """
    order = preference(strength)
    ranked = np.where(np.isnan(losses), np.inf, losses)[..., order]
    picked = order[tied(ranked, ranked.min(axis=-1, keepdims=True)).argmax(axis=-1)]
    return int(picked) if losses.ndim == 1 else picked
