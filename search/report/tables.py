"""The page's tables: what a reader looks up, as rows of text that the page can sort."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from search.records import held_out_mean
from search.report.figures.rules import WORDS
from search.report.view import StudyView
from search.verdict.record import Verdict

MOST_ROWS: Final = 300
MISSING: Final = "–"  # noqa: RUF001 - a dash is what readers know for "nothing here"


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading; `numeric` ones are sorted as numbers and stand at the right."""

    heading: str
    numeric: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text. `sorted_by` is the column that they ascend by, `marked` the row to point out (None: none)."""

    name: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    sorted_by: int | None = None
    marked: int | None = None


def trials_table(view: StudyView) -> Table:
    """The trials with the lowest validation loss, at most `MOST_ROWS`; test losses where they are open."""
    ranked = with_test_loss(view, view.trials).sort_values(["validation_loss", "trial"], na_position="last")
    shown = ranked.head(MOST_ROWS).reset_index(drop=True)
    fields = [field for field in TRIAL_FIELDS if field in shown and (field in ALWAYS or shown[field].notna().any())]
    best = None if view.selected is None else view.candidates["trial"][view.selected]
    marked = shown.index[shown["trial"] == best].tolist()
    return Table(
        "trials-table",
        "Trials",
        _trials_caption(len(shown), len(ranked), view.name),
        tuple(TRIAL_FIELDS[field] for field in fields),
        tuple(tuple(_cell(field, row) for field in fields) for row in shown.to_dict("records")),
        sorted_by=fields.index("validation_loss"),
        marked=marked[0] if marked else None,
    )


def leading_trials(view: StudyView, count: int = 5) -> pd.DataFrame:
    """The distinct candidates with the lowest validation loss: penalty, lambda, losses; empty columns are left out."""
    columns = ["penalty", "lambda", "l1_ratio", "train_loss", "validation_loss", "validation_se", "test_loss"]
    best = with_test_loss(view, view.candidates).sort_values("validation_loss").head(count)
    return best[columns].dropna(axis="columns", how="all")


def with_test_loss(view: StudyView, trials: pd.DataFrame) -> pd.DataFrame:
    """These trials with a column test_loss, NaN for one that is sealed, not complete, or without test rows."""
    key = ["penalty", "lambda", "l1_ratio"]
    losses = np.nan if view.test is None else [held_out_mean(rows) for rows in view.test]
    known = view.candidates[[*key, "state"]].assign(test_loss=losses)
    return trials.merge(known, how="left", on=[*key, "state"])


def rules_table(verdict: Verdict) -> Table:
    """What each selection rule would have chosen, and what that costs on the test rows."""
    rows = [
        (
            WORDS[rule.rule].replace("<br>", " "),
            penalty_name(rule.penalty),
            MISSING if rule.penalty == "none" else digits(rule.lambda_),
            digits(rule.test_loss),
            digits(rule.regret),
        )
        for rule in verdict.rules
    ]
    headings = ("rule", "penalty", "lambda", "test loss", "regret")
    caption = (
        "What other ways to select would have chosen from the same validation losses. Regret: the test loss of "
        "the choice minus the lowest one."
    )
    columns = tuple(Column(heading, numeric=heading not in {"rule", "penalty"}) for heading in headings)
    return Table("rules-table", "Rules in numbers", caption, columns, tuple(rows))


def seeds_of(settings: Mapping[str, Any]) -> dict[str, str]:
    """The seeds of the study file: dotted key -> value."""
    tables = {name: table for name, table in settings.items() if isinstance(table, Mapping)}
    return {f"{name}.seed": str(table["seed"]) for name, table in tables.items() if "seed" in table}


def versions_of(history: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Software -> the versions that worked on the study, first to last, each once."""
    names = dict.fromkeys(name for versions in history for name in versions)
    return {name: ", then ".join(dict.fromkeys(each[name] for each in history if name in each)) for name in names}


def penalty_name(penalty: object) -> str:
    """A penalty in words; a dash where a trial was stopped before it had one."""
    return penalty.replace("_", " ") if isinstance(penalty, str) else MISSING


def digits(value: float | None) -> str:
    """Four significant digits; a dash for what is not there."""
    if value is None or math.isnan(value):
        return MISSING
    return f"{value:.4g}" if math.isfinite(value) else "infinity"


TRIAL_FIELDS: Final = {
    "trial": Column("trial"),
    "state": Column("state", numeric=False),
    "penalty": Column("penalty", numeric=False),
    "lambda": Column("lambda"),
    "l1_ratio": Column("l1 ratio"),
    "train_loss": Column("train loss"),
    "validation_loss": Column("validation loss"),
    "validation_se": Column("standard error"),
    "test_loss": Column("test loss"),
    "weight_norm": Column("weight norm"),
    "nonzero": Column("nonzero, %"),
    "epochs": Column("epochs"),
}
ALWAYS: Final = ("trial", "state", "penalty", "lambda", "validation_loss")


def _trials_caption(shown: int, total: int, name: str) -> str:
    cut = "" if shown == total else f"The {shown} with the lowest validation loss of {total:,} trials. "
    return (
        f"{cut}Losses are means over replicates and rows; the selected trial is set in bold. "
        f"All of them as a file: lambda-search export {name} -o trials.csv"
    )


def _cell(field: str, row: Mapping[Any, Any]) -> str:
    value = row[field]
    if field in {"trial", "epochs"}:
        return MISSING if pd.isna(value) else str(int(value))
    if field == "state":
        return str(value)
    if field == "penalty":
        return penalty_name(value)
    if field == "nonzero":
        return MISSING if math.isnan(value) else f"{100 * value:.0f}"
    return MISSING if field == "lambda" and row["penalty"] == "none" else digits(value)
