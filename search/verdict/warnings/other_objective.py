"""Somebody else's study, which optimises something else than the losses that it recorded."""

from __future__ import annotations

from search.verdict.comparison import Comparison
from search.verdict.warnings.base import Check


def message(case: Comparison) -> str | None:
    """What it optimises, and which trial that would have picked."""
    recording = case.evidence.recording
    if recording is None or recording.objective is None:
        return None
    own = int(case.results.trials[case.selected])
    if recording.best is None:
        other = ""
    elif recording.best == own:
        other = ", Optuna's best one too"
    else:
        other = f", where Optuna's best is trial {recording.best}"
    return (
        f"The study {recording.objective}. It is judged by the recorded validation losses, which pick trial {own}"
        f"{other}: the verdict speaks of that loss alone."
    )


OTHER_OBJECTIVE = Check("other_objective", message)
