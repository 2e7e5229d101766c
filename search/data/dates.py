"""Columns of dates: they become numbers, the year, the month, the day of the week, and the hour where it differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import pandas as pd
from pandas import DataFrame, Series
from pandas.api import types

from search.core.errors import UserError
from search.data.columns import MOSTLY, drop_it, few, first_row, repeats

EXAMPLES: Final = "2024-12-31 or 2024-12-31 23:59"
# One meaning alone: 3/4/2024 is in March or in April. A time zone may follow the time.
ISO: Final = r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)?\s*(?:Z|UTC|[+-]\d{2}:?\d{2})?"
ZONE: Final = r"\s*(?:Z|UTC|[+-]\d{2}:?\d{2})$"
AMBIGUOUS: Final = r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}(?:[ ,].*)?|\d{4}[./]\d{1,2}[./]\d{1,2}(?:[ ,].*)?"

PARTS: Final[Mapping[str, Callable[[Series], Series]]] = {
    "year": lambda when: when.dt.year,
    "month": lambda when: when.dt.month,
    "weekday": lambda when: when.dt.day_of_week + 1,
    "hour": lambda when: when.dt.hour + when.dt.minute / 60 + when.dt.second / 3600,
}


@dataclass(frozen=True)
class Dates:
    """A column of dates and what becomes of it: `year`, `month` (1 to 12), `weekday` (Monday is 1), `hour` (13.5)."""

    name: str
    parts: tuple[str, ...]

    @classmethod
    def of(cls, when: Series) -> Dates:
        """The parts that say something: the hour only where times of day differ."""
        hours = PARTS["hour"](when).nunique() > 1
        return cls(str(when.name), tuple(part for part in PARTS if part != "hour" or hours))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the numbers: "when.year", ..."""
        return tuple(f"{self.name}.{part}" for part in self.parts)

    def apply(self, when: Series) -> DataFrame:
        """The numbers, float64, NaN where the date is missing."""
        parts = {f"{self.name}.{part}": PARTS[part](when).astype("float64") for part in self.parts}
        return DataFrame(parts, index=when.index)


def expand_dates(frame: DataFrame, where: str) -> tuple[DataFrame, tuple[Dates, ...]]:
    """The raw frame with numbers in place of each column of dates, and what these columns were.

    Raises `UserError` for a column that is dates but for a few values, and for one whose numbers have the name of a
    column that is there.
    """
    parts, found = [], []
    for name in frame.columns:
        when = read_dates(frame[name], where)
        if when is None:
            parts.append(frame[[name]])
            continue
        dates = Dates.of(when)
        if taken := set(dates.columns).intersection(frame.columns):
            raise UserError(
                f'{where}: column "{name}" holds dates and would become "{min(taken)}", which is a column too; '
                f"rename one of them or leave it out: {drop_it(name)}"
            )
        found.append(dates)
        parts.append(dates.apply(when))
    return (pd.concat(parts, axis=1), tuple(found)) if found else (frame, ())


def read_dates(column: Series, where: str) -> Series | None:
    """A raw column of dates as times, NaT where one is missing; None of any other column.

    Dates are what the file's format calls so, and text of which at least nine in ten values are such as `EXAMPLES`; a
    few others are slips, and refused, unless distinct values are few (then the column is a category).
    """
    if not _may_be_dates(column) or not column.notna().any():
        return None
    if isinstance(column.dtype, pd.StringDtype):
        levels = column.drop_duplicates()
        if len(levels) <= len(column) / 2 and as_times(levels).isna().all():  # most text: read once, not row by row
            return None
    when = as_times(column)
    bad = when.isna() & column.notna()
    if not bad.any():
        return when
    if not few(bad, column) or repeats(column):
        return None
    raise UserError(
        f'{where}: column "{column.name}" is dates but for {int(bad.sum())} of its values, the first '
        f'"{column[bad].iloc[0]}" in {first_row(bad)}; write dates as {EXAMPLES}, or leave the column out: '
        f"{drop_it(column.name)}"
    )


def new_dates(column: Series, where: str) -> Series:
    """The times of new rows, where the model was trained with dates; `UserError` for anything else."""
    when = as_times(column)
    bad = when.isna() & column.notna()
    if bad.any():
        raise UserError(
            f'{where}: column "{column.name}" is "{column[bad].iloc[0]}" in {first_row(bad)}; the model was trained '
            f"with dates there, such as {EXAMPLES}"
        )
    return when


def as_times(column: Series) -> Series:
    """A raw column as times on the clock of its own time zone, NaT where a value is missing or is no date."""
    if types.is_datetime64_any_dtype(column.dtype) and not isinstance(column.dtype, pd.ArrowDtype):
        return column if column.dt.tz is None else column.dt.tz_localize(None)
    text = column.astype(object).where(column.notna(), None).map(str, na_action="ignore").astype("str").str.strip()
    text = text.where(text.str.fullmatch(ISO).fillna(False).astype(bool)).str.replace(ZONE, "", regex=True)
    return Series(pd.to_datetime(text, format="ISO8601", errors="coerce"), column.index, name=column.name)


def other_dates(column: Series) -> bool:
    """Whether text is dates in a form that can be misread."""
    there = column.dropna().astype(str)
    return bool(len(there)) and float(there.str.fullmatch(AMBIGUOUS).mean()) >= MOSTLY


def _may_be_dates(column: Series) -> bool:
    kind = column.dtype
    if types.is_numeric_dtype(kind) or types.is_bool_dtype(kind) or isinstance(kind, pd.CategoricalDtype):
        return False
    return not types.is_object_dtype(kind) or types.infer_dtype(column, skipna=True) in {
        "string",
        "date",
        "datetime",
        "datetime64",
        "mixed",
    }
