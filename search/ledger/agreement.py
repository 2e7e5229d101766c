"""Whether a trial and its losses say the same: they were written together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from search.core.results import Results
from search.ledger.trials import candidate_of

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

AGREE: Final = 1e-6  # relatively; both are means of the same numbers


def agree(found: object, expected: float) -> bool:
    """Whether a figure is the expected one; NaN is NaN."""
    if not isinstance(found, int | float):
        return False
    return math.isclose(found, expected, rel_tol=AGREE) or (math.isnan(found) and math.isnan(expected))


def difference(trial: FrozenTrial, results: Results, row: int, storage: str, place: str) -> str:
    """How a trial differs from its row of the results that were kept for it, "" where it does not.

    `storage` and `place` are the names of where the two lie.
    """
    value, loss = (trial.values or [math.nan])[0], float(results.validation_loss[row])
    if math.isnan(value) or not agree(value, loss):
        return f"has the value {value:.6g} in {storage}, and its losses in {place} have the mean {loss:.6g}"
    candidate, found = results.candidates[row], candidate_of(trial)
    if candidate != found:
        return f"is {found or 'no candidate'} in {storage}, and its losses in {place} are of {candidate}"
    return ""
