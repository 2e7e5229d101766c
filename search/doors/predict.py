"""The kept model of a study on a file of new rows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pandas import DataFrame

from search.core.errors import UserError
from search.data.new_rows import read_new_rows, unused
from search.doors.export import refuse_output, write_table

if TYPE_CHECKING:
    from search.core.arrays import Array
    from search.runs.model import FittedModel


def predict_file(model: FittedModel, data: Path, output: Path | None) -> tuple[str, ...]:
    """Write the predictions for a csv or parquet file, row by row, to a file or as csv to standard output.

    Returns what is to be said of the rows. Raises `UserError` for rows that the model cannot take, and for an output
    that cannot be written.
    """
    if model.preprocessor is None:
        raise UserError(f"{data}: this model takes arrays of {model.inputs} a row, not a table; predict in Python")
    if output is not None:
        refuse_output(output)
    found = read_new_rows(data, model.preprocessor)
    table = predictions(model, model.outputs(found, str(data)))
    if output is None:
        table.to_csv(sys.stdout, index=False)
    else:
        write_table(table, output)
    expected = {*model.targets.names, *getattr(model.settings.data, "drop", ())}
    left = [name for name in unused(found, model.preprocessor) if name not in expected]
    return (f"{data}: columns that the model does not take: {', '.join(left)}",) if left else ()


def predictions(model: FittedModel, outputs: Array) -> DataFrame:
    """One row a row: `prediction` (several targets: `prediction_NAME`), and for classes `probability_CLASS`."""
    found = model.predicted(outputs)
    names = model.targets.names
    if found.ndim == 2:
        return DataFrame(found, columns=[f"prediction_{name}" for name in names])
    table = DataFrame({"prediction": found})
    if model.targets.kind == "regression":
        return table
    shares = DataFrame(model.probabilities(outputs), columns=[f"probability_{label}" for label in model.targets.labels])
    return table.join(shares)
