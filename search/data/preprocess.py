"""Preprocessing: from a table's columns to the features that models see, fitted on training rows and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler

from search.data.columns import is_numeric

MISSING = "(missing)"
RARE = "(rare)"
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Preprocessor:
    """A fitted preprocessing: turns tidy rows (see `columns.tidy_frame`) into features, new rows as well as known ones.

    `features` names the columns of the result.
    """

    transformer: ColumnTransformer
    features: tuple[str, ...]

    def apply(self, inputs: DataFrame) -> Floats:
        """The features of these rows, shape (rows, features); a level not met in training is a rare one."""
        if not len(inputs):
            return np.empty((0, len(self.features)))
        return np.ascontiguousarray(self.transformer.transform(inputs), dtype=np.float64)


def fit_preprocessor(inputs: DataFrame, *, standardize: bool, degree: int, clip: bool, rare: int) -> Preprocessor:
    """Fit the preprocessing on the training rows given.

    Numbers: missing values become the median; with `clip`, what lies outside the range of the training rows moves to
    its ends, because a linear model extrapolates without end; polynomial features up to `degree`; mean 0 and standard
    deviation 1 (before the expansion as well, so that powers and products are less collinear). Text: one 0/1 column a
    level, a missing value being a level of its own; those with fewer than `rare` training rows are one level together,
    to which levels not met in training belong too (without such a level they are all zeros). A column that is constant
    over the training rows is zero.
    """
    numeric = [name for name in inputs.columns if is_numeric(inputs[name])]
    text = [name for name in inputs.columns if name not in numeric]
    parts = [("numeric", _numeric(standardize, degree, clip=clip), numeric), ("text", _one_hot(rare), text)]
    transformer = ColumnTransformer([part for part in parts if part[-1]], sparse_threshold=0.0).fit(inputs)
    return Preprocessor(transformer, _names(transformer))


class _Scaler(StandardScaler):  # type: ignore[misc]
    """Standardises; what is constant over the training rows is zero for every row.

    scikit-learn's own divides such a column by 1: a row that differs would reach a weight that was never trained.
    """

    scale_: Floats

    def fit(self, x: Floats, y: object = None) -> Self:
        super().fit(x)
        self.scale_ = np.where(x.min(axis=0) == x.max(axis=0), np.inf, self.scale_)
        return self


class _Clip(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Moves what lies outside the range of the training rows to its ends."""

    def fit(self, x: Floats, y: object = None) -> Self:
        self.low_, self.high_ = x.min(axis=0), x.max(axis=0)
        return self

    def transform(self, x: Floats) -> Floats:
        return np.clip(x, self.low_, self.high_)

    def get_feature_names_out(self, names: Sequence[str]) -> Sequence[str]:
        return names


def _numeric(standardize: bool, degree: int, *, clip: bool) -> Pipeline:
    scale = [_Scaler()] if standardize else []
    expand = [PolynomialFeatures(degree, include_bias=False)] if degree > 1 else []
    # Scaling twice in a row would be scaling once, so with degree 1 there is no first time.
    before = [*[_Clip()] * clip, *([_Scaler()] if scale and expand else [])]
    return make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), *before, *expand, *scale)


def _one_hot(rare: int) -> Pipeline:
    encoder = OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=rare, sparse_output=False, feature_name_combiner=_level_name
    )
    return make_pipeline(SimpleImputer(strategy="constant", fill_value=MISSING), encoder)


def _level_name(column: str, level: object) -> str:
    return f"{column}_{RARE if level == 'infrequent_sklearn' else level}"


def _names(transformer: ColumnTransformer) -> tuple[str, ...]:
    # Part by part: the names of the whole are refused when a number and a category happen to share one.
    parts: Sequence[tuple[str, Pipeline, list[str]]] = [part for part in transformer.transformers_ if part[2]]
    return tuple(
        str(name) for _, fitted, columns in parts if fitted != "drop" for name in fitted.get_feature_names_out(columns)
    )
