"""The columns that say how rows are cut: which are test rows, which belong together, which come first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from pandas import Series
from pandas.api import types

from search.core.arrays import Flags, Index
from search.core.errors import UserError
from search.core.groups import numbered
from search.data.columns import first_row

TRUTH_VALUES = {"true": True, "1": True, "false": False, "0": False}


def _marked(column: Series, where: str) -> Flags:
    # A number that pandas made a float because of a missing neighbour still reads 0 or 1.
    text = column.map(lambda value: f"{value:g}" if isinstance(value, float) else str(value).strip().lower())
    marks = text.map(TRUTH_VALUES)
    bad = marks.isna()
    if bad.any():
        raise UserError(
            f'{where}: split.test_column = "{column.name}" is "{column[bad].iloc[0]}" in {first_row(bad)}; '
            "it must be true or false (or 1 or 0) in every row"
        )
    return marks.to_numpy(np.bool_)


def _grouped(column: Series, where: str) -> Index:
    """The groups' numbers, in the order in which they are met."""
    _refuse_missing(column, where, "group_column")
    return numbered(column)


def _timed(column: Series, where: str) -> Index:
    """The distinct times' numbers, in their order: of numbers, or of dates."""
    _refuse_missing(column, where, "time_column")
    times = column if types.is_numeric_dtype(column) or types.is_datetime64_any_dtype(column) else _dates(column, where)
    return np.asarray(pd.factorize(times, sort=True)[0], dtype=np.int64)


def _dates(column: Series, where: str) -> Series:
    """Text as numbers or as dates of one meaning: 3/4/2024 is in March or in April."""
    text = column.astype(str)
    numbers = pd.to_numeric(text, errors="coerce")
    if not numbers.isna().any():
        return Series(numbers)
    dates = Series(pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce"))
    bad = dates.isna()
    if bad.any():
        raise UserError(
            f'{where}: split.time_column = "{column.name}" is "{text[bad].iloc[0]}" in {first_row(bad)}; '
            "it must hold numbers, or dates written as 2024-12-31 or 2024-12-31 23:59"
        )
    return dates


def _refuse_missing(column: Series, where: str, key: str) -> None:
    missing = column.isna()
    if missing.any():
        raise UserError(
            f'{where}: split.{key} = "{column.name}" is missing in {int(missing.sum())} rows, the first '
            f"{first_row(missing)}; fill them in or remove these rows"
        )


def refuse_torn(groups: Index | None, test: Flags | None, where: str) -> None:
    """`UserError` where the marked test rows are not whole groups."""
    if groups is None or test is None:
        return
    torn = np.intersect1d(groups[test], groups[~test])
    if len(torn):
        one, other = (int(np.flatnonzero((groups == torn[0]) & part)[0]) + 1 for part in (test, ~test))
        raise UserError(
            f"{where}: split.test_column marks row {one} and not row {other}, which are of one group; mark whole groups"
        )


# By the key of [split] that names the column.
READ: Final[Mapping[str, Callable[[Series, str], Any]]] = {
    "test_column": _marked,
    "group_column": _grouped,
    "time_column": _timed,
}
