"""The page's tables: what a reader looks up, as rows of text that the page can sort."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from search.core.candidate import PENALTY, STRENGTH
from search.core.text import NOTHING, number, words
from search.penalties import PENALTIES
from search.report.view import StudyView
from search.settings import SETTINGS
from search.verdict.record import Verdict
from search.verdict.rules import RULES

MOST_ROWS: Final = 300
DIGITS: Final = 4
HEADINGS: Final = {
    "validation_se": "standard error",
    "nonzero": "nonzero, %",
    "nonzero_groups": "nonzero groups, %",
}
TEXTS: Final = frozenset({"state", "penalty"})
LEFT_OUT: Final = frozenset({"seconds"})
SHARES: Final = frozenset({"nonzero", "nonzero_groups"})
ALWAYS: Final = frozenset({"trial", "state", "penalty", "lambda", "validation_loss"})
WHOLE: Final = frozenset({"trial", "epochs", *(name for name, each in SETTINGS.items() if each.integer)})


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
    every = with_test_loss(view)
    if not view.study.settings:  # somebody else's parameters stand there by their own names
        every = every.drop(columns=[PENALTY, STRENGTH])
    ranked = every.sort_values(["validation_loss", "trial"], na_position="last")
    shown = ranked.head(MOST_ROWS).reset_index(drop=True)
    fields = [field for field in shown.columns if field in ALWAYS or (field not in LEFT_OUT and _says(shown, field))]
    if not _has_groups(shown):
        fields = [field for field in fields if field != "nonzero_groups"]
    best = None if view.selected is None else int(view.results.trials[view.selected])
    marked = shown.index[shown["trial"] == best].tolist()
    return Table(
        "trials-table",
        "Trials",
        _trials_caption(len(shown), len(ranked), view.study.name),
        tuple(Column(HEADINGS.get(field, words(field)), numeric=field not in TEXTS) for field in fields),
        tuple(tuple(_cell(field, row) for field in fields) for row in shown.to_dict("records")),
        sorted_by=fields.index("validation_loss"),
        marked=marked[0] if marked else None,
    )


def _says(trials: pd.DataFrame, field: str) -> bool:
    """Whether a column says anything: exact solutions have no epochs."""
    known = trials[field].dropna()
    return bool(len(known) and (field != "epochs" or (known > 0).any()))


def _has_groups(trials: pd.DataFrame) -> bool:
    """Whether a penalty here takes out whole groups of weights."""
    return any(name in PENALTIES and not PENALTIES[name].elementwise for name in trials.get(PENALTY, ()))


def leading_trials(view: StudyView, count: int = 5) -> pd.DataFrame:
    """The distinct candidates with the lowest validation loss: parameters and losses; empty columns are left out."""
    results = view.results
    frame = results.frame().assign(test_loss=np.nan if results.test_loss is None else results.test_loss)
    columns = [*results.parameters(), "train_loss", "validation_loss", "validation_se", "test_loss"]
    best = frame.sort_values("validation_loss").head(count)
    shown = best[[name for name in columns if name in best]].dropna(axis="columns", how="all")
    if not results.strength:
        return shown.drop(columns=[PENALTY, STRENGTH])
    return shown.rename(columns={STRENGTH: results.strength})


def with_test_loss(view: StudyView) -> pd.DataFrame:
    """The trials with a column test_loss, NaN for one that is sealed, not complete, or without test rows."""
    trials, losses = view.study.trials, np.full(len(view.study.trials), np.nan)
    if view.results.test_loss is not None:
        losses[(trials["state"] == "complete").to_numpy()] = view.results.test_loss[view.study.complete]
    found = trials.copy()
    found.insert(list(trials.columns).index("validation_se") + 1, "test_loss", losses)
    return found


def rules_table(verdict: Verdict) -> Table:
    """What each selection rule would have chosen, and what that costs on the test rows."""
    rows = [
        (
            RULES[rule.rule].label,
            str(rule.candidate),
            number(rule.test_loss, DIGITS),
            number(rule.regret, DIGITS),
        )
        for rule in verdict.rules
    ]
    headings = ("rule", "choice", "test loss", "regret")
    caption = (
        "What other ways to select would have chosen from the same validation losses. Regret: the test loss of "
        "the choice minus the lowest one."
    )
    if any(rule.regret is not None and rule.regret < 0 for rule in verdict.rules):
        caption += " Below 0: choosing anew in each turn did better than any one candidate."
    columns = tuple(Column(heading, numeric=heading not in {"rule", "choice"}) for heading in headings)
    return Table("rules-table", "Rules in numbers", caption, columns, tuple(rows))


def seeds_of(settings: Mapping[str, Any]) -> dict[str, str]:
    """The seeds of the study file: dotted key -> value."""
    tables = {name: table for name, table in settings.items() if isinstance(table, Mapping)}
    return {f"{name}.seed": str(table["seed"]) for name, table in tables.items() if "seed" in table}


def versions_of(history: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Software -> the versions that worked on the study, first to last, each once."""
    names = dict.fromkeys(name for versions in history for name in versions)
    return {name: ", then ".join(dict.fromkeys(each[name] for each in history if name in each)) for name in names}


def _trials_caption(shown: int, total: int, name: str) -> str:
    cut = "" if shown == total else f"The {shown} with the lowest validation loss of {total:,} trials. "
    return (
        f"{cut}Losses are means over replicates and rows; the selected trial is set in bold. "
        f"All of them as a file: {shlex.join(['lambda-search', 'export', name, '-o', 'trials.csv'])}"
    )


def _cell(field: str, row: Mapping[Any, Any]) -> str:
    value = row[field]
    if pd.isna(value) or (field == "lambda" and row.get("penalty") == "none"):
        return NOTHING
    if field in TEXTS:
        return words(value)
    if isinstance(value, str):
        return value
    if field in WHOLE and value == int(value):
        return str(int(value))
    return f"{100 * value:.0f}" if field in SHARES else number(value, DIGITS)
