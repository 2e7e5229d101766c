"""The inputs of a verdict, checked and brought into one form."""

from __future__ import annotations

import numpy as np
import pandas as pd

from search.records import Array, UserError

LARGEST = 1e30


def clean_losses(name: str, losses: Array, candidates: int) -> Array:
    """Losses as (candidates, replicates, rows): rows that no fit held out are gone, missing losses are infinite.

    An entry is missing where another candidate has one: replicates are the same for all candidates, so that fit was
    not finished. A loss above 1e30 is that of a fit that diverged, whether or not it reached infinity.
    """
    array = np.asarray(losses)
    array = array[:, None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[0] != candidates or not np.issubdtype(array.dtype, np.floating):
        raise UserError(
            f"judge: {name} is {array.dtype} of shape {np.shape(losses)}; valid are floating-point losses of shape "
            f"(candidates, replicates, rows) or (candidates, rows) for {candidates} candidates"
        )
    missing = np.isnan(array)
    unheld = missing.all(axis=0)  # (replicates, rows)
    if unheld.all():
        raise UserError(f"judge: {name} holds no loss; valid is at least one row with a loss that is not NaN")
    if np.isneginf(array).any():
        raise UserError(f"judge: {name} holds minus infinity; valid are finite losses, and infinity for a diverged fit")
    bad = (missing & ~unheld) | (array > LARGEST)
    if bad.any():
        array = np.where(bad, np.inf, array)
    rows = ~unheld.all(axis=0)
    return array if rows.all() else array[:, :, rows]


def clean_candidates(candidates: pd.DataFrame) -> pd.DataFrame:
    """The candidates numbered from 0, with `lambda` 0 for `none`, and with `trial`."""
    if len(candidates) == 0:
        raise UserError("judge: candidates is empty; valid is at least one candidate")
    for column in ("penalty", "lambda"):
        if column not in candidates:
            raise UserError(f'judge: candidates has no column "{column}"; valid is a frame with "penalty" and "lambda"')
    frame = candidates.reset_index(drop=True)
    strength = frame["lambda"].where(frame["penalty"] != "none", 0.0).astype(np.float64)
    if not (strength >= 0).all():
        raise UserError('judge: candidates["lambda"] has a value that is missing or negative; valid is lambda >= 0')
    trial = frame["trial"] if "trial" in frame else pd.RangeIndex(len(frame))
    return frame.assign(**{"lambda": strength, "trial": trial})
