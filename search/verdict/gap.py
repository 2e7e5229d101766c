"""What the regret is made of: the validation rows, the search, the training."""

from __future__ import annotations

import numpy as np

from search.records import Array, Flags
from search.verdict.record import Gap
from search.verdict.rules import mean_losses


def gap(
    test: Array | None,
    selected: int,
    *,
    sweep_test: Array | None = None,
    finalists: Flags | None = None,
    exact_test: Array | None = None,
) -> Gap:
    """Three differences of mean test losses; each is None where what it needs is missing or infinite.

    validation = loss(selected) - min over the evaluated candidates: the best one was tried and not picked.
    search = min over the finalists - min over the dense grid, both as the confirming sweep retrained them, on
    the same fresh seeds: the best lambda was never tried.
    training = loss(selected) - loss(selected, solved exactly): training stopped short of the optimum of its objective.

    `test` and `exact_test` (candidates, replicates, rows), the same candidates; `sweep_test` (swept, replicates, rows)
    with `finalists` (swept,) marking those candidates of the search that the sweep trained again. Nothing is cut off
    at zero. `validation` cannot be negative. `search` can: then the dense grid holds nothing better. `training` can:
    then stopping early helped, as it regularises too. Each minimum was picked by its luck on the test rows too, so
    `validation` errs upwards; `search` does so as far as the grid is longer than the list of finalists.
    """
    means = None if test is None else mean_losses(test)
    return Gap(
        validation=None if means is None else _difference(means[selected], means.min()),
        search=_search(sweep_test, finalists),
        training=None if means is None else _training(float(means[selected]), selected, exact_test),
    )


def _search(sweep_test: Array | None, finalists: Flags | None) -> float | None:
    if sweep_test is None or finalists is None or finalists.all() or not finalists.any():
        return None
    means = mean_losses(sweep_test)
    return _difference(means[finalists].min(), means[~finalists].min())


def _training(loss: float, selected: int, exact_test: Array | None) -> float | None:
    """None where the selected candidate was not solved exactly: its losses are all NaN."""
    if exact_test is None or np.isnan(exact_test[selected]).all():
        return None
    return _difference(loss, mean_losses(exact_test[selected : selected + 1])[0])


def _difference(loss: float, reference: float) -> float | None:
    if not (np.isfinite(loss) and np.isfinite(reference)):
        return None
    return float(loss - reference)
