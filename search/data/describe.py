"""What a table holds, as plain facts: its columns by kind, their gaps and ranges, the target, and what to look at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from pandas import DataFrame, Series
from pandas.api import types

from search.core.errors import UserError
from search.data.columns import is_numeric
from search.data.dates import Dates, as_times
from search.data.readers import Raw
from search.data.remarks import Remark, copies, remarks_on
from search.data.tables import Table
from search.data.targets import infer_task
from search.metrics import TaskName, task_of

Kind = Literal["number", "true/false", "text", "date", "empty"]
SHOWN: Final = 3  # levels
SUSPECT: Final = ("row number", "in order", "identifier", "copy")  # codes of remarks


@dataclass(frozen=True)
class Column:
    """An input as the file has it.

    `missing` counts rows, `distinct` the values that differ, true and false being two. `low` and `high` are those
    of numbers and, as ISO text, of dates, whose numbers are named in `parts`. `levels`
    are the most frequent values of text, true and false with their rows.
    """

    name: str
    kind: Kind
    missing: int
    distinct: int
    low: float | str | None = None
    high: float | str | None = None
    levels: tuple[tuple[str, int], ...] = ()
    remarks: tuple[Remark, ...] = ()
    parts: tuple[str, ...] = ()

    @property
    def suspect(self) -> Remark | None:
        """Why it may be no input: it numbers or names the rows, or is a copy of the target."""
        return next((remark for remark in self.remarks if remark.code in SUSPECT), None)


@dataclass(frozen=True)
class Target:
    """A target: mean, standard deviation and ends of a number in its own unit, or the rows of each class."""

    name: str
    mean: float | None = None
    deviation: float | None = None
    low: float | None = None
    high: float | None = None
    classes: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Description:
    """A table: where it was found, its rows, its inputs in their order, its targets, and the task with the reason.

    The reason is None where the task was asked for.
    """

    where: str
    rows: int
    columns: tuple[Column, ...]
    targets: tuple[Target, ...]
    task: TaskName
    why: str | None

    @property
    def suspects(self) -> tuple[Column, ...]:
        """The columns that may be no inputs."""
        return tuple(column for column in self.columns if column.suspect is not None)


def describe(raw: Raw, table: Table, *, rare: int, asked: TaskName | None) -> Description:
    """The facts of a raw table and of the tidy one that it became.

    Parameters
    ----------
    raw, table
        The columns as they were read, and as `as_table` tidied them.
    rare
        Levels with fewer rows become one.
    asked
        The task, where it was not guessed.
    """
    if not isinstance(raw.inputs, DataFrame):
        raise UserError(f"{raw.where}: is no table with columns")
    dates = {each.name: each for each in table.dates}
    copied = dict(copies(table.inputs, table.targets))
    columns = [_column(raw.inputs[name], table.inputs, rare, dates.get(str(name))) for name in raw.inputs]
    return Description(
        raw.where,
        len(raw.inputs),
        tuple(_with(column, copied) for column in columns),
        _targets(table),
        task_of(table.targets.kind),
        None if asked else infer_task(raw.targets).why,
    )


def _with(column: Column, copied: dict[str, Remark]) -> Column:
    """The column, with the remark that it tells the target if it does; a date may do so by one of its parts."""
    told = [remark for name, remark in copied.items() if name in {column.name, *column.parts}]
    return replace(column, remarks=(*column.remarks, *told[:1]))


def _column(raw: Series, tidy: DataFrame, rare: int, dates: Dates | None) -> Column:
    name, missing = str(raw.name), int(raw.isna().sum())
    if dates is not None:
        when = as_times(raw)
        low, high = (f"{end:%Y-%m-%d}" for end in (when.min(), when.max()))
        taken = Remark("date", f"as {', '.join(dates.parts)}", "")
        return Column(name, "date", missing, when.nunique(), low, high, remarks=(taken,), parts=dates.columns)
    if name not in tidy:
        return Column(name, "empty", missing, 0, remarks=(Remark("empty", "left out", ""),))
    column = tidy[name]
    remarks = remarks_on(column, rare)
    if not is_numeric(column):
        return Column(name, "text", missing, column.nunique(), levels=_levels(column), remarks=remarks)
    if types.infer_dtype(raw, skipna=True) == "boolean":
        levels = _levels(column.map({1.0: "true", 0.0: "false"}))
        return Column(name, "true/false", missing, column.nunique(), levels=levels, remarks=remarks)
    ends = float(column.min()), float(column.max())
    return Column(name, "number", missing, column.nunique(), *ends, remarks=remarks)


def _levels(column: Series) -> tuple[tuple[str, int], ...]:
    return tuple((str(level), int(rows)) for level, rows in column.value_counts().head(SHOWN).items())


def _targets(table: Table) -> tuple[Target, ...]:
    targets = table.targets
    if targets.kind != "regression":
        rows = Series(targets.y).value_counts()
        counts = tuple((label, int(rows.get(place, 0))) for place, label in enumerate(targets.classes))
        return (Target(targets.names[0], classes=counts),)
    return tuple(
        Target(name, float(y.mean()), float(y.std(ddof=1)) if len(y) > 1 else 0.0, float(y.min()), float(y.max()))
        for name, y in zip(targets.names, targets.y.T, strict=True)
    )
