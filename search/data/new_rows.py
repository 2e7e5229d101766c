"""New rows for a fitted preprocessing: the columns that it knows, found by name, each of the kind that it had."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from pandas import DataFrame, Series
from pandas.api import types

from search.core.errors import UserError
from search.data.columns import first_row, is_numeric, tidy_column
from search.data.dates import new_dates
from search.data.preprocess import Levels, Preprocessor
from search.data.readers import as_frame, read_rows

NAMED = 5


def new_rows(found: object, preprocessor: Preprocessor, where: str = "data") -> DataFrame:
    """Raw rows as the tidy frame that the preprocessing takes.

    `found` is a frame, whose further columns are left out, or an array with the columns in the order of training.
    Raises `UserError` for a column that is missing, text where numbers were, infinite numbers, and no rows.
    """
    columns = preprocessor.raw_columns
    frame = as_frame(found, "x", where)
    if not hasattr(found, "columns"):
        if frame.shape[1] != len(columns):
            raise UserError(f"{where}: has {frame.shape[1]} columns; the model takes {len(columns)}: {_few(columns)}")
        frame.columns = pd.Index(columns)
    if not len(frame):
        raise UserError(f"{where}: has no rows")
    missing = [name for name in columns if name not in frame]
    if missing:
        there = f"it has {_few(list(frame.columns))}"
        raise UserError(f"{where}: lacks {_few(missing)} of the {len(columns)} columns that the model takes; {there}")
    text = {levels.name: levels for levels in preprocessor.text}
    dates = {each.name: each for each in preprocessor.dates}
    tidy: dict[str, Series] = {}
    for name in columns:
        if name in dates:
            parts = dates[name].apply(new_dates(frame[name], where))
            tidy |= {part: parts[part] for part in dates[name].columns}
        else:
            tidy[name] = _text(frame[name], text[name], where) if name in text else _numbers(frame[name], where)
    return DataFrame(tidy)


def unused(frame: DataFrame, preprocessor: Preprocessor) -> list[str]:
    """The columns that the preprocessing does not know."""
    return [str(name) for name in frame.columns if str(name) not in preprocessor.raw_columns]


def read_new_rows(path: Path, preprocessor: Preprocessor) -> DataFrame:
    """The rows of a csv or parquet file, as they are; `UserError` for a file that cannot be read, and no rows."""
    return read_rows(
        path, text=[*(each.name for each in preprocessor.text), *(each.name for each in preprocessor.dates)]
    )


def _numbers(column: Series, where: str) -> Series:
    tidy = tidy_column(column, where)
    if is_numeric(tidy):
        return tidy
    bad = Series(pd.to_numeric(tidy, errors="coerce"), tidy.index).isna() & tidy.notna()
    raise UserError(
        f'{where}: column "{column.name}" holds text, the first "{tidy[bad].iloc[0]}" in {first_row(bad)}; the model '
        "was trained with numbers there"
    )


def _text(column: Series, levels: Levels, where: str) -> Series:
    """The column as text, numbers written as the levels of training are: 3.0 is "3" where that was a level."""
    if types.is_datetime64_any_dtype(column.dtype) or types.is_timedelta64_dtype(column.dtype):
        return tidy_column(column, where)  # which refuses them
    known = {*levels.levels, *levels.rare}
    text = [np.nan if absent else _level(value, known) for value, absent in zip(column, column.isna(), strict=True)]
    return Series(text, column.index, dtype=object, name=column.name)


def _level(value: object, known: set[str]) -> str:
    text = str(value)
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() and text not in known else text


def _few(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names[:NAMED]) + (", ..." if len(names) > NAMED else "")
