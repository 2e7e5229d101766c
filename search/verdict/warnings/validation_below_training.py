"""The selected validation loss is below its training loss."""

from __future__ import annotations

from search.core.means import standard_errors
from search.core.text import number
from search.verdict.comparison import Comparison
from search.verdict.warnings.base import Check


def message(case: Comparison) -> str | None:
    """By more than two standard errors."""
    train = case.results.measure("train_loss")
    if train is None:
        return None
    loss = case.results.validation_loss[case.selected]
    [error] = standard_errors(case.results.validation[[case.selected]], case.results.validation_groups)
    if not loss + 2 * error < train[case.selected]:
        return None
    return (
        f"The selected candidate's validation loss, {number(loss)}, is below its training loss, "
        f"{number(train[case.selected])}. Usual causes: too little training, a training loss that counts dropout or "
        "the penalty, validation rows that are easier, or rows that are in both."
    )


VALIDATION_BELOW_TRAINING = Check("validation_below_training", message)
