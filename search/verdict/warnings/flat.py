"""Nothing can be told apart."""

from __future__ import annotations

from search.verdict.comparison import Comparison
from search.verdict.warnings.base import Check


def message(case: Comparison) -> str | None:
    """Every candidate is in the confidence set, and some losses are finite."""
    count = len(case.members)
    if count < 2 or not case.members.all() or not case.finite.any():
        return None
    return (
        f"None of the {count} candidates can be told from the best one on these rows: the losses differ by no more "
        "than noise."
    )


FLAT = Check("flat", message)
