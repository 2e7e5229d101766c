"""Somebody else's study, of which some complete trials cannot be compared."""

from __future__ import annotations

from search.verdict.comparison import Comparison
from search.verdict.warnings.base import Check


def message(case: Comparison) -> str | None:
    """How many trials are left out, and why."""
    recording = case.evidence.recording
    if recording is None or not recording.left_out:
        return None
    count = sum(recording.left_out.values())
    reasons = ", ".join(f"{number} {reason}" for reason, number in recording.left_out.items())
    return (
        f"{count} of {count + case.evidence.trials} complete trials are left out: {reasons}. Something better may be "
        "among them."
    )


PARTLY_RECORDED = Check("partly_recorded", message)
