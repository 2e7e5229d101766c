"""The selected lambda lies at the end of what was searched."""

from __future__ import annotations

import math

from search.core.text import number, words
from search.verdict.comparison import Comparison
from search.verdict.warnings.base import Check

EDGE_SHARE = 0.05


def message(case: Comparison) -> str | None:
    """The selected lambda is the last one tried on its side, or within 5 % (of the log range) of the range's end.

    Not where lambda is 0, nor at the upper end where every weight is zero already: beyond it nothing changes.
    """
    results = case.results
    selected, penalty = float(results.lambda_[case.selected]), results.penalty[case.selected]
    tried = results.lambda_[(results.penalty == penalty) & (results.lambda_ > 0)]
    if not selected > 0:
        return None
    low, high = case.evidence.lambda_range.get(penalty, (float(tried.min()), float(tried.max())))
    if not low < high:
        return None
    margin = EDGE_SHARE * math.log(high / low)
    if selected >= tried.max() or math.log(high / selected) <= margin:
        nonzero = results.measure("nonzero")
        all_zero = nonzero is not None and nonzero[case.selected] == 0
        return None if all_zero else _edge(penalty, selected, "upper", high)
    if selected <= tried.min() or math.log(selected / low) <= margin:
        return _edge(penalty, selected, "lower", low)
    return None


def _edge(penalty: str, selected: float, side: str, end: float) -> str:
    return (
        f"The selected lambda of {words(penalty)}, {number(selected)}, lies at the {side} end of the searched range "
        f"({number(end)}). The best one may lie beyond it: widen the range."
    )


EDGE_OF_RANGE = Check("edge_of_range", message)
