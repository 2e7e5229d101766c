"""A table: inputs, targets, and which rows are test rows, checked and ready to be split."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame, Series
from torch import Tensor

from search.core.arrays import Flags
from search.core.errors import UserError
from search.data.columns import first_row, is_numeric, numbers_and_words, pick, tidy_frame
from search.data.readers import Raw, read_bundled, read_file, read_frame, read_function
from search.data.ready import Ready
from search.data.targets import Targets, encode_targets
from search.data.task import Task
from search.settings import Bundled, FileData, FrameData, FunctionData

TableData = Bundled | FileData | FrameData | FunctionData
TRUTH_VALUES = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, eq=False)
class Table:
    """Tidy inputs (float64 or text columns), targets, and the marked test rows (None: a share is set aside later).

    `where` names the source in error messages. `weight` (rows,), positive, says how much a row counts against the
    others (None: all the same).
    """

    where: str
    inputs: DataFrame
    targets: Targets
    test: Flags | None
    weight: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    def notes(self) -> tuple[str, ...]:
        """What was made of columns that could be meant in another way, a line each."""
        return tuple(note for name in self.inputs if (note := numbers_and_words(self.inputs[name])) is not None)

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
        return digest.hexdigest()


def read_table(data: TableData, test_column: str | None, frame: object = None) -> Table | Ready | Task:
    """The table that a study's `[data]` names, data to be taken as they are, or the user's own function's ready task.

    `frame` is what was handed over in Python, for the source "frame".
    Raises `UserError`, naming the source and the column or key, for data that cannot be used.
    """
    raw = _read(data, frame)
    if isinstance(raw, Task):
        return raw
    if isinstance(raw.inputs, Tensor):
        if test_column is not None:
            raise UserError(f"{raw.where}: split.test_column needs a table, these data have no columns; use split.test")
        return Ready(raw.where, raw.inputs, encode_targets(raw.targets, data.task, raw.where))
    inputs, test = raw.inputs, None
    if test_column is not None:
        test = _marked(pick(inputs, test_column, raw.where, "split.test_column"), raw.where)
        inputs = inputs.drop(columns=test_column)
    inputs = tidy_frame(inputs, raw.where)
    if inputs.shape[1] == 0:
        raise UserError(f"{raw.where}: no input column with values is left beside the target and the test column")
    return Table(raw.where, inputs, encode_targets(raw.targets, data.task, raw.where), test)


def _read(data: TableData, frame: object) -> Raw | Task:
    if isinstance(data, Bundled):
        return read_bundled(data.source)
    if isinstance(data, FrameData):
        return read_frame(frame, data.target)
    return read_file(data.path, data.target) if isinstance(data, FileData) else read_function(data.source)


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


def _column_bytes(column: Series) -> bytes:
    name = json.dumps(column.name).encode()
    if is_numeric(column):
        # Every NaN gets the same bits.
        return name + np.where(column.isna(), np.nan, column).astype("<f8").tobytes()
    return name + json.dumps(column.where(column.notna(), None).tolist()).encode()
