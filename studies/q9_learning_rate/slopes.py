"""From losses over a grid of learning rates and lambdas to the best lambdas, their slope, and the price of keeping one.

Losses have the shape (..., 1 + lambdas): the first is that without a penalty, lambda 0. The lambdas have equal ratios.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from search.core.arrays import Array

VALLEY: Final = 1.05
RESAMPLES: Final = 2000
FINE: Final = 1001
BAND: Final = (0.025, 0.975)


class Grid(NamedTuple):
    """Held-out losses (lrs, 1 + lambdas, draws), and the norms of the weights (lrs, 1 + lambdas).

    `steps` are those of the training in units of lr (with momentum a step counts more, at the end of a schedule less):
    after them decay alone has divided the initial weights by exp(lr * lambda * steps).
    """

    lrs: Array
    lambdas: Array
    losses: Array
    norms: Array
    steps: float


def summary(grid: Grid) -> dict[str, Any]:
    """Every lr with its best lambda, the slope over those at which a penalty pays, and what a kept lambda costs."""
    mean, again = grid.losses.mean(-1), resampled(grid.losses)
    rows = [row(grid, place, best_lambdas(grid.lambdas, again[:, place])) for place in range(len(grid.lrs))]
    pays = [each["pays"] for each in rows]
    slopes = slope(grid.lrs[pays], penalised_best(grid.lambdas, again[:, pays]))
    low, high = np.quantile(slopes, BAND)
    estimate = slope(grid.lrs[pays], penalised_best(grid.lambdas, mean[pays]))
    return {
        "rows": rows,
        "slope": {"estimate": float(estimate), "low": float(low), "high": float(high)},
        "kept": [kept(grid, factor) for factor in (0.1, 10.0)],
    }


def row(grid: Grid, place: int, bests: Array) -> dict[str, Any]:
    """One lr: its best lambda (0: none) with the resampled ones' band, its valley and its losses."""
    mean = grid.losses[place].mean(-1)
    best, valley = float(best_lambdas(grid.lambdas, mean)), valley_of(grid.lambdas, mean)
    return {
        "lr": float(grid.lrs[place]),
        "best": best,
        "band": [float(end) for end in np.quantile(bests, BAND)],
        "valley": valley,
        "loss": float(mean.min()),
        "none": float(mean[0]),
        "pays": valley[0] > 0,
        "decay": float(grid.lrs[place]) * best * grid.steps,
        "norm": float(grid.norms[place, mean.argmin()]),
    }


def best_lambdas(lambdas: Array, losses: Array) -> Array:
    """The lambda of the lowest loss, (...): 0 where no penalty is lowest, else `penalised_best`."""
    return np.where(losses[..., 0] <= losses[..., 1:].min(-1), 0.0, penalised_best(lambdas, losses))


def penalised_best(lambdas: Array, losses: Array) -> Array:
    """The lambda above 0 of the lowest loss, (...).

    It is the vertex of the parabola through the lowest log loss and its neighbours, by log lambda; at an end of the
    grid, that end.
    """
    place = losses[..., 1:].argmin(-1)
    inner = np.clip(place, 1, len(lambdas) - 2)
    with np.errstate(divide="ignore", invalid="ignore"):  # a neighbour that diverged has no parabola
        left, middle, right = (
            np.take_along_axis(np.log(losses[..., 1:]), (inner + side)[..., None], -1)[..., 0] for side in (-1, 0, 1)
        )
        vertex = (left - right) / (2 * (left + right - 2 * middle))
    shift = np.where((place == inner) & np.isfinite(vertex), vertex, place - inner)
    return np.asarray(lambdas[inner] * (lambdas[1] / lambdas[0]) ** shift)


def valley_of(lambdas: Array, losses: Array) -> list[float]:
    """The ends of the lambdas within 5 % of the lowest loss, (1 + lambdas,); the lower one is 0 if no penalty is.

    Between the grid's lambdas the log loss is taken to be straight, by log lambda.
    """
    fine = np.geomspace(lambdas[0], lambdas[-1], FINE)
    finite = np.isfinite(losses[1:])
    between = np.interp(np.log(fine), np.log(lambdas[finite]), np.log(losses[1:][finite]), right=np.inf)
    inside = fine[between <= np.log(VALLEY * losses.min())]
    low = 0.0 if losses[0] <= VALLEY * losses.min() or not len(inside) else float(inside.min())
    return [low, float(inside.max()) if len(inside) else 0.0]


def resampled(losses: Array) -> Array:
    """The mean losses of so many samples of the draws, with replacement, (samples, lrs, 1 + lambdas)."""
    draws = losses.shape[-1]
    chosen = np.random.default_rng(0).integers(0, draws, (RESAMPLES, draws))
    counts = (chosen[..., None] == np.arange(draws)).sum(1)  # (samples, draws)
    return np.stack([losses[..., count > 0] @ count[count > 0] / draws for count in counts])


def slope(lrs: Array, bests: Array) -> Array:
    """The least-squares slope of log best lambda (..., lrs) against log lr, (...)."""
    x = np.log(lrs) - np.log(lrs).mean()
    return np.asarray(np.log(bests) @ x / (x @ x))


def kept(grid: Grid, factor: float) -> dict[str, float]:
    """Lambda tuned at the middle lr, and lr then multiplied: what three ways to go on lose against that lr's best.

    Either lambda is kept, or lr * lambda is, or there is no penalty; in per cent of the best one's loss, with the
    standard error of the paired differences over the draws.
    """
    middle = len(grid.lrs) // 2
    tuned = grid.lambdas[grid.losses[middle, 1:].mean(-1).argmin()]
    losses = grid.losses[nearest(grid.lrs, factor * grid.lrs[middle])]  # (1 + lambdas, draws)
    ways = {
        "lambda": 1 + nearest(grid.lambdas, tuned),
        "product": 1 + nearest(grid.lambdas, tuned / factor),
        "none": 0,
    }
    best = losses[losses.mean(-1).argmin()]
    more = {name: 100 * (losses[place] - best) / best.mean() for name, place in ways.items()}
    return {
        "factor": factor,
        "tuned": float(tuned),
        **{name: float(each.mean()) for name, each in more.items()},
        **{f"{name}_error": float(each.std(ddof=1) / np.sqrt(len(each))) for name, each in more.items()},
    }


def nearest(values: Array, wanted: float) -> int:
    """The place of a value that the grid holds."""
    place = int(np.abs(np.log(values / wanted)).argmin())
    assert np.isclose(values[place], wanted, rtol=0.05), f"{wanted:g} is not on the grid"
    return place
