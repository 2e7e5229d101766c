"""A study's trials, its coefficients, or its model as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from search.core.errors import UserError
from search.core.writing import whole_file

if TYPE_CHECKING:
    import pandas as pd

    from search.core.arrays import Array
    from search.core.snapshot import Snapshot
    from search.doors.study import Study
    from search.ledger import Ledger

FORMATS = (".csv", ".parquet")
# Columns younger than an export's order: they stand behind all others.
LATER = frozenset({"nonzero_groups"})


def export_trials(ledger: Ledger, output: Path, *, with_test: bool) -> int:
    """Write one row a trial to a csv or parquet file; returns the number of rows.

    `with_test` adds test_loss and test_se of the completed trials, which opens the test set: the study records it.
    """
    refuse_output(output)
    table = with_test_losses(ledger) if with_test else ledger.trials()
    write_table(table, output)
    return len(table)


def export_coefficients(study: Study, output: Path) -> int:
    """Write every coefficient of the study's model, zeros too, to a csv or parquet file; returns the number of rows.

    `UserError` for models that are not linear, and where no model is kept.
    """
    refuse_output(output)
    table = study.model().coefficients()
    write_table(table, output)
    return len(table)


def export_onnx(study: Study, output: Path) -> None:
    """Write the study's model as an ONNX file; `UserError` where that is not possible."""
    refuse_output(output, (".onnx",), "--onnx")
    body = study.model().to_onnx()
    try:
        with whole_file(output) as file:
            file.write(body)
    except OSError as error:
        raise UserError(f"--onnx: {output} cannot be written: {error.strerror or error}") from error


def refuse_output(output: Path, formats: tuple[str, ...] = FORMATS, option: str = "--output") -> None:
    """`UserError` for a file that could not be written, before anything slow is done for it."""
    if output.suffix not in formats:
        raise UserError(f"{option}: {output} must end in {' or '.join(formats)}")
    if not output.parent.is_dir():
        raise UserError(f"{option}: the folder {output.parent} does not exist")


def write_table(table: pd.DataFrame, output: Path) -> None:
    """Write a table as csv or parquet, by the file's name; `UserError` where that is not possible."""
    try:
        body = table.to_csv(index=False).encode() if output.suffix == ".csv" else table.to_parquet(index=False)
        with whole_file(output) as file:
            file.write(body)
    except OSError as error:
        raise UserError(f"--output: {output} cannot be written: {error.strerror or error}") from error


def with_test_losses(ledger: Ledger) -> pd.DataFrame:
    """The trials with the columns test_loss and test_se, NaN for trials that are not complete."""
    if not ledger.completed():
        raise UserError(f"--test: study {ledger.name!r} has no complete trial yet; run it first")
    if not ledger.has_test():
        raise UserError(f"--test: study {ledger.name!r} has no test losses; its data have no test rows")
    study = ledger.snapshot(open_test=True)
    found = study.trials.assign(
        test_loss=_of_trials(study, study.results.test_loss), test_se=_of_trials(study, study.results.test_se)
    )
    return found[sorted(found, key=LATER.__contains__)]


def _of_trials(study: Snapshot, values: Array | None) -> Array:
    """A figure of every candidate as one of every trial."""
    found = np.full(len(study.trials), np.nan)
    found[(study.trials["state"] == "complete").to_numpy()] = np.nan if values is None else values[study.complete]
    return found
