"""The candidates on the lambda axis, what varies over their replicates, and which of many points are drawn."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import numpy as np

from search.core.arrays import Array, Index
from search.core.results import Results
from search.report.axis import RANK, LambdaAxis, lambda_axis
from search.report.labels import hover
from search.report.theme import in_order

HOVER_POINTS: Final = 1500
BAND: Final = (0.1, 0.9)


class Placed(NamedTuple):
    """Candidates on the lambda axis: their penalties, where they are on the axis, and their hover texts.

    `smooth` names the penalties whose candidates differ in lambda alone, so that a line through them means something.
    """

    axis: LambdaAxis
    penalty: Any
    x: Array
    text: list[str]
    smooth: frozenset[str]

    def penalties(self) -> list[str]:
        """The penalties that occur, in a legend's order."""
        return in_order(self.penalty)


class Spread(NamedTuple):
    """Mean over replicates, and the band from the 10 to the 90 % quantile, each (candidates,).

    A band is NaN with a single replicate; a mean is infinite where a fit diverged.
    """

    mean: Array
    low: Array
    high: Array


def placed(results: Results, axis: LambdaAxis | None = None) -> Placed:
    """The candidates of a table, on their own axis unless one is given; without a strength they stand by rank."""
    places = results.lambda_ if results.strength else ranks(results.validation_loss)
    axis = axis or lambda_axis(places, results.strength or RANK)
    return Placed(
        axis=axis,
        penalty=results.penalty,
        x=axis.place(places),
        text=[hover(*each) for each in zip(results.candidates, results.trials.tolist(), strict=True)],
        smooth=frozenset(
            penalty for penalty in set(results.penalty) if penalty != "none" and _smooth(results, penalty)
        ),
    )


def ranks(losses: Array) -> Array:
    """1 for the lowest loss, 2 for the next one, and so on."""
    return np.asarray(1.0 + losses.argsort(kind="stable").argsort(kind="stable"))


def _smooth(results: Results, penalty: str) -> bool:
    return len({each.replace(lambda_=1.0) for each in results.candidates if each.penalty == penalty}) == 1


def spread(fits: Array, mean: Array | None = None) -> Spread:
    """The spread of (candidates, fits); `mean` is given where the fits hold out unlike numbers of rows."""
    fits = fits[:, ~np.isnan(fits).all(axis=0)]
    if mean is None:
        mean = fits.mean(axis=1, dtype=np.float64) if fits.shape[1] else np.full(len(fits), np.nan)
    if fits.shape[1] < 2:
        return Spread(mean, np.full(len(fits), np.nan), np.full(len(fits), np.nan))
    finite = np.where(np.isfinite(fits), fits, np.nan)
    low, high = np.full((2, len(fits)), np.nan)
    whole = ~np.isnan(finite).any(axis=1)
    low[whole], high[whole] = np.quantile(finite[whole], BAND, axis=1)
    return Spread(mean, low, high)


def thin(x: Array, keep: Iterable[int | None] = (), limit: int = HOVER_POINTS) -> Index:
    """Which of many points are drawn: at most about `limit`, evenly spaced in the order of x, and those to `keep`."""
    order = np.argsort(x, kind="stable")
    if len(order) > limit:
        order = order[np.linspace(0, len(order) - 1, limit).round().astype(np.intp)]
    kept = np.array([index for index in keep if index is not None], dtype=np.intp)
    chosen = np.union1d(order, kept)
    return chosen[np.argsort(x[chosen], kind="stable")]


def spans_decades(*values: Array, times: float = 100.0) -> bool:
    """Whether a logarithmic axis suits: all finite values are positive, the highest over so many times the lowest."""
    finite = np.concatenate([each[np.isfinite(each)] for each in values])
    return bool(len(finite) and finite.min() > 0 and finite.max() > times * finite.min())
