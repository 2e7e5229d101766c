"""Optuna's trials as candidates and rows: pure functions."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from search.records import Array, Candidate, Outcome

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

STATES: Final = {
    "COMPLETE": "complete",
    "PRUNED": "pruned",
    "FAIL": "failed",
    "RUNNING": "running",
    "WAITING": "waiting",
}
MEASURES: Final = ("train_loss", "validation_loss", "validation_se", "weight_norm", "nonzero", "epochs", "seconds")
COLUMNS: Final = ("trial", "state", "penalty", "lambda", "l1_ratio", *MEASURES)
DTYPES: Final[dict[Hashable, Any]] = {
    **dict.fromkeys(COLUMNS, "float64"),
    **{"trial": "int64", "state": "str", "penalty": "str", "epochs": "Int64"},
}
INTERRUPTED: Final = "interrupted"


def state_of(trial: FrozenTrial) -> str:
    """complete, pruned, failed, running or waiting."""
    return STATES[trial.state.name]


def candidate_of(trial: FrozenTrial) -> Candidate | None:
    """The trial's candidate; None where a kill came before all its parameters were suggested."""
    params = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
    penalty = params.get("penalty")
    if penalty is None or (penalty != "none" and "lambda" not in params):
        return None
    if penalty == "elastic_net" and "l1_ratio" not in params:
        return None
    return Candidate.from_params(params)


def attributes(outcome: Outcome) -> dict[str, Any]:
    """The trial's user attributes: means over replicates, and how many fits diverged or missed the optimum."""
    validation_loss = outcome.losses.validation_loss()
    if np.isnan(validation_loss):
        raise ValueError(f"{outcome.candidate} holds out no row: its validation loss is NaN")
    return {
        "train_loss": _mean(outcome.train_loss),
        "validation_loss": validation_loss,
        "validation_se": outcome.losses.validation_se(),
        "weight_norm": _mean(outcome.weight_norm),
        "nonzero": _mean(outcome.nonzero),
        "epochs": outcome.epochs,
        "seconds": outcome.seconds,
        "diverged": int(outcome.diverged.sum()),
        "not_converged": int((~outcome.converged).sum()),
    }


def table(trials: Iterable[FrozenTrial]) -> pd.DataFrame:
    """One row a trial, sorted by number, with the columns of an export; NaN for what a trial does not have."""
    rows = [_row(trial) for trial in sorted(trials, key=lambda trial: trial.number)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype(DTYPES)


def done(trials: Iterable[FrozenTrial]) -> dict[Candidate, int]:
    """The completed candidates, each with its first trial's number."""
    numbers: dict[Candidate, int] = {}
    for trial in trials:
        candidate = candidate_of(trial)
        if candidate is not None and state_of(trial) == "complete":
            numbers.setdefault(candidate, trial.number)
    return numbers


def best(trials: Iterable[FrozenTrial]) -> FrozenTrial | None:
    """The completed trial with the lowest validation loss; of equals the one with the largest lambda."""

    def rank(trial: FrozenTrial) -> tuple[float, float]:
        return trial.values[0], -trial.params.get("lambda", 0.0)

    return min((trial for trial in trials if state_of(trial) == "complete"), key=rank, default=None)


def left_running(trials: Iterable[FrozenTrial]) -> list[int]:
    """The numbers of the trials that were asked and not told."""
    return [trial.number for trial in trials if state_of(trial) == "running"]


def to_ask_again(trials: Sequence[FrozenTrial]) -> list[Candidate]:
    """The candidates whose latest trial was interrupted: no trial after it has taken them up."""
    latest = {candidate: trial for trial in trials if (candidate := candidate_of(trial)) is not None}
    return [candidate for candidate, trial in latest.items() if INTERRUPTED in trial.user_attrs]


def _mean(values: Array) -> float:
    return float(np.mean(values, dtype=np.float64))


def _row(trial: FrozenTrial) -> dict[str, Any]:
    candidate = candidate_of(trial)
    params = {} if candidate is None else {"penalty": candidate.penalty, "lambda": candidate.lambda_}
    ratio = None if candidate is None else candidate.l1_ratio
    measures = {name: trial.user_attrs.get(name) for name in MEASURES}
    return {"trial": trial.number, "state": state_of(trial), **params, "l1_ratio": ratio, **measures}
