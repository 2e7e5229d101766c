"""Too few rows for bounds that hold for many rows."""

from __future__ import annotations

from search.verdict.comparison import Comparison
from search.verdict.warnings.base import Check

FEW_ROWS = 30


def message(case: Comparison) -> str | None:
    """Fewer than 30 test rows."""
    rows = case.losses.shape[2]
    if not case.on_test or rows >= FEW_ROWS:
        return None
    return f"There are only {rows} test rows. The bounds are made for many rows and are rough below about {FEW_ROWS}."


FEW_TEST_ROWS = Check("few_test_rows", message)
