"""A study's trials as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from search.records import UserError, held_out_mean, held_out_se

if TYPE_CHECKING:
    from search.ledger import StudyLedger

FORMATS = (".csv", ".parquet")


def export_trials(ledger: StudyLedger, output: Path, *, with_test: bool) -> int:
    """Write one row a trial to a csv or parquet file; returns the number of rows.

    `with_test` adds test_loss and test_se of the completed trials, which opens the test set: the study records it.
    """
    if output.suffix not in FORMATS:
        raise UserError(f"--output: {output} must end in {' or '.join(FORMATS)}")
    if not output.parent.is_dir():
        raise UserError(f"--output: the folder {output.parent} does not exist")
    table = ledger.trials()
    if with_test:
        table = with_test_losses(table, ledger)
    try:
        if output.suffix == ".csv":
            table.to_csv(output, index=False)
        else:
            table.to_parquet(output, index=False)
    except OSError as error:
        raise UserError(f"--output: {output} cannot be written: {error.strerror or error}") from error
    return len(table)


def with_test_losses(table: pd.DataFrame, ledger: StudyLedger) -> pd.DataFrame:
    """The table with the columns test_loss and test_se, NaN for trials that are not complete."""
    complete = table["state"] == "complete"
    if not complete.any():
        raise UserError(f"--test: study {ledger.name!r} has no complete trial yet; run it first")
    losses = ledger.open_test(table.loc[complete, "trial"].tolist())
    if losses is None:
        raise UserError(f"--test: study {ledger.name!r} has no test losses; its data have no test rows")
    table.loc[complete, "test_loss"] = [held_out_mean(each) for each in losses]
    table.loc[complete, "test_se"] = [held_out_se(each) for each in losses]
    return table
