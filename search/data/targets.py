"""Targets: numbers to predict (regression), or classes numbered 0..K-1."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas import DataFrame, Series
from pandas.api import types

from search.core.errors import UserError
from search.data.columns import first_row, is_numeric, refuse_huge, refuse_nested, repeats, tidy_column
from search.data.limits import LARGEST_TARGET
from search.metrics import Kind, TaskName

MOST_INTEGER_CLASSES = 4
Label = str | int | float | bool


@dataclass(frozen=True, eq=False)
class Targets:
    """What to predict for every row.

    `y` has shape (rows, targets), float64, for regression, and (rows,), int64, for classes, whose labels are `classes`,
    and as the user wrote them (numbers, true and false, or text) `labels`. `notes` tell what was guessed and may be
    meant in another way.
    """

    kind: Kind
    names: tuple[str, ...]
    classes: tuple[str, ...]
    y: NDArray[Any]
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def outputs(self) -> int:
        """The number of values that a model returns for a row."""
        if self.kind == "regression":
            return len(self.names)
        return 1 if self.kind == "binary" else len(self.classes)


def encode_targets(frame: DataFrame, task: str | None, where: str) -> Targets:
    """The targets of a raw table; `task` is "regression", "classification", or None: `infer_task` decides.

    Classes are the sorted labels, or a categorical column's categories in their order. Raises `UserError` for missing
    values, text where numbers are needed, and a single class.
    """
    for name in frame.columns:
        refuse_nested(frame[name], where)
        _refuse_missing(frame[name], where)
    guess = infer_task(frame) if task is None else None
    if (task if guess is None else guess.task) == "regression":
        return _regression(frame, where)
    if len(frame.columns) > 1:
        raise UserError(f"{where}: classification takes one target column, found {len(frame.columns)}")
    targets = _classes(frame.iloc[:, 0], task, where)
    return targets if guess is None or not guess.open else replace(targets, notes=(_could_be_amounts(frame, guess),))


class Guess(NamedTuple):
    """What the target was taken for: the task, and why; `open` where it may well be the other."""

    task: TaskName
    why: str
    open: bool = False


def _could_be_amounts(frame: DataFrame, guess: Guess) -> str:
    return (
        f'target "{frame.columns[0]}" holds {guess.why}: taken as classes; if they are amounts, write data.task = '
        '"regression"'
    )


def infer_task(frame: DataFrame) -> Guess:
    """Regression or classification, from the target columns.

    Several columns are regression. One column is classification when it holds text, true/false, categories, or very few
    distinct integers: two, or at most four with five rows each on average. All else is regression: numbers with a
    fraction, floating-point numbers, and counts.
    """
    column = frame.iloc[:, 0]
    values = types.infer_dtype(column)  # looks into columns of objects, such as a parquet file's decimals
    if len(frame.columns) > 1:
        return Guess("regression", "several numbers")
    if values in ("floating", "mixed-integer-float", "decimal"):
        return Guess("regression", "numbers with decimals")
    distinct = column.nunique()
    if values != "integer":
        kind = "true and false" if values == "boolean" else "text"
        return Guess("classification", f"{kind}, {distinct:,} different")
    few = distinct <= 2 or (distinct <= MOST_INTEGER_CLASSES and repeats(column))
    why = f"whole numbers, {distinct:,} different"
    return Guess("classification", why, open=True) if few else Guess("regression", why)


def _refuse_missing(column: Series, where: str) -> None:
    missing = column.isna()
    if missing.any():
        raise UserError(
            f'{where}: target "{column.name}" is missing in {int(missing.sum())} rows, the first {first_row(missing)}; '
            "fill them in or remove these rows"
        )


def _regression(frame: DataFrame, where: str) -> Targets:
    columns = [tidy_column(frame[name], where) for name in frame.columns]
    for column in columns:
        if not is_numeric(column):
            bad = Series(pd.to_numeric(column, errors="coerce"), column.index).isna()
            raise UserError(
                f'{where}: target "{column.name}" holds text, the first "{column[bad].iloc[0]}" in {first_row(bad)}; '
                'regression needs numbers (or set task = "classification")'
            )
        refuse_huge(column, LARGEST_TARGET, where)
    y = np.column_stack([column.to_numpy(np.float64) for column in columns])
    return Targets("regression", tuple(frame.columns), (), y)


def _classes(column: Series, task: str | None, where: str) -> Targets:
    if task is None:
        # Text that is nearly all numbers is a slip of the pen, not a set of labels.
        tidy_column(column, where)
    labels = column.cat.remove_unused_categories() if _is_categorical(column) else column.astype("category")
    classes = tuple(map(_label, labels.cat.categories))
    if len(classes) < 2:
        raise UserError(
            f'{where}: target "{column.name}" is "{classes[0]}" in every row; classification needs two classes or more'
        )
    kind: Kind = "binary" if len(classes) == 2 else "multiclass"
    own = tuple(each if isinstance(each, Label) else str(each) for each in labels.cat.categories.tolist())
    return Targets(kind, (str(column.name),), classes, labels.cat.codes.to_numpy(np.int64), own)


def _is_categorical(column: Series) -> bool:
    return isinstance(column.dtype, pd.CategoricalDtype)


def _label(value: object) -> str:
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)
