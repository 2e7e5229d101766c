"""A table: inputs, targets, and which rows are test rows, checked and ready to be split."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame, Series

from search.core.arrays import Flags, Index
from search.core.errors import UserError
from search.data.columns import is_numeric, pick, refuse_nested, tidy_frame
from search.data.dates import Dates, expand_dates
from search.data.readers import Raw, read_bundled, read_file, read_frame, read_function
from search.data.remarks import remarks_on
from search.data.split_columns import READ, refuse_torn
from search.data.targets import Targets, encode_targets
from search.settings import Bundled, ColumnsData, FileData, FrameData, FunctionData

if TYPE_CHECKING:
    from search.data.ready import Ready
    from search.data.task import Task

NO_COLUMNS: Final[Mapping[str, str]] = {}
TableData = Bundled | FileData | FrameData | FunctionData


@dataclass(frozen=True, eq=False)
class Table:
    """Tidy inputs (float64 or text columns), targets, and the marked test rows (None: a share is set aside later).

    `where` names the source in error messages. `weight` (rows,), positive, says how much a row counts against the
    others (None: all the same). `groups` (rows,) numbers the groups that rows belong to, `times` (rows,) the distinct
    times of rows in their order; None where there are none. Some inputs were columns of `dates`.
    """

    where: str
    inputs: DataFrame
    targets: Targets
    test: Flags | None
    weight: NDArray[np.float64] | None = None
    groups: Index | None = None
    times: Index | None = None
    dates: tuple[Dates, ...] = ()

    def __len__(self) -> int:
        return len(self.inputs)

    def notes(self, rare: int) -> tuple[str, ...]:
        """What was made of columns that could be meant in another way, a line each; `rare` is that of the study."""
        dates = [f'column "{each.name}" holds dates: taken as {", ".join(each.columns)}' for each in self.dates]
        told = [(name, remark) for name in self.inputs for remark in remarks_on(self.inputs[name], rare)]
        columns = [f'column "{name}" {remark.text}' for name, remark in told if remark.noted]
        return (*self.targets.notes, *dates, *columns)

    def fingerprint(self) -> str:
        """sha256 over names and values: the same for the same values on any platform, from any file format."""
        digest = hashlib.sha256()
        for name in self.inputs.columns:
            digest.update(_column_bytes(self.inputs[name]))
        digest.update(json.dumps([self.targets.kind, self.targets.names, self.targets.classes]).encode())
        digest.update(self.targets.y.astype(self.targets.y.dtype.newbyteorder("<")).tobytes())
        if self.test is not None:
            digest.update(self.test.tobytes())
        if self.weight is not None:
            digest.update(self.weight.astype("<f8").tobytes())
        for name, numbers in (("groups", self.groups), ("times", self.times)):
            if numbers is not None:
                digest.update(name.encode() + numbers.astype("<i8").tobytes())
        return digest.hexdigest()


def read_table(data: TableData, frame: object = None, named: Mapping[str, str] = NO_COLUMNS) -> Table | Ready | Task:
    """The table that a study's `[data]` names, data to be taken as they are, or the user's own function's ready task.

    `named` are the columns that say how the rows are cut, by their keys in [split]; they are no inputs.
    `frame` is what was handed over in Python, for the source "frame".
    Raises `UserError`, naming the source and the column or key, for data that cannot be used.
    """
    raw = _read(data, frame)
    if not isinstance(raw, Raw):
        _refuse_columns(named, data.source)
        return raw
    if not isinstance(raw.inputs, DataFrame):
        from search.data.ready import Ready  # with torch

        _refuse_names(data, named, raw.where)
        return Ready(raw.where, raw.inputs, encode_targets(raw.targets, data.task, raw.where))
    return as_table(raw, data, named)


def as_table(raw: Raw, data: TableData, named: Mapping[str, str] = NO_COLUMNS) -> Table:
    """The table that raw columns are, see `read_table`."""
    assert isinstance(raw.inputs, DataFrame), "ready data have no columns"
    columns = {key: pick(raw.inputs, name, raw.where, f"split.{key}") for key, name in named.items()}
    for column in columns.values():
        refuse_nested(column, raw.where)
    found = {key: READ[key](column, raw.where) for key, column in columns.items()}
    inputs, dates = tidy_inputs(raw.inputs, data, raw.where, left_out=tuple(named.values()))
    if inputs.shape[1] == 0:
        raise UserError(
            f"{raw.where}: no input column with values is left beside the target and those of [split] and data.drop"
        )
    test, groups, times = (found.get(key) for key in READ)
    refuse_torn(groups, test, raw.where)
    targets = encode_targets(raw.targets, data.task, raw.where)
    return Table(raw.where, inputs, targets, test, groups=groups, times=times, dates=dates)


def tidy_inputs(
    frame: DataFrame, data: TableData, where: str, left_out: Sequence[str] = ()
) -> tuple[DataFrame, tuple[Dates, ...]]:
    """The raw columns that are inputs as tidy ones, and the dates among them.

    Beside `left_out` those that [data] drops are no inputs, whatever they hold. `UserError` for a column that is not
    there, and for inputs that cannot be used.
    """
    drop, keep = (data.drop, data.keep) if isinstance(data, ColumnsData) else ((), None)
    for key, names in (("data.drop", drop), ("data.keep", keep or ())):
        for name in names:
            pick(frame, name, where, key)
    out = {*left_out, *drop} | (set() if keep is None else {*frame.columns} - {*keep})
    inputs, dates = expand_dates(frame.drop(columns=list(out)), where)
    return tidy_frame(inputs, where), dates


def _read(data: TableData, frame: object) -> Raw | Task:
    if isinstance(data, Bundled):
        return read_bundled(data.source)
    if isinstance(data, FrameData):
        return read_frame(frame, data.target)
    return read_file(data.path, data.target) if isinstance(data, FileData) else read_function(data.source)


def _refuse_columns(named: Mapping[str, str], source: str) -> None:
    """A ready task has its own splits; `test_column` was always left to it."""
    for key in named.keys() - {"test_column"}:
        raise UserError(f"split.{key}: {source} returned a task that is split already; return (X, y) to have it split")


def _refuse_names(data: TableData, named: Mapping[str, str], where: str) -> None:
    """Data that are taken as they are have no columns to name."""
    for key in named:
        raise UserError(f"{where}: split.{key} needs a table, these data have no columns; use split.test")
    if isinstance(data, ColumnsData) and (data.drop or data.keep):
        key = "drop" if data.drop else "keep"
        raise UserError(f"{where}: data.{key} needs a table, these data have no columns; leave it out")


def _column_bytes(column: Series) -> bytes:
    name = json.dumps(column.name).encode()
    if is_numeric(column):
        # Every NaN gets the same bits.
        return name + np.where(column.isna(), np.nan, column).astype("<f8").tobytes()
    return name + json.dumps(column.where(column.notna(), None).tolist()).encode()
