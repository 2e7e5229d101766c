"""Optuna's trials as candidates and rows: pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from search.core.arrays import Index
from search.core.candidate import PENALTY, STRENGTH, Candidate
from search.core.choice import lowest
from search.core.results import MEASURES, Results

if TYPE_CHECKING:
    import pandas as pd
    from optuna.trial import FrozenTrial

STATES: Final = ("running", "complete", "pruned", "failed", "waiting")  # by the numbers of Optuna's states
# An export has these columns whatever was searched; further parameters stand behind them.
FIRST: Final = ("trial", "state", PENALTY, STRENGTH, "l1_ratio")
INTERRUPTED: Final = "interrupted"


def state_of(trial: FrozenTrial) -> str:
    """complete, pruned, failed, running or waiting."""
    return STATES[trial.state]


def candidate_of(trial: FrozenTrial) -> Candidate | None:
    """The trial's candidate; None where a kill came before its penalty and lambda were suggested."""
    params = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
    if PENALTY not in params or (params[PENALTY] != "none" and STRENGTH not in params):
        return None
    return _candidate(tuple(params), *params.values())


@lru_cache(maxsize=100_000, typed=True)
def _candidate(names: tuple[str, ...], *values: Any) -> Candidate:  # noqa: ANN401 - whatever Optuna's choices are
    """The candidate with these parameters: made once, though a search looks at all its trials after every batch."""
    return Candidate.from_params(dict(zip(names, values, strict=True)))


def attributes(results: Results) -> list[dict[str, Any]]:
    """Every candidate's user attributes: means over replicates, how many fits diverged or missed the optimum.

    `optimality` is that of the exact fit that is farthest from its optimum.
    """
    lost = np.isnan(results.validation_loss)
    if lost.any():
        raise ValueError(f"{results.candidates[int(lost.argmax())]} holds out no row: its validation loss is NaN")
    measured = {name: results.measure(name) for name in MEASURES}
    counted = {"diverged": results.diverged, "not_converged": None if results.converged is None else ~results.converged}
    columns: dict[str, list[Any]] = {
        **{name: [float(value) for value in values] for name, values in measured.items() if values is not None},
        **{name: [int(fits.sum()) for fits in flags] for name, flags in counted.items() if flags is not None},
    }
    if results.optimality is not None:
        columns["optimality"] = [float(each) for each in np.nanmax(results.optimality, axis=1, initial=0.0)]
    if "epochs" in columns:
        columns["epochs"] = [round(value) for value in columns["epochs"]]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def table(trials: Iterable[FrozenTrial]) -> pd.DataFrame:
    """One row a trial, sorted by number, with the columns of an export; NaN for what a trial does not have.

    Where `epochs` is searched, that column holds what was asked, and `trained_epochs` what the kept models had.
    """
    import pandas as pd

    rows = [(trial, candidate_of(trial)) for trial in sorted(trials, key=lambda trial: trial.number)]
    searched = dict.fromkeys(name for _, each in rows if each is not None for name in each if name not in FIRST)
    measures = {name: f"trained_{name}" if name in searched else name for name in MEASURES}
    frame = pd.DataFrame(
        [
            {"trial": trial.number, "state": state_of(trial)}
            | dict(candidate or {})
            | {column: trial.user_attrs.get(name) for name, column in measures.items()}
            for trial, candidate in rows
        ],
        columns=[*FIRST, *searched, *measures.values()],
    )
    numbers = [name for name in frame.columns if name not in {"trial", "state", PENALTY, *searched, measures["epochs"]}]
    return frame.astype(
        {
            **dict.fromkeys(numbers, "float64"),
            "trial": "int64",
            "state": "str",
            PENALTY: "str",
            measures["epochs"]: "Int64",
        }
    )


class Distinct(NamedTuple):
    """The completed trials with each candidate once.

    `numbers` are those of the trials that stand for the candidates: the first of each, and the selected one for its
    own. `complete` says of every completed trial where among them its candidate is; `selected` is a place too, None
    without a completed trial.
    """

    numbers: list[int]
    complete: Index
    selected: int | None


def distinct(trials: Sequence[FrozenTrial]) -> Distinct:
    """The completed trials with each candidate once; one that is not a candidate of ours stands for itself."""
    complete = [trial for trial in trials if state_of(trial) == "complete"]
    own = [candidate_of(trial) or trial.number for trial in complete]
    first: dict[Candidate | int, int] = {}
    for key, trial in zip(own, complete, strict=True):
        first.setdefault(key, trial.number)
    chosen = best(complete)
    if chosen is not None:
        first[own[complete.index(chosen)]] = chosen.number
    place = {key: index for index, key in enumerate(first)}
    selected = None if chosen is None else list(first.values()).index(chosen.number)
    return Distinct(list(first.values()), np.array([place[key] for key in own], dtype=np.intp), selected)


def best(trials: Iterable[FrozenTrial]) -> FrozenTrial | None:
    """The completed trial with the lowest validation loss; of equals the one with the largest lambda."""
    complete = [trial for trial in trials if state_of(trial) == "complete"]
    if not complete:
        return None
    losses = np.array([trial.values[0] for trial in complete], dtype=np.float64)
    strength = np.array([trial.params.get(STRENGTH, 0.0) for trial in complete], dtype=np.float64)
    return complete[int(lowest(losses, strength))]
