"""What the regret is made of: the validation rows, the search, the training."""

from __future__ import annotations

import numpy as np

from search.core.evidence import Evidence
from search.core.results import Results
from search.verdict.record import Gap


def gap(results: Results, selected: int, evidence: Evidence) -> Gap:
    """Three differences of mean test losses; each is None where what it needs is missing or infinite.

    validation = loss(selected) - min over the evaluated candidates: the best one was tried and not picked.
    search = min over the finalists - min over the dense grid, both as the confirming sweep retrained them, on
    the same fresh seeds: the best lambda was never tried.
    training = loss(selected) - loss(selected, solved exactly): training stopped short of the optimum of its objective.

    Nothing is cut off at zero. `validation` cannot be negative. `search` can: then the dense grid holds nothing better.
    `training` can: then stopping early helped, as it regularises too. Each minimum was picked by its luck on the test
    rows too, so `validation` errs upwards; `search` does so as far as the grid is longer than the list of finalists.
    """
    means = results.test_loss
    if means is None:
        return Gap(None, _search(results, evidence.sweep), None)
    return Gap(
        validation=_difference(means[selected], means.min()),
        search=_search(results, evidence.sweep),
        training=_training(results, selected, evidence.exact),
    )


def _search(results: Results, sweep: Results | None) -> float | None:
    if sweep is None or sweep.test_loss is None:
        return None
    finalists = np.array([candidate in results.position for candidate in sweep.candidates])
    if finalists.all() or not finalists.any():
        return None
    return _difference(sweep.test_loss[finalists].min(), sweep.test_loss[~finalists].min())


def _training(results: Results, selected: int, exact: Results | None) -> float | None:
    """None where another candidate was solved exactly, or none."""
    candidate = results.candidates[selected]
    if exact is None or exact.test_loss is None or results.test_loss is None or candidate not in exact.position:
        return None
    return _difference(results.test_loss[selected], exact.test_loss[exact.position[candidate]])


def _difference(loss: float, reference: float) -> float | None:
    if not (np.isfinite(loss) and np.isfinite(reference)):
        return None
    return float(loss - reference)
