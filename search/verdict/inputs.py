"""The inputs of a verdict, checked and brought into one form."""

from __future__ import annotations

import operator
from collections.abc import Hashable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from search.core.arrays import Array, Flags, Index
from search.core.candidate import PENALTY, STRENGTH, Candidate
from search.core.errors import UserError
from search.core.groups import Groups
from search.core.results import MEASURES, Results
from search.core.text import one_line

if TYPE_CHECKING:
    import pandas as pd

LARGEST = 1e30
SMALLEST = 1e-60  # the least largest loss: of smaller ones the fourth powers that bounds are made of vanish
PER_FIT: Final = ("train_loss", "weight_norm", "nonzero", "epochs")
CRITERIA: Final = ("gcv", "evidence")
# Columns of a frame of candidates that are no parameters.
KNOWN: Final = frozenset(
    {"trial", "state", "converged", "test_loss", "test_se", "trained_epochs", *CRITERIA, *MEASURES}
)


def results_from_arrays(
    validation: Array, test: Array | None, candidates: pd.DataFrame, groups: Groups | None = None
) -> Results:
    """The table of results of arrays from anywhere; `UserError` where one is not of the right form, see `judge`."""
    if not hasattr(candidates, "columns"):
        raise UserError(f"judge: candidates is {type(candidates).__name__}; valid is a frame with a row each")
    if len(candidates) == 0:
        raise UserError("judge: candidates is empty; valid is at least one candidate")
    found = candidates_of(candidates)
    fits = {name: values[:, None] for name in PER_FIT if (values := _column(candidates, name)) is not None}
    converged, trial = _column(candidates, "converged"), _column(candidates, "trial")
    if trial is not None and not (trial == np.trunc(trial)).all():
        raise UserError('judge: candidates["trial"] has a value that is missing or no whole number')
    return Results(
        found,
        clean_losses("validation", validation, len(found)),
        None if test is None else clean_losses("test", test, len(found)),
        groups=None if groups is None else _clean_groups(groups, validation, test),
        trial=None if trial is None else trial.astype(np.int64),
        converged=None if converged is None else ~(converged < 1)[:, None],
        criteria={name: values for name in CRITERIA if (values := _column(candidates, name)) is not None},
        **fits,
    )


def position_of(selected: object) -> int:
    """The position of the selected candidate; `UserError` for what is no whole number."""
    try:
        return operator.index(selected)  # type: ignore[arg-type]
    except TypeError as error:
        raise UserError(
            f"judge: selected is {type(selected).__name__}; valid are a position, and whole numbers, one a test row"
        ) from error


def picks_of_rows(selected: Array, test: Array | None, candidates: int) -> Index:
    """The picks (1, rows) of the test rows that `clean_losses` keeps; `UserError` where they are not of this form."""
    rows = 0 if test is None else np.shape(test)[-1]
    if not np.issubdtype(selected.dtype, np.integer) or len(selected) != rows:
        raise UserError(
            f"judge: selected is {selected.dtype} of shape {selected.shape}; valid are a position, or whole numbers of "
            f"shape ({rows},): for each test row the position that was picked without it"
        )
    if rows == 0 or selected.min() < 0 or selected.max() >= candidates:
        raise UserError(f"judge: selected has other values than the positions 0 to {candidates - 1} of candidates")
    return np.asarray(selected[_held(np.asarray(test))][None], dtype=np.intp)


def cleaned(results: Results) -> Results:
    """Results as a verdict takes them: see `clean_losses`."""
    test = None if results.test is None else clean_losses("test", results.test, len(results))
    groups = None if results.groups is None else _clean_groups(results.groups, results.validation, results.test)
    validation = clean_losses("validation", results.validation, len(results))
    return replace(results, validation=validation, test=test, groups=groups)


def _clean_groups(groups: Groups, validation: Array, test: Array | None) -> Groups:
    """The groups of the rows that `clean_losses` keeps; `UserError` where there is not one for each row."""
    for name, losses, own in (("validation", validation, groups.validation), ("test", test, groups.test)):
        rows = 0 if losses is None else np.shape(losses)[-1]
        if losses is not None and own is not None and len(own) != rows:
            raise UserError(f"judge: groups has {len(own)} {name} rows, and {name} {rows}; valid is one group a row")
    return groups.take(_held(validation), None if test is None else _held(test))


def _held(losses: Array) -> Flags:
    """Which rows some fit held out, (rows,)."""
    return np.asarray(~np.isnan(losses).reshape(-1, np.shape(losses)[-1]).all(axis=0))


def candidates_of(frame: pd.DataFrame) -> tuple[Candidate, ...]:
    """The candidates of a frame with a row each: every column that is not known as a measure is a parameter.

    `epochs` is a parameter where the frame has `trained_epochs` too, as an export has where it was searched.
    """
    _refuse_bad_columns(frame)
    known = KNOWN - {"epochs"} if "trained_epochs" in frame else KNOWN
    names: list[Hashable] = [name for name in frame.columns if name not in known]
    rows = frame[names].astype(object).to_dict("records")
    return tuple(Candidate.from_params({str(name): value for name, value in row.items()}) for row in rows)


def _refuse_bad_columns(frame: pd.DataFrame) -> None:
    for column in (PENALTY, STRENGTH):
        if column not in frame:
            raise UserError(f'judge: candidates has no column "{column}"; valid is a frame with "penalty" and "lambda"')
    if frame[PENALTY].isna().any():
        raise UserError('judge: candidates["penalty"] has a value that is missing; no penalty is called "none"')
    strengths = _column(frame, STRENGTH)[(frame[PENALTY] != "none").to_numpy(bool)]
    if not ((strengths >= 0) & (strengths < np.inf)).all():
        raise UserError(
            'judge: candidates["lambda"] has a value that is missing, negative or infinite; valid is lambda >= 0'
        )
    for name in frame.columns:
        odd = [value for value in frame[name] if not isinstance(value, str | int | float | np.generic | type(None))]
        if name not in KNOWN and any(not _missing(value) for value in odd):
            raise UserError(
                f'judge: candidates["{name}"] holds {type(odd[0]).__name__}; a parameter is a number or a text: leave '
                "other columns out"
            )


def _missing(value: Any) -> bool:  # noqa: ANN401 - whatever a frame holds
    return str(value) in {"<NA>", "NaT", "nan"}


def clean_losses(name: str, losses: Array, candidates: int) -> Array:
    """Losses as (candidates, replicates, rows): rows that no fit held out are gone, missing losses are infinite.

    An entry is missing where another candidate has one: replicates are the same for all candidates, so that fit was
    not finished. A loss above 1e30 is that of a fit that diverged, whether or not it reached infinity. `UserError` for
    what is no array of losses, and for losses too small to compute with.
    """
    try:
        array = np.asarray(losses)
    except ValueError as error:  # rows of different lengths
        raise UserError(f"judge: {name} is no array: {one_line(error)}; valid are rows of one length") from error
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
    low, high = (float(extreme.reduce(array, axis=None)) for extreme in (np.fmin, np.fmax))  # but for NaN
    if low == -np.inf:
        raise UserError(f"judge: {name} holds minus infinity; valid are finite losses, and infinity for a diverged fit")
    largest = max(high if high < np.inf else np.max(array, where=np.isfinite(array), initial=0.0), -low)
    if 0 < largest < SMALLEST:
        raise UserError(
            f"judge: {name} has losses up to {largest:g} alone, too small to compute with; give what is predicted "
            "another unit, or multiply the losses"
        )
    if high > LARGEST or np.count_nonzero(missing) > len(array) * np.count_nonzero(unheld):
        array = np.where((missing & ~unheld) | (array > LARGEST), np.inf, array)
    rows = ~unheld.all(axis=0)
    return array if rows.all() else array[:, :, rows]


def _column(frame: pd.DataFrame, name: str) -> Any:  # noqa: ANN401 - an array, or None
    return frame[name].to_numpy(dtype=np.float64, na_value=np.nan) if name in frame else None
