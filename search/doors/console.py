"""What the command line shows to people of a study: tables and sentences on standard output."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from search.core.text import duration, number, words

if TYPE_CHECKING:
    import pandas as pd

    from search.doors.study import Study
    from search.ledger import StudySummary

DIGITS = 4
MEASURES = {
    "train_loss": "train loss",
    "validation_loss": "validation loss",
    "validation_se": "se",
    "weight_norm": "||w||",
    "nonzero": "nonzero",
}
MOST_ROWS = 100  # of a table on a console
BOUNDLESS = 1000  # letters: what a table would like to have is measured against no end
STATES = ("complete", "pruned", "failed", "running")
DISPENSABLE = ("weight_norm", "validation_se", "nonzero", "train_loss")  # the first one first


def command(*words: str) -> str:
    """What to type to have the program do something: a name with blanks or signs is quoted."""
    return shlex.join(["lambda-search", *words])


def print_result(study: Study) -> None:
    """The curve as a table, the selected candidate with its validation loss, and the verdict unless it is sealed."""
    from search.verdict import describe

    console = wide_console()
    facts = study.to_dict()
    selected = facts["selected"]
    states = ", ".join(f"{count} {state}" for state, count in facts["trials"].items() if count)
    console.print(
        f"[bold]{escape(study.name)}[/]: {states} trials, {facts['fits']:,} fits, {duration(facts['seconds'])}"
    )
    if selected is None:
        console.print("No trial is complete, so nothing is selected.")
        return
    console.print(fitting(console, study.candidates, study.snapshot.selected or 0))
    if len(study.candidates) > MOST_ROWS:
        every = escape(command("export", study.name, "-o", "trials.csv"))
        console.print(f"{MOST_ROWS} of {len(study.candidates):,} candidates are shown, spread evenly; all: {every}")
    console.print(
        f"Selected: [bold]{escape(str(study.selected))}[/] (trial {selected['trial']}), "
        f"validation loss {number(study.selected_loss, DIGITS)}"
    )
    if study.verdict is None:
        console.print(f"The test set is sealed; to open it: {escape(command('verdict', study.name))}")
    else:
        console.print(describe(study.verdict), highlight=False, markup=False, soft_wrap=True)
    console.print(f"Kept in {escape(facts['storage'])}.")


def fitting(console: Console, candidates: pd.DataFrame, selected: int) -> Table:
    """The curve without those measures for which the console is too narrow: a number is whole or it is not there."""
    boundless = console.options.update(max_width=BOUNDLESS)
    for count in range(len(DISPENSABLE)):
        table = curve(candidates, selected, frozenset(DISPENSABLE[:count]))
        if console.measure(table, options=boundless).maximum <= console.width:
            return table
    return curve(candidates, selected, frozenset(DISPENSABLE))


def curve(candidates: pd.DataFrame, selected: int, without: frozenset[str] = frozenset()) -> Table:
    """Validation loss against lambda for every penalty, from a row a candidate; `selected` is a position.

    Of more than `MOST_ROWS` candidates so many are shown, evenly, with the selected one. `without` names the measures
    to leave out.
    """
    measures = {name: heading for name, heading in MEASURES.items() if name not in without}
    left_out = {"trial", "penalty", "epochs", "trained_epochs", "seconds", "nonzero_groups", *MEASURES}
    names = [str(name) for name in candidates]
    own = [name for name in names if name not in left_out or (name == "epochs" and "trained_epochs" in names)]
    table = Table(box=None, pad_edge=False)
    for heading in ("penalty", *own, *measures.values()):
        table.add_column(heading, justify="left" if heading == "penalty" else "right", no_wrap=True)
    ordered = candidates.assign(selected=candidates.index == selected).sort_values(["penalty", *own, "trial"])
    for row in ordered.iloc[_spread(ordered["selected"].to_list())].to_dict("records"):
        table.add_row(
            words(str(row["penalty"])),
            *(_parameter(name, row) for name in own),
            *(f"{row[name]:.0%}" if name == "nonzero" else number(row[name], DIGITS) for name in measures),
            style="bold" if row["selected"] else None,
        )
    return table


def _spread(selected: list[bool]) -> list[int]:
    """The places of the rows that are shown, where the one at the selected row's turn gives way to it."""
    count, last = len(selected), MOST_ROWS - 1
    if count <= MOST_ROWS:
        return list(range(count))
    places = [round(turn * (count - 1) / last) for turn in range(MOST_ROWS)]
    chosen = selected.index(True)
    places[round(chosen * last / (count - 1))] = chosen
    return places


def _parameter(name: str, row: dict[Any, Any]) -> str:
    value = row[name]
    if value is None or (name == "lambda" and row["penalty"] == "none"):
        return ""
    if isinstance(value, str):
        return value
    if math.isnan(value):
        return ""
    return f"{value:.2f}" if name == "l1_ratio" else number(value, DIGITS)


def print_studies(studies: Sequence[StudySummary], storage: str) -> None:
    """A table of studies with their validation losses, the latest first; states that no trial has are left out."""
    console = wide_console()
    if not studies:
        console.print(f"no studies in {escape(storage)}; start one with: lambda-search run STUDY.toml")
        return
    table = Table(box=None, pad_edge=False)
    states = [state for state in STATES if state == "complete" or any(getattr(each, state) for each in studies)]
    for heading in ("study", *states, "loss", "selected", "last trial"):
        left = heading in {"study", "selected"}
        table.add_column(heading, justify="left" if left else "right", no_wrap=heading == "last trial")
    for study in studies:
        counts = [str(getattr(study, state)) for state in states]
        loss = "" if study.best_loss is None else number(study.best_loss, DIGITS)
        when = "" if study.when is None else f"{study.when:%Y-%m-%d %H:%M}"
        table.add_row(escape(study.name), *counts, loss, str(study.selected or ""), when)
    console.print(table)


def study_facts(study: StudySummary) -> dict[str, Any]:
    """A study's summary as JSON has it."""
    return {
        "study": study.name,
        "trials": {state: getattr(study, state) for state in STATES},
        "validation_loss": finite(study.best_loss),
        "selected": None if study.selected is None else study.selected.params(),
        "when": None if study.when is None else study.when.isoformat(timespec="seconds"),
    }


def wide_console() -> Console:
    """Standard output; where it is no terminal, wide enough that no number is cut."""
    console = Console()
    return console if console.is_terminal else Console(width=120)


def finite(value: float | None) -> float | None:
    """JSON has no infinity: None stands for it."""
    return value if value is not None and math.isfinite(value) else None
