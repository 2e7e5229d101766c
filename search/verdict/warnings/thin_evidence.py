"""A row or two carry the difference that the answer hangs on."""

from __future__ import annotations

from search.verdict.comparison import Comparison
from search.verdict.warnings.base import Check


def message(case: Comparison) -> str | None:
    """See `Comparison.thin`; the answer is then "cannot tell"."""
    if case.thin is None:
        return None
    kind = "rows" if case.groups is None else "groups of rows"
    return (
        f"Of {case.units:,} {kind} hardly more than one carries the difference that the answer hangs on "
        f"(effective number {case.thin:.1f}), so no bound from these {kind} is to be trusted: look at the largest "
        "losses, or judge by a metric in which a single row weighs less (numbers: mae, classes: error_rate)."
    )


THIN_EVIDENCE = Check("thin_evidence", message)
