"""Columns of a raw table: each becomes numbers (float64) or text (objects), with NaN where a value is missing."""

from __future__ import annotations

import json
from difflib import get_close_matches

import numpy as np
import pandas as pd
from pandas import DataFrame, Series
from pandas.api import types

from search.core.errors import UserError
from search.data.limits import LARGEST_INPUT

MOSTLY = 0.9  # of a column's values: with so many of one kind, the others are slips
MOST_LEVELS = 20
ROWS_PER_LEVEL = 5


def tidy_frame(frame: DataFrame, where: str) -> DataFrame:
    """The frame with tidy columns; those without a single value are left out, as they say nothing about any row."""
    tidy = {name: _tidy_input(frame[name], where) for name in frame.columns if frame[name].notna().any()}
    return DataFrame(tidy, index=frame.index)


def _tidy_input(column: Series, where: str) -> Series:
    try:
        return tidy_column(column, where)
    except UserError as error:
        raise UserError(f"{error}, or leave the column out: {drop_it(column.name)}") from None


def drop_it(*names: object) -> str:
    """How a study file leaves columns out."""
    return f"data.drop = {json.dumps(names, ensure_ascii=False)}"


def tidy_column(column: Series, where: str) -> Series:
    """The column as float64 numbers or as objects of text; true and false become 1 and 0.

    Text that is a number in every row becomes numbers. Where at least nine in ten values are numbers, a few distinct
    ones that come again and again ("3, 4, rotary") are levels of a category, and anything else is a slip: `UserError`,
    as for infinite values, and for what is neither number nor text (dates, complex numbers, lists).
    """
    refuse_nested(column, where)
    if types.is_object_dtype(column.dtype):
        column = column.convert_dtypes()
    if types.is_any_real_numeric_dtype(column.dtype) or types.is_bool_dtype(column.dtype):
        return _finite(Series(column.to_numpy(np.float64, na_value=np.nan), column.index, name=column.name), where)
    if isinstance(column.dtype, pd.CategoricalDtype):
        return _as_text(column)
    if types.is_string_dtype(column.dtype) or types.is_object_dtype(column.dtype):
        return _numbers_or_text(_as_text(column), where)
    raise UserError(
        f'{where}: column "{column.name}" holds {column.dtype} values; only numbers, true/false and text can be used'
    )


def refuse_nested(column: Series, where: str) -> None:
    """`UserError` for a column of lists, of tables or of bytes, as parquet files may hold them."""
    if types.is_object_dtype(column.dtype) or isinstance(column.dtype, pd.ArrowDtype):
        nested = [value for value in column if isinstance(value, tuple | bytes) or type(value).__hash__ is None]
        if nested:
            raise UserError(
                f'{where}: column "{column.name}" holds {type(nested[0]).__name__} values; only numbers, true/false '
                "and text can be used"
            )


def repeats(column: Series) -> bool:
    """Whether a column has few distinct values (at most 20) that come again (five rows each on average)."""
    distinct = column.nunique()
    return bool(distinct <= MOST_LEVELS and column.notna().sum() >= ROWS_PER_LEVEL * distinct)


def is_numeric(column: Series) -> bool:
    """Whether a tidy column holds numbers."""
    return types.is_numeric_dtype(column.dtype)


def pick(frame: DataFrame, name: str, where: str, key: str) -> Series:
    """The column of that name; `UserError`, naming the study file's key and the nearest column, where there is none."""
    if name in frame.columns:
        return frame[name]
    columns = {column.casefold(): column for column in frame.columns}
    nearest = get_close_matches(name.casefold(), list(columns), n=1, cutoff=0.0)
    hint = f'; the nearest column is "{columns[nearest[0]]}"' if nearest else ""
    raise UserError(f'{where}: {key} = "{name}" is not among the {len(frame.columns)} columns{hint}')


def first_row(marked: Series) -> str:
    """The first row that is marked, counted the way a person reads a file: row 1 is the first below the header."""
    return f"row {int(np.flatnonzero(marked.to_numpy(bool))[0]) + 1}"


def _as_text(column: Series) -> Series:
    text = column.astype(object)
    return text.where(column.isna(), text.map(str)).where(column.notna(), np.nan)


def _numbers_or_text(text: Series, where: str) -> Series:
    numbers = as_numbers(text)
    bad = numbers.isna() & text.notna()
    if not bad.any():
        return _finite(numbers, where)
    if not few(bad, text) or repeats(text):
        return text
    raise UserError(
        f'{where}: column "{text.name}" is numbers but for {int(bad.sum())} of its values, the first '
        f'"{text[bad].iloc[0]}" in {first_row(bad)}; give a number or leave it empty'
    )


def few(bad: Series, column: Series) -> bool:
    """Whether so few of a column's values are of another kind that they are slips."""
    return bool(bad.sum() <= (1 - MOSTLY) * column.notna().sum())


def as_numbers(text: Series) -> Series:
    """The numbers that text spells, NaN where it spells none."""
    return Series(pd.to_numeric(text, errors="coerce"), text.index, name=text.name).astype(np.float64)


def refuse_huge(numbers: Series, largest: float, where: str) -> None:
    """`UserError` for a number that cannot be computed with."""
    huge = numbers.abs() > largest
    if huge.any():
        raise UserError(
            f'{where}: column "{numbers.name}" is {numbers[huge].iloc[0]:g} in {first_row(huge)}, and the largest that '
            f"can be computed with is {largest:g}; mend it, leave it empty, or give the column another unit"
        )


def _finite(numbers: Series, where: str) -> Series:
    infinite = np.isinf(numbers)
    if infinite.any():
        raise UserError(
            f'{where}: column "{numbers.name}" is infinite in {int(infinite.sum())} rows, the first '
            f"{first_row(infinite)}; give finite numbers or leave them empty"
        )
    refuse_huge(numbers, LARGEST_INPUT, where)
    return numbers
