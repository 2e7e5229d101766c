"""Preprocessing: from a table's columns to the features that models see, fitted on training rows and nothing else.

A fitted preprocessing is plain data: numbers and names that JSON holds, so that a model can be kept and read again
anywhere, without pickles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame, Series

from search.data.columns import is_numeric
from search.data.dates import Dates
from search.settings import MOST_LEVELS

MISSING = "(missing)"
RARE = "(rare)"
ROUNDING = 1e-12  # a feature whose range is no larger, relative to its values, is constant
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scale:
    """Means and standard deviations, (features,) each; deviation 0 marks what is constant over the training rows."""

    mean: Floats
    deviation: Floats

    @classmethod
    def fit(cls, x: Floats, weight: Floats | None = None) -> Scale:
        """Those of some rows (rows, features), with their weights (rows,) if they have any."""
        low, high = x.min(axis=0), x.max(axis=0)
        constant = high - low <= ROUNDING * np.maximum(abs(low), abs(high))
        if weight is None:
            mean, deviation = x.mean(axis=0), x.std(axis=0)
        else:
            share = weight / weight.sum()
            mean = share @ x
            deviation = np.sqrt(share @ (x - mean) ** 2)
        return cls(mean, np.where(constant, 0.0, deviation))

    @property
    def divisor(self) -> Floats:
        """The deviations; infinity where it is 0: a row that differs must not reach a weight that was never trained."""
        return np.where(self.deviation == 0, np.inf, self.deviation)

    def apply(self, x: Floats) -> Floats:
        """The rows with mean 0 and deviation 1; what was constant is zero for every row."""
        found: Floats = (x - self.mean) / self.divisor
        return found


@dataclass(frozen=True, eq=False)
class Numbers:
    """The numeric columns: `median` stands for missing values, `low` and `high` are the ends that values are moved to.

    All three have shape (columns,); without clipping `low` and `high` are None. `before` and `after` scale the columns
    before and the features after the expansion to polynomials of `degree`; None: not scaled there.
    """

    names: tuple[str, ...]
    median: Floats
    low: Floats | None
    high: Floats | None
    degree: int
    before: Scale | None
    after: Scale | None

    @classmethod
    def fit(
        cls, inputs: DataFrame, *, standardize: bool, degree: int, clip: bool, weight: Floats | None = None
    ) -> Numbers:
        """Fit on the numeric columns of the training rows."""
        x = inputs.to_numpy(np.float64)
        median = np.array([_median(column, weight) for column in x.T])
        x = np.where(np.isnan(x), median, x)
        low, high = (x.min(axis=0), x.max(axis=0)) if clip else (None, None)
        # Scaling twice in a row would be scaling once, so with degree 1 there is no first time.
        before = Scale.fit(x, weight) if standardize and degree > 1 else None
        expanded = expand(x if before is None else before.apply(x), degree)
        after = Scale.fit(expanded, weight) if standardize else None
        return cls(tuple(inputs.columns), median, low, high, degree, before, after)

    @cached_property
    def features(self) -> tuple[str, ...]:
        """The names of the features: "a", "a^2", "a b"."""
        return tuple(
            " ".join(name if power == 1 else f"{name}^{power}" for name, power in Counter(product).items())
            for length in range(1, self.degree + 1)
            for product in combinations_with_replacement(self.names, length)
        )

    def apply(self, x: Floats) -> Floats:
        """(rows, columns), NaN where a value is missing -> (rows, features)."""
        x = np.where(np.isnan(x), self.median, x)
        if self.low is not None:
            x = np.clip(x, self.low, self.high)
        if self.before is not None:
            x = self.before.apply(x)
        x = expand(x, self.degree)
        return x if self.after is None else self.after.apply(x)


@dataclass(frozen=True)
class Levels:
    """A text column: a 0/1 feature for each of `levels`, and a last one for the `rare` ones together, if there are any.

    To the rare ones belong all levels not met in training; without them such a level is all zeros.
    """

    name: str
    levels: tuple[str, ...]
    rare: tuple[str, ...]

    @classmethod
    def fit(cls, column: Series, rare: int) -> Levels:
        """The levels of the training rows; rare are those in fewer than `rare` rows, or behind MOST_LEVELS others."""
        counts = Counter(_filled(column))
        frequent = sorted(counts, key=lambda level: (-counts[level], level))[:MOST_LEVELS]
        common = tuple(sorted(level for level in frequent if counts[level] >= rare))
        return cls(str(column.name), common, tuple(sorted(counts.keys() - set(common))))

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features: "colour=red"."""
        return tuple(f"{self.name}={level}" for level in (*self.levels, *[RARE] * bool(self.rare)))

    def codes(self, column: Series) -> NDArray[np.int64]:
        """The place of every row's feature; as many as there are levels for a rare or unknown level."""
        place, other = {level: place for place, level in enumerate(self.levels)}, len(self.levels)
        missing = place.get(MISSING, other)
        return np.array(
            [place.get(level, other) if isinstance(level, str) else missing for level in column.tolist()], np.int64
        )

    def apply(self, column: Series) -> Floats:
        """(rows,) -> (rows, features)."""
        found: Floats = (self.codes(column)[:, None] == np.arange(len(self.features))).astype(np.float64)
        return found


@dataclass(frozen=True, eq=False)
class Preprocessor:
    """A fitted preprocessing: turns tidy rows (see `columns.tidy_frame`) into features, new rows as well as known ones.

    `columns` names the inputs in their order; features are first those of the numbers, then those of the text. Some of
    the numbers were `dates` before the rows were tidied.
    """

    columns: tuple[str, ...]
    numbers: Numbers
    text: tuple[Levels, ...]
    dates: tuple[Dates, ...] = ()

    @cached_property
    def features(self) -> tuple[str, ...]:
        """The names of the result's columns."""
        return self.numbers.features + tuple(name for levels in self.text for name in levels.features)

    @cached_property
    def raw_columns(self) -> tuple[str, ...]:
        """The inputs as the user has them, in their order: a column of dates is one."""
        whole = {part: dates.name for dates in self.dates for part in dates.columns}
        return tuple(dict.fromkeys(whole.get(name, name) for name in self.columns))

    def apply(self, inputs: DataFrame) -> Floats:
        """The features of these rows, shape (rows, features); a level not met in training is a rare one."""
        numbers = self.numbers.apply(inputs[list(self.numbers.names)].to_numpy(np.float64))
        parts = [numbers, *(levels.apply(inputs[levels.name]) for levels in self.text)]
        return np.ascontiguousarray(np.concatenate(parts, axis=1))

    def to_dict(self) -> dict[str, Any]:
        """The fitted preprocessing as JSON holds it."""
        numbers = self.numbers
        return {
            "columns": list(self.columns),
            "numbers": {
                "names": list(numbers.names),
                "degree": numbers.degree,
                **{name: _listed(getattr(numbers, name)) for name in ("median", "low", "high")},
                **{name: _scale_to_dict(getattr(numbers, name)) for name in ("before", "after")},
            },
            "text": [{"name": each.name, "levels": [*each.levels], "rare": [*each.rare]} for each in self.text],
            "dates": [{"name": each.name, "parts": [*each.parts]} for each in self.dates],
        }

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Preprocessor:
        """The inverse of `to_dict`."""
        own = kept["numbers"]
        numbers = Numbers(
            names=tuple(own["names"]),
            degree=own["degree"],
            **{name: _array(own[name]) for name in ("median", "low", "high")},
            **{name: _scale_from_dict(own[name]) for name in ("before", "after")},
        )
        text = tuple(Levels(each["name"], tuple(each["levels"]), tuple(each["rare"])) for each in kept["text"])
        # Version 0.1 knew no dates.
        dates = tuple(Dates(each["name"], tuple(each["parts"])) for each in kept.get("dates", ()))
        return cls(tuple(kept["columns"]), numbers, text, dates)


def fit_preprocessor(
    inputs: DataFrame, *, standardize: bool, degree: int, clip: bool, rare: int, weight: Floats | None = None
) -> Preprocessor:
    """Fit the preprocessing on the training rows given.

    Numbers: missing values become the median; with `clip`, what lies outside the range of the training rows moves to
    its ends, because a linear model extrapolates without end; polynomial features up to `degree`; mean 0 and standard
    deviation 1 (before the expansion as well, so that powers and products are less collinear). Text: one 0/1 column a
    level, a missing value being a level of its own; those with fewer than `rare` training rows are one level together,
    to which levels not met in training belong too (without such a level they are all zeros). A column that is constant
    over the training rows is zero. Features have the order that scikit-learn's `PolynomialFeatures` and `OneHotEncoder`
    give them, and the former's names; a level is named "colour=red". `weight` (rows,), positive, weighs medians, means
    and deviations; a level's rows are counted.
    """
    numeric = [name for name in inputs.columns if is_numeric(inputs[name])]
    numbers = Numbers.fit(inputs[numeric], standardize=standardize, degree=degree, clip=clip, weight=weight)
    text = tuple(Levels.fit(inputs[name], rare) for name in inputs.columns if name not in numeric)
    return Preprocessor(tuple(inputs.columns), numbers, text)


def expand(x: Floats, degree: int) -> Floats:
    """All products of up to `degree` columns, (rows, columns) -> (rows, features), in lexicographic order by degree.

    A product of a degree is its first column times a product of one degree less whose first column is no earlier one.
    """
    columns = x.shape[1]
    if degree == 1 or not columns:
        return x
    single = np.ascontiguousarray(x.T)
    parts, starts = [single], np.arange(columns)
    for _ in range(degree - 1):
        blocks = [single[first] * parts[-1][starts[first] :] for first in range(columns)]
        starts = np.cumsum([0, *(len(block) for block in blocks[:-1])])
        parts.append(np.concatenate(blocks))
    return np.ascontiguousarray(np.concatenate(parts).T)


def _median(column: Floats, weight: Floats | None) -> float:
    """Of the values that are there; 0 where there are none.

    With weights, the middle of the values at which half of the weight is reached from below and from above.
    """
    known = ~np.isnan(column)
    there = column[known]
    if not len(there):
        return 0.0
    if weight is None:
        return float(np.median(there))
    order = np.argsort(there, kind="stable")
    there, reached = there[order], np.cumsum(weight[known][order])
    half = reached[-1] / 2
    ends = np.searchsorted(reached, half * (1 - ROUNDING)), np.searchsorted(reached, half * (1 + ROUNDING))
    return float(there[list(ends)].mean())


def _filled(column: Series) -> list[str]:
    return [level if isinstance(level, str) else MISSING for level in column.tolist()]


def _listed(values: Floats | None) -> list[float] | None:
    return None if values is None else values.tolist()


def _array(values: list[float] | None) -> Any:  # noqa: ANN401 - an array, or None
    return None if values is None else np.array(values, np.float64)


def _scale_to_dict(scale: Scale | None) -> dict[str, Any] | None:
    return None if scale is None else {"mean": scale.mean.tolist(), "deviation": scale.deviation.tolist()}


def _scale_from_dict(kept: Mapping[str, Any] | None) -> Any:  # noqa: ANN401 - a scale, or None
    return None if kept is None else Scale(_array(kept["mean"]), _array(kept["deviation"]))
