"""A searched setting of the selected candidate lies at the end of what was tried, and the loss still falls there."""

from __future__ import annotations

import numpy as np

from search.core.arrays import Array
from search.core.text import number
from search.verdict.comparison import Comparison
from search.verdict.profile import settings_searched
from search.verdict.rules.paired_standard_error import paired_errors
from search.verdict.warnings.base import Check

EDGE_SHARE = 0.05
ERRORS = 2.0
DECADES = 1.0


def message(case: Comparison) -> str | None:
    """The selected value is among the last 5 % of the tried range, and surely better than all values further inside.

    Surely: the best candidate further inside has a validation loss that is higher by more than two standard errors of
    the difference. Without that the best value of a setting that does not matter would often be an extreme one.
    """
    if not np.isfinite(case.results.validation_loss[case.selected]):
        return None
    ends = [end for name in settings_searched(case.results) if (end := _end(case, name)) is not None]
    if not ends:
        return None
    return (
        f"The selected {' and '.join(ends)} of what was tried, and the loss still falls there. A better one may lie "
        "beyond: widen the range."
    )


def _end(case: Comparison, name: str) -> str | None:
    results, chosen = case.results, case.results.candidates[case.selected].get(name)
    values = [candidate.get(name) for candidate in results.candidates]
    if not isinstance(chosen, int | float) or any(isinstance(value, str) for value in values):
        return None
    place = _places(np.array([np.nan if value is None else value for value in values], dtype=np.float64))
    own = place[case.selected]
    inside = np.abs(place - round(own)) > EDGE_SHARE
    if EDGE_SHARE < own < 1 - EDGE_SHARE or not inside.any():
        return None
    other = int(np.where(inside, results.validation_loss, np.inf).argmin())
    more = results.validation_loss[other] - results.validation_loss[case.selected]
    if not more > ERRORS * paired_errors(results)[other]:
        return None
    return f"{name}, {number(float(chosen))}, lies at the {'upper' if own > 0.5 else 'lower'} end"


def _places(values: Array) -> Array:
    """Where each value lies between the least, 0, and the largest, 1: by the logarithm where that spans a decade."""
    low, high = np.nanmin(values), np.nanmax(values)
    scaled = np.log10(values) if low > 0 and np.log10(high / low) >= DECADES else values
    return np.asarray((scaled - np.nanmin(scaled)) / (np.nanmax(scaled) - np.nanmin(scaled)))


SETTING_AT_EDGE = Check("setting_at_edge", message)
