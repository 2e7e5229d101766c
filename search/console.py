"""What the command line shows to people: progress on standard error, results on standard output."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from search.verdict.text import describe

if TYPE_CHECKING:
    import pandas as pd

    from search.ledger import StudySummary
    from search.runner import Progress as Reached
    from search.runner import Run
    from search.verdict import Verdict

BAR_WIDTH = 24


class Display:
    """Live progress of a run: trials, fits a second, the best so far, time left. Silent where nobody watches."""

    def __init__(self, name: str, *, quiet: bool) -> None:
        console = Console(stderr=True)
        self._shown = console.is_terminal and not quiet
        self._quiet = quiet
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(BAR_WIDTH),
            MofNCompleteColumn(),
            TextColumn("trials"),
            TextColumn("{task.fields[pace]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not self._shown,
        )
        self._task = self._bar.add_task(escape(name), total=None, pace="")
        self._first: int | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def update(self, reached: Reached) -> None:
        """Show how far the run is."""
        if self._first is None:
            self._first = reached.finished
        pace = [f"{reached.fits / reached.seconds:,.0f} fits/s"] if reached.fits else []
        if reached.best is not None and reached.best_loss is not None:
            pace.append(f"best {reached.best_loss:.4g} ({reached.best})")
        done = reached.finished - self._first
        if done and reached.finished < reached.wanted:
            left = reached.seconds / done * (reached.wanted - reached.finished)
            pace.append(f"about {duration(left)} left")
        self._bar.update(self._task, total=reached.wanted, completed=reached.finished, pace="  ".join(pace))

    def stage(self, text: str) -> None:
        """Say what is being done after the trials."""
        self._bar.update(self._task, pace=text)

    def note(self, text: str) -> None:
        """A line on standard error, above the progress."""
        if not self._quiet:
            self._bar.console.print(text)


def print_result(run: Run, verdict: Verdict | None) -> None:
    """The curve as a table, the selected candidate with its validation loss, and the verdict unless it is sealed."""
    console = _wide_console()
    facts = run.summary()
    selected = facts["selected"]
    table = run.ledger.trials()
    states = ", ".join(f"{count} {state}" for state, count in facts["trials"].items() if count)
    console.print(
        f"[bold]{escape(run.settings.name)}[/]: {states} trials, {facts['fits']:,} fits, {duration(facts['seconds'])}"
    )
    if selected is None:
        console.print("No trial is complete, so nothing is selected.")
        return
    console.print(curve(table, int(selected["trial"])))
    console.print(
        f"Selected: [bold]{run.ledger.candidate(selected['trial'])}[/] (trial {selected['trial']}), "
        f"validation loss {number(run.ledger.validation_loss(selected['trial']))}"
    )
    if verdict is None:
        console.print(f"The test set is sealed; to open it: lambda-search verdict {escape(run.settings.name)}")
    else:
        console.print(describe(verdict), highlight=False, markup=False, soft_wrap=True)
    console.print(f"Kept in {escape(facts['storage'])}.")


def curve(trials: pd.DataFrame, selected: int) -> Table:
    """Validation loss against lambda for every penalty; equal candidates once."""
    table = Table(box=None, pad_edge=False)
    mixed = trials["l1_ratio"].notna().any()
    ratio = ["l1_ratio"] if mixed else []
    for heading in ("penalty", "lambda", *ratio, "train loss", "validation loss", "se", "||w||", "nonzero"):
        table.add_column(heading, justify="left" if heading == "penalty" else "right", no_wrap=True)
    complete = trials[trials["state"] == "complete"].sort_values(["penalty", "lambda", "l1_ratio", "trial"])
    distinct = complete.drop_duplicates(["penalty", "lambda", "l1_ratio"])
    for row in distinct.to_dict("records"):
        measures = (row["train_loss"], row["validation_loss"], row["validation_se"], row["weight_norm"])
        table.add_row(
            row["penalty"],
            "" if row["penalty"] == "none" else number(row["lambda"]),
            *(["" if math.isnan(row["l1_ratio"]) else f"{row['l1_ratio']:.2f}"] if mixed else []),
            *map(number, measures),
            f"{row['nonzero']:.0%}",
            style="bold" if row["trial"] == selected else None,
        )
    return table


def print_studies(studies: Sequence[StudySummary], storage: str) -> None:
    """A table of studies, the latest first."""
    console = _wide_console()
    if not studies:
        console.print(f"no studies in {escape(storage)}; start one with: lambda-search run STUDY.toml")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("study", "complete", "pruned", "failed", "running", "validation loss", "selected", "last trial"):
        table.add_column(heading, justify="left" if heading in {"study", "selected"} else "right")
    for study in studies:
        counts = (study.complete, study.pruned, study.failed, study.running)
        loss = "" if study.best_loss is None else number(study.best_loss)
        when = "" if study.when is None else f"{study.when:%Y-%m-%d %H:%M}"
        table.add_row(escape(study.name), *map(str, counts), loss, str(study.selected or ""), when)
    console.print(table)


def study_facts(study: StudySummary) -> dict[str, Any]:
    """A study's summary as JSON has it."""
    return {
        "study": study.name,
        "trials": {state: getattr(study, state) for state in ("complete", "pruned", "failed", "running")},
        "validation_loss": finite(study.best_loss),
        "selected": None if study.selected is None else study.selected.params(),
        "when": None if study.when is None else study.when.isoformat(timespec="seconds"),
    }


def _wide_console() -> Console:
    """Standard output; where it is no terminal, wide enough that no number is cut."""
    console = Console()
    return console if console.is_terminal else Console(width=120)


def finite(value: float | None) -> float | None:
    """JSON has no infinity: None stands for it."""
    return value if value is not None and math.isfinite(value) else None


def number(value: float) -> str:
    """Four significant digits."""
    return f"{value:.4g}"


def duration(seconds: float) -> str:
    """Seconds for people: 4.2 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
