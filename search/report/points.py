"""The candidates as points of a figure, what varies over their replicates, and which of many points are drawn."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from search.records import Array
from search.report.axis import LambdaAxis, lambda_axis
from search.report.labels import candidates_of, hover

HOVER_POINTS: Final = 1500
BAND: Final = (0.1, 0.9)


class Points(NamedTuple):
    """Candidates along the lambda axis: penalty, lambda (0 for `none`), place on the axis, hover text.

    `smooth` names the penalties whose candidates differ in lambda alone, so that a line through them means something.
    """

    axis: LambdaAxis
    penalty: NDArray[np.str_]
    lambda_: Array
    x: Array
    text: list[str]
    smooth: frozenset[str]

    def penalties(self) -> list[str]:
        """The penalties that occur, in the order of their first candidates on a sorted axis."""
        return sorted(set(self.penalty.tolist()), key=ORDER.index)


ORDER: Final = ("none", "l1", "l2", "elastic_net", "group_lasso")


class Spread(NamedTuple):
    """Mean over replicates, and the band from the 10 to the 90 % quantile, each (candidates,).

    A band is NaN with a single replicate; a mean is infinite where a fit diverged.
    """

    mean: Array
    low: Array
    high: Array


def points(frame: pd.DataFrame, axis: LambdaAxis | None = None) -> Points:
    """The candidates of a frame (trial, penalty, lambda, l1_ratio), on their own axis unless one is given."""
    lambdas = frame["lambda"].to_numpy(np.float64)
    axis = axis or lambda_axis(lambdas)
    ratios = frame.groupby("penalty")["l1_ratio"].nunique()
    return Points(
        axis=axis,
        penalty=frame["penalty"].to_numpy(dtype=str),
        lambda_=lambdas,
        x=axis.place(lambdas),
        text=[hover(*each) for each in zip(candidates_of(frame), frame["trial"], strict=True)],
        smooth=frozenset(str(penalty) for penalty, count in ratios.items() if count <= 1 and penalty != "none"),
    )


def fit_means(losses: Array) -> Array:
    """Mean loss of every fit, (candidates, fits, rows) -> (candidates, fits); NaN for fits that held out no row."""
    held = ~np.isnan(losses)
    counts = held.sum(axis=2)
    sums = losses.sum(axis=2, where=held, dtype=np.float64)
    return np.asarray(np.divide(sums, counts, out=np.full(counts.shape, np.nan), where=counts > 0))


def spread(fits: Array, mean: Array | None = None) -> Spread:
    """The spread of (candidates, fits); `mean` is given where the fits hold out unlike numbers of rows."""
    fits = fits[:, ~np.isnan(fits).all(axis=0)]
    mean = fits.mean(axis=1, dtype=np.float64) if mean is None else mean
    if fits.shape[1] < 2:
        return Spread(mean, np.full(len(fits), np.nan), np.full(len(fits), np.nan))
    finite = np.where(np.isfinite(fits), fits, np.nan)
    low, high = np.full((2, len(fits)), np.nan)
    whole = ~np.isnan(finite).any(axis=1)
    low[whole], high[whole] = np.quantile(finite[whole], BAND, axis=1)
    return Spread(mean, low, high)


def thin(x: Array, keep: Iterable[int | None] = (), limit: int = HOVER_POINTS) -> NDArray[np.intp]:
    """Which of many points are drawn: at most about `limit`, evenly spaced in the order of x, and those to `keep`."""
    order = np.argsort(x, kind="stable")
    if len(order) > limit:
        order = order[np.linspace(0, len(order) - 1, limit).round().astype(np.intp)]
    kept = np.array([index for index in keep if index is not None], dtype=np.intp)
    chosen = np.union1d(order, kept)
    return chosen[np.argsort(x[chosen], kind="stable")]


def spans_decades(*values: Array) -> bool:
    """Whether a logarithmic axis suits: all finite values are positive and span more than two decades."""
    finite = np.concatenate([each[np.isfinite(each)] for each in values])
    return bool(len(finite) and finite.min() > 0 and finite.max() > 100 * finite.min())
