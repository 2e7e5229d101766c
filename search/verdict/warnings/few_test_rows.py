"""Too few rows for bounds that hold for many rows."""

from __future__ import annotations

from search.verdict.comparison import Comparison
from search.verdict.warnings.base import Check

FEW_ROWS = 30
FOLDS = 12


def message(case: Comparison) -> str | None:
    """Fewer than 30 judged rows, or groups of rows; so few rows may be the means of folds."""
    rows = case.units
    if rows >= FEW_ROWS:
        return None
    kind = "test" if case.on_test else "validation"
    if case.groups is not None:
        return (
            f"The {case.losses.shape[2]:,} {kind} rows belong to only {rows} groups. Bounds are made for many groups "
            f"and are rough below about {FEW_ROWS}."
        )
    means = "; where they are means of folds, give the loss of every row instead" if rows <= FOLDS else ""
    count = f"There are only {rows} {kind} rows" if rows > 1 else f"There is only 1 {kind} row"
    return f"{count}. Bounds are made for many and are rough below about {FEW_ROWS}{means}."


FEW_TEST_ROWS = Check("few_test_rows", message)
