"""Judged on the rows that picked the candidate."""

from __future__ import annotations

from search.verdict.comparison import Comparison
from search.verdict.warnings.base import Check


def message(case: Comparison) -> str | None:
    """There are no test rows."""
    if case.on_test:
        return None
    return (
        "There are no test rows: the verdict rests on the same validation rows that picked the candidate, and they "
        "favour it."
    )


NO_TEST_ROWS = Check("no_test_rows", message)
