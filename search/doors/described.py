"""What the command line shows of a table that was read: some sentences, and a row for each input that matters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from search.core.text import number, percent
from search.doors.console import wide_console

if TYPE_CHECKING:
    from search.data.describe import Column, Description, Target

MOST_ROWS: Final = 20  # of more inputs those with gaps or remarks are shown
MOST_CLASSES: Final = 8
NAME: Final = 24  # characters
LEVEL: Final = 14
LEVELS: Final = 18  # of them together, so that a row stays a line of a terminal of 80 columns
GROUPED: Final = 10_000  # from here on digits come in groups; a year does not
PLURAL: Final = ("number", "text", "date")
LARGEST: Final = 1e12


def print_description(found: Description) -> None:
    """The table in figures, on standard output."""
    console = wide_console()
    head = f"{found.where}: {found.rows:,} rows, {_inputs(len(found.columns))} ({_kinds(found.columns)})"
    lines = [*map(_target, found.targets), _task(found)]
    console.print(Text(head, "bold"), *map(Text, lines), sep="\n")
    shown = shown_columns(found.columns)
    if shown:
        console.print(_table(shown, found.rows))
    if rest := [column for column in found.columns if column not in shown]:
        gaps = sum(column.missing > 0 for column in rest)
        told = f", {gaps} of them with missing values" if gaps else ", which lack nothing"
        console.print(Text(f"and {_inputs(len(rest), 'further ')} ({_kinds(rest)}){told}"))


def shown_columns(columns: Sequence[Column]) -> list[Column]:
    """All of a few; of many the first with something to look at: remarks before gaps, large gaps before small."""
    if len(columns) <= MOST_ROWS:
        return list(columns)
    telling = [column for column in columns if column.missing or column.remarks]
    first = sorted(telling, key=lambda column: (not column.remarks, -column.missing))[:MOST_ROWS]
    return [column for column in columns if column in first]


def _table(columns: Sequence[Column], rows: int) -> Table:
    gaps, looks = any(column.missing for column in columns), any(column.remarks for column in columns)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("input", max_width=NAME, no_wrap=True)
    table.add_column("kind", no_wrap=True)
    if gaps:
        table.add_column("missing", justify="right", no_wrap=True)
    table.add_column("values")
    if looks:
        table.add_column("look at", style="yellow")
    for column in columns:
        gap = f"{column.missing:,} ({percent(column.missing / rows)})" if column.missing else ""
        look = "; ".join(remark.short for remark in column.remarks)
        table.add_row(*map(Text, [column.name, column.kind, *[gap] * gaps, _values(column), *[look] * looks]))
    return table


def _inputs(count: int, which: str = "") -> str:
    return f"{count:,} {which}input{'s' * (count != 1)}"


def _kinds(columns: Sequence[Column]) -> str:
    """Such as "4 numbers, 2 texts", the most frequent first."""
    counts = Counter(column.kind for column in columns)
    return ", ".join(f"{count} {kind}{'s' * (count > 1 and kind in PLURAL)}" for kind, count in counts.most_common())


def _target(target: Target) -> str:
    if not target.classes:
        ends = f"from {_plain(target.low)} to {_plain(target.high)}"
        return f'Target "{target.name}": {ends}, mean {_plain(target.mean)}, sd {_plain(target.deviation)}'
    shown = ", ".join(f"{_short(label)} {rows:,}" for label, rows in target.classes[:MOST_CLASSES])
    more = ", ..." * (len(target.classes) > MOST_CLASSES)
    return f'Target "{target.name}": {len(target.classes)} classes: {shown}{more}'


def _task(found: Description) -> str:
    """What the target was taken for, why, and how to say otherwise."""
    if found.why is None:
        return f"Task: {found.task}, as asked"
    if len(found.targets) > 1:
        return f"Task: {found.task} ({found.why})"
    other = "regression" if found.task == "classification" else "classification"
    return f"Task: {found.task} ({found.why}); else --task {other}"


def _values(column: Column) -> str:
    if column.kind == "number":
        return _plain(column.low) if column.distinct == 1 else f"{_plain(column.low)} to {_plain(column.high)}"
    if column.kind == "date":
        return f"{column.low} to {column.high}"
    if column.kind == "text":
        names = [_short(level) for level, _ in column.levels]
        while len(names) > 1 and len(", ".join(names)) > LEVELS:
            names.pop()
        more = ["..."] * (column.distinct > len(names))
        return f"{column.distinct:,} level{'s' * (column.distinct != 1)}: {', '.join([*names, *more])}"
    return ", ".join(f"{level} {rows:,}" for level, rows in column.levels)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LEVEL else text[: LEVEL - 1] + "…"


def _plain(value: float | str | None) -> str:
    """A number in the unit of its column: its digits before the point all of them, four at least."""
    assert isinstance(value, float)
    if not GROUPED / 10 <= abs(value) < LARGEST:
        return number(value, 4)
    return f"{value:,.0f}" if abs(value) >= GROUPED else f"{value:.0f}"
