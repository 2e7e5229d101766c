"""The judged loss in units that mean something, and how far a seed moves it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from search.verdict.record import Scores, SeedEffect

if TYPE_CHECKING:
    from search.verdict.comparison import Comparison


def scores(case: Comparison) -> Scores | None:
    """The selected candidate's loss beside the plain baseline; None where no baseline is known."""
    plain = case.evidence.plain
    if plain is None or not case.comparable:
        return None
    loss, squared = case.own_risk, plain.metric == "mse" and plain.baseline > 0
    return Scores(
        metric=plain.metric,
        loss=loss,
        baseline=plain.baseline,
        rmse=math.sqrt(loss) if squared else None,
        baseline_rmse=math.sqrt(plain.baseline) if squared else None,
        r2=1 - loss / plain.baseline if squared else None,
        accuracy=None if plain.accuracy is None else 1 - loss if plain.metric == "error_rate" else plain.accuracy,
        baseline_accuracy=plain.baseline_accuracy,
    )


def seed_effect(case: Comparison) -> SeedEffect | None:
    """What fresh seeds change; None where nothing in a fit is random, or where one of these fits diverged."""
    losses = np.array(case.evidence.seed_losses)
    if len(losses) < 2 or not np.isfinite(losses).all() or losses.std() == 0:
        return None
    return SeedEffect(len(losses), float(losses.std(ddof=1)))
