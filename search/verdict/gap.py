"""What the regret is made of: the validation rows, the search, the training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from search.verdict.record import Gap

if TYPE_CHECKING:
    from search.verdict.comparison import Comparison


def gap(case: Comparison) -> Gap:
    """Three differences of mean test losses; each is None where what it needs is missing or infinite.

    validation = loss(selected) - min over the tried candidates: the best one was tried and not picked.
    search = min over the tried candidates - min over them and the dense grid: the best lambda was never tried.
    training = loss(selected) - loss(selected, solved exactly): training stopped short of the optimum of its objective.

    All are on the same replicates and rows, so the first two add up to the estimate of the regret, and like it they err
    upwards: each minimum was picked by its luck on the test rows too. In a rotation loss(selected) is that of what the
    turns picked, and `validation` may be negative: then they did better than any one candidate. `training` may be
    negative too: then stopping early helped, as it regularises. Nothing is cut off at zero.
    """
    if not case.on_test:
        return Gap(None, None, None)
    tried, every = case.risk[: len(case.results)], case.risk
    return Gap(
        validation=_difference(case.own_risk, tried.min()),
        search=None if len(every) == len(tried) else _difference(tried.min(), every.min()),
        training=_training(case),
    )


def _training(case: Comparison) -> float | None:
    """None where another candidate was solved exactly, or none, or where its solution missed its accuracy."""
    exact, candidate = case.evidence.exact, case.results.candidates[case.selected]
    if exact is None or candidate not in exact.position:
        return None
    place = exact.position[candidate]
    if exact.converged is not None and not exact.converged[place].all():
        return None
    losses = exact.validation_loss if case.rotated else exact.test_loss
    if losses is None:
        return None
    return _difference(case.risk[case.selected], losses[place])


def _difference(loss: float, reference: float) -> float | None:
    if not (np.isfinite(loss) and np.isfinite(reference)):
        return None
    return float(loss - reference)
