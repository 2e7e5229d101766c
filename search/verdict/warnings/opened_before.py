"""Trials were added after somebody had looked at the test rows."""

from __future__ import annotations

from search.verdict.comparison import Comparison
from search.verdict.warnings.base import Check


def message(case: Comparison) -> str | None:
    """How many trials there were at the first opening, and how many there are now."""
    openings, trials = case.evidence.openings, case.evidence.trials
    if not openings or openings[0] >= trials:
        return None
    return (
        f"The test rows were opened before, first after {openings[0]} trials, and there are {trials} now. "
        "What was seen there may have guided the search, so the bounds may be too optimistic."
    )


TEST_OPENED_BEFORE = Check("test_opened_before", message)
