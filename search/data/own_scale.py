"""A linear model's coefficients on the scale of its inputs, instead of that of the preprocessed features."""

from __future__ import annotations

from itertools import combinations_with_replacement, product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from pandas import Series

from search.data.preprocess import RARE

if TYPE_CHECKING:
    from search.core.arrays import Array
    from search.data.preprocess import Levels, Numbers, Preprocessor, Scale


class Linear(NamedTuple):
    """Weights (outputs, features) and intercepts (outputs,)."""

    weight: Array
    bias: Array


def own_scale(known: Preprocessor, fitted: Linear) -> Linear:
    """The same function of the inputs as the user has them: numbers, their powers and products, and 0/1 levels.

    A row's output is x @ weight.T + bias, where x has the preprocessing's features of the row as they are before any
    scaling. It holds between the ends that values are moved to; a missing number counts as its median. With powers and
    products the weight of an input alone is its slope where all inputs are 0.
    """
    numbers = known.numbers
    count = len(numbers.features)
    weight, bias = fitted.weight[:, :count], fitted.bias
    if numbers.after is not None:
        weight, bias = _unscaled(numbers.after, weight, bias)
    if numbers.before is not None:
        weight, bias = _multiplied_out(numbers, numbers.before, weight, bias)
    return Linear(np.concatenate([weight, fitted.weight[:, count:]], axis=1), bias)


def _unscaled(scale: Scale, weight: Array, bias: Array) -> Linear:
    weight = weight / scale.divisor
    return Linear(weight, bias - weight @ scale.mean)


def _multiplied_out(numbers: Numbers, before: Scale, weight: Array, bias: Array) -> Linear:
    """Products of (x - mean) / deviation as products of x: of each factor either part, in every combination."""
    factor, shift = 1 / before.divisor, -before.mean / before.divisor
    columns = range(len(numbers.names))
    products = [each for length in range(numbers.degree + 1) for each in combinations_with_replacement(columns, length)]
    place = {each: index for index, each in enumerate(products)}  # () comes first: the intercept
    found = np.zeros((len(products), len(bias)))
    found[0] = bias
    start = 0
    for length in range(1, numbers.degree + 1):
        own = np.array([each for each in products if len(each) == length], np.intp).reshape(-1, length)
        values = weight[:, start : start + len(own)].T
        for kept in map(np.array, product([False, True], repeat=length)):
            share = factor[own[:, kept]].prod(axis=1) * shift[own[:, ~kept]].prod(axis=1)
            np.add.at(found, [place[tuple(each)] for each in own[:, kept].tolist()], values * share[:, None])
        start += len(own)
    return Linear(found[1:].T, found[0])


def on_features(known: Preprocessor, weight: Array, wanted: Preprocessor) -> Array:
    """Weights (outputs, features) of one preprocessing in the places of another one's features.

    Both were fitted on rows of the same table. A level that was rare where the weights were trained, or not met there,
    has the weight that such a row gets there: that of the rare ones, or 0.
    """
    start = len(known.numbers.features)
    parts = [weight[:, :start]]
    for own, other in zip(known.text, wanted.text, strict=True):
        end = start + len(own.features)
        padded = np.pad(weight[:, start:end], ((0, 0), (0, 1)))  # 0 for a level that has no feature
        parts.append(padded[:, own.codes(_levels(other))])
        start = end
    return np.concatenate(parts, axis=1)


def _levels(levels: Levels) -> Series:
    return Series([*levels.levels, *[RARE] * bool(levels.rare)], dtype=object)
