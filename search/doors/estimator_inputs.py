"""What an estimator is given, checked as scikit-learn checks it: rows, targets, weights, splits, one seed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas import DataFrame
from sklearn.base import BaseEstimator
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold, check_cv
from sklearn.utils import check_array, check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, validate_data

from search.core.errors import UserError
from search.core.folds import Fold
from search.core.text import one_line
from search.data.readers import as_frame
from search.data.targets import Targets
from search.metrics import Kind

FOLDS: Final = 5


class InputError(UserError, ValueError):
    """What cannot be fitted or predicted: a `UserError`, and the `ValueError` that scikit-learn's users expect."""


@contextmanager
def as_value_errors() -> Iterator[None]:
    """Let every `UserError` be a `ValueError` too."""
    try:
        yield
    except UserError as error:
        raise InputError(*error.args) from error.__cause__


@contextmanager
def _named(what: str) -> Iterator[None]:
    """Let what scikit-learn refuses be an `InputError` that says of what it speaks."""
    try:
        yield
    except ValueError as error:
        raise InputError(f"{what}: {one_line(error)}") from error


def checked_inputs(estimator: BaseEstimator, X: object, *, reset: bool) -> DataFrame:
    """X as a frame: of pandas and polars with columns of any kind, of anything else numbers and missing values.

    Sets (`reset`) or compares the estimator's `n_features_in_` and `feature_names_in_`.
    """
    if hasattr(X, "columns"):
        validate_data(estimator, X, reset=reset, skip_check_array=True)
        frame = as_frame(X, "x", "X")
        if not frame.size:
            raise InputError(f"X: has the shape {frame.shape}, a minimum of 1 row and 1 column is required")
        return frame
    array = validate_data(estimator, X, reset=reset, ensure_all_finite="allow-nan", dtype=np.float64)
    return as_frame(array, "x", "X")


def number_targets(y: Any) -> Targets:  # noqa: ANN401 - whatever numpy makes an array of
    """Numbers to predict, (rows,) or (rows, targets)."""
    with _named("y"):
        numbers = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
    columns = numbers.reshape(len(numbers), -1)
    names = tuple(map(str, getattr(y, "columns", [f"y{index}" for index in range(columns.shape[1])])))
    return Targets("regression", names, (), columns)


def class_targets(y: Any) -> tuple[Targets, NDArray[Any]]:  # noqa: ANN401
    """Classes numbered in the order of their sorted labels, and the labels."""
    labels = column_or_1d(y, warn=True)
    if pd.isna(labels).any():
        raise InputError("y: Input y contains NaN; every row needs its class")
    with _named("y"):
        check_classification_targets(labels)
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise InputError(f"y: holds 1 class, {classes[0]!r}, in every row that counts; two classes or more are needed")
    own = tuple(classes.tolist())
    kind: Kind = "binary" if len(classes) == 2 else "multiclass"
    return Targets(kind, ("y",), tuple(map(str, own)), codes.astype(np.int64), own), classes


def row_weights(sample_weight: object, X: object) -> NDArray[np.float64] | None:
    """Weights of the rows, none below 0, or None."""
    if sample_weight is None:
        return None
    found: NDArray[np.float64] = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    if not found.any():
        raise InputError("sample_weight: is 0 in every row")
    return found


def cuts_of(cv: object, y: Any, groups: object, *, classes: bool, seed: int) -> list[Fold]:  # noqa: ANN401
    """(train, held-out) row numbers of every split.

    A number of folds, which are shuffled: stratified for classes, and with `groups` no group is in two of them. A
    splitter or an iterable is taken as it is.
    """
    every = np.arange(len(y))
    with _named("cv"):
        if cv is None or isinstance(cv, int | np.integer):
            kinds = (StratifiedGroupKFold, StratifiedKFold) if classes else (GroupKFold, KFold)
            cv = kinds[groups is None](FOLDS if cv is None else int(cv), shuffle=True, random_state=seed)
        splits = check_cv(cv, y, classifier=classes).split(every, y, groups)
        try:
            return [(every[train], every[held]) for train, held in splits]
        except IndexError as error:
            raise InputError(f"cv: {one_line(error)}; X has {len(every)} rows") from error


def within(cuts: list[Fold], kept: NDArray[np.bool_]) -> list[Fold]:
    """The splits of the rows that are kept alone, numbered anew; without those that hold out none of them."""
    place = np.cumsum(kept) - 1
    left = [(place[train[kept[train]]], place[held[kept[held]]]) for train, held in cuts]
    return [(train, held) for train, held in left if len(held)]


def seed_of(random_state: object) -> int:
    """A whole number as it is; of anything else that scikit-learn takes, a draw."""
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31))
