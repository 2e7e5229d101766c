"""A study's trials as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from search.core.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from search.core.arrays import Array
    from search.core.snapshot import Snapshot
    from search.ledger import Ledger

FORMATS = (".csv", ".parquet")


def export_trials(ledger: Ledger, output: Path, *, with_test: bool) -> int:
    """Write one row a trial to a csv or parquet file; returns the number of rows.

    `with_test` adds test_loss and test_se of the completed trials, which opens the test set: the study records it.
    """
    if output.suffix not in FORMATS:
        raise UserError(f"--output: {output} must end in {' or '.join(FORMATS)}")
    if not output.parent.is_dir():
        raise UserError(f"--output: the folder {output.parent} does not exist")
    table = with_test_losses(ledger) if with_test else ledger.trials()
    try:
        if output.suffix == ".csv":
            table.to_csv(output, index=False)
        else:
            table.to_parquet(output, index=False)
    except OSError as error:
        raise UserError(f"--output: {output} cannot be written: {error.strerror or error}") from error
    return len(table)


def with_test_losses(ledger: Ledger) -> pd.DataFrame:
    """The trials with the columns test_loss and test_se, NaN for trials that are not complete."""
    if not ledger.completed():
        raise UserError(f"--test: study {ledger.name!r} has no complete trial yet; run it first")
    if not ledger.has_test():
        raise UserError(f"--test: study {ledger.name!r} has no test losses; its data have no test rows")
    study = ledger.snapshot(open_test=True)
    return study.trials.assign(
        test_loss=_of_trials(study, study.results.test_loss), test_se=_of_trials(study, study.results.test_se)
    )


def _of_trials(study: Snapshot, values: Array | None) -> Array:
    """A figure of every candidate as one of every trial."""
    found = np.full(len(study.trials), np.nan)
    found[(study.trials["state"] == "complete").to_numpy()] = np.nan if values is None else values[study.complete]
    return found
