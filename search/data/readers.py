"""Readers of raw tables: scikit-learn's bundled data sets, csv and parquet files, the user's own function."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import pandas as pd
from pandas import DataFrame, Series
from pandas.api import types

from search.core.errors import UserError
from search.core.text import one_line
from search.data.columns import pick
from search.settings.plugins import import_function

if TYPE_CHECKING:
    from torch import Tensor

    from search.data.task import Task

UNNAMED_INDEX: Final = r"__index_level_\d+__"  # as pandas writes one
OTHER_SEPARATORS: Final = {";": "semicolons", "\t": "tabs"}


@dataclass(frozen=True, eq=False)
class Raw:
    """Inputs and targets as they were found, one row each; `where` names their source in error messages.

    Inputs that are taken as they are, see `ready`, are a tensor (rows, ...).
    """

    where: str
    inputs: DataFrame | Tensor
    targets: DataFrame


def read_bundled(source: str) -> Raw:
    """One of scikit-learn's bundled data sets: nothing is downloaded. Classes keep scikit-learn's order."""
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{source}")(as_frame=True)
    targets = DataFrame(bunch.target)
    if "target_names" in bunch and source != "linnerud":
        targets["target"] = pd.Categorical.from_codes(bunch.target, pd.Index(bunch.target_names).astype(str))
    return Raw(source, bunch.data, targets)


def read_file(path: Path, target: tuple[str, ...]) -> Raw:
    """A csv or parquet file with a header; `target` names its target columns, all others are inputs.

    Raises `UserError` for a file that cannot be read or is no table, and for a target that it does not have.
    """
    where, frame = str(path), read_rows(path, key=" (data.path)")
    targets = {name: pick(frame, name, where, "data.target") for name in target}
    return Raw(where, frame.drop(columns=list(target)), DataFrame(targets))


def read_rows(path: Path, text: Sequence[str] = (), key: str = "") -> DataFrame:
    """All columns of a csv or parquet file with a header; those named in `text` as they are written, not as numbers.

    Raises `UserError` for a file that cannot be read, is no table, or has no rows; `key` says where it was named.
    """
    if path.suffix.lower() not in _READERS:
        raise UserError(f'{path}: unknown file extension "{path.suffix}"; valid are {", ".join(_READERS)}')
    try:
        there = path.is_file()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    if not there:
        raise UserError(f"{path}: no such file{key}")
    frame = _read(path, text)
    if not len(frame):
        raise UserError(f"{path}: has a header but no rows")
    return frame


def read_frame(found: object, target: tuple[str, ...] | None) -> Raw:
    """A pandas frame that holds the targets too, a pair (X, y) of frames or arrays, or a torch Dataset.

    Raises `UserError` for anything else, and for a target that the frame does not have.
    """
    where = "data"
    if (ready := _ready(found, where)) is not None:
        return ready
    if isinstance(found, tuple) and len(found) == 2:
        return _pair(found, where)
    if not isinstance(found, DataFrame):
        raise UserError(
            f"{where}: is {type(found).__name__}; give a pandas DataFrame, a pair (X, y) of frames or arrays, or a "
            "torch Dataset"
        )
    if not target:
        raise UserError("data.target: name the target column of the frame, or a list of them")
    frame = as_frame(found, "x", where)
    targets = {name: pick(frame, name, where, "data.target") for name in target}
    return Raw(where, frame.drop(columns=list(target)), DataFrame(targets))


def read_function(source: str) -> Raw | Task:
    """What the user's function returns: inputs and targets as arrays, frames or a torch Dataset, or a ready `Task`.

    Raises `UserError` for a function that cannot be imported, fails, or returns something else.
    """
    from search.data.task import Task

    where = f"data.source: {source}"
    function = import_function(source, key="data.source")
    try:
        found = function()
    except Exception as error:
        raise UserError(f"{where} raised {type(error).__name__}: {one_line(error)}") from error
    if isinstance(found, Task):
        return found
    if (ready := _ready(found, where)) is not None:
        return ready
    if not (isinstance(found, tuple) and len(found) == 2):
        raise UserError(
            f"{where} returned {type(found).__name__}; it must return (X, y), a Dataset or a search.data.task.Task"
        )
    return _pair(found, where)


def _ready(found: object, where: str) -> Raw | None:
    from search.data.ready import ready_arrays  # with torch, which a file does not need to be read

    arrays = ready_arrays(found, where)
    return None if arrays is None else Raw(where, arrays[0], _array_frame(arrays[1], "y", where))


def _pair(found: tuple[object, object], where: str) -> Raw:
    inputs, targets = as_frame(found[0], "x", where), as_frame(found[1], "y", where)
    if len(inputs) != len(targets) or not len(inputs):
        raise UserError(f"{where} gave X with {len(inputs)} rows and y with {len(targets)}; both need the same rows")
    return Raw(where, inputs, targets)


def _read(path: Path, text: Sequence[str]) -> DataFrame:
    try:
        frame = _READERS[path.suffix.lower()](path, text)
    except pd.errors.EmptyDataError as error:
        raise UserError(f"{path}: is empty; the first line must name the columns") from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: cannot be read as csv: it is not UTF-8 ({one_line(error)}); save it as UTF-8"
        ) from error
    except (*_STUMBLES, _arrow_error()) as error:
        raise UserError(f"{path}: cannot be read as {path.suffix[1:].lower()}: {one_line(error)}") from error
    _refuse_duplicates(frame, str(path))
    return frame


def _read_csv(path: Path, text: Sequence[str]) -> DataFrame:
    # Without a header of its own, pandas neither renames a second column of the same name nor takes surplus fields
    # for an index.
    options: dict[str, Any] = {"skipinitialspace": True, "encoding": "utf-8-sig"}
    names = pd.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False, **options).iloc[0]
    if len(names) == 1 and (separator := next((each for each in OTHER_SEPARATORS if each in names[0]), None)):
        raise ValueError(f"its header has no comma but {OTHER_SEPARATORS[separator]}; save it with commas")
    frame: DataFrame = pd.read_csv(path, low_memory=False, dtype=dict.fromkeys(text, str), **options)
    if len(frame) and not isinstance(frame.index, pd.RangeIndex):
        raise ValueError(f"its rows have more fields than its header, which names {len(names)} columns")
    frame.columns = pd.Index(names)
    return frame


def _read_parquet(path: Path, text: Sequence[str]) -> DataFrame:
    from pyarrow.parquet import ParquetFile

    with ParquetFile(path) as file:
        table = file.read()
    table.validate(full=True)  # text that is no UTF-8 is found when it is looked at
    # What pandas noted in the file may be damaged, and says which columns were an index: those with a name are columns.
    kept = [place for place, name in enumerate(table.column_names) if not re.fullmatch(UNNAMED_INDEX, name)]
    frame: DataFrame = table.select(kept).replace_schema_metadata(None).to_pandas()
    return frame


def _arrow_error() -> type[Exception]:
    from pyarrow import ArrowException

    return cast("type[Exception]", ArrowException)


# What a damaged file makes the readers of pandas and Arrow raise.
_STUMBLES: Final = (OSError, ValueError, ArithmeticError, LookupError, TypeError, NotImplementedError, MemoryError)
_READERS: Final[dict[str, Callable[[Path, Sequence[str]], DataFrame]]] = {".csv": _read_csv, ".parquet": _read_parquet}


def as_frame(values: object, name: str, where: str) -> DataFrame:
    """A frame of pandas or polars, a series or an array as a frame; an array's columns are `name`0, `name`1, ..."""
    if not isinstance(values, DataFrame | Series) and hasattr(values, "to_pandas"):
        values = values.to_pandas()
    if isinstance(values, Series):
        values = values.to_frame(name if values.name is None else values.name)
    frame = values if isinstance(values, DataFrame) else _array_frame(np.asarray(values), name, where)
    frame = frame.reset_index(drop=True)
    frame.columns = frame.columns.map(str)
    _refuse_duplicates(frame, where)
    for column in [name for name, kind in frame.dtypes.items() if types.is_object_dtype(kind)]:
        # A signalling NaN, which raises where it is compared, is a missing value like others.
        loud = np.array([isinstance(value, Decimal) and value.is_snan() for value in frame[column]], bool)
        if loud.any():
            frame[column] = frame[column].where(~loud)
    return frame


def _array_frame(array: np.ndarray[Any, Any], name: str, where: str) -> DataFrame:
    if array.ndim == 1 and name == "y":
        return DataFrame({name: array})
    if array.ndim != 2:
        raise UserError(f"{where} gave {name.upper()} with shape {array.shape}; X needs (rows, features), y (rows,)")
    return DataFrame(array, columns=[f"{name}{index}" for index in range(array.shape[1])])


def _refuse_duplicates(frame: DataFrame, where: str) -> None:
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise UserError(f'{where}: column "{twice[0]}" appears more than once; every column needs its own name')
