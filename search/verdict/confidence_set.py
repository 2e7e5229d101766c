"""The candidates that cannot be told from the best one."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from search.core.arrays import Array, Flags
from search.core.results import Results
from search.verdict.against import SCREENING_SHARE, against, challenges
from search.verdict.multiplier import Errors, bonferroni
from search.verdict.record import SetPart
from search.verdict.sample import Sample


def confidence_set(sample: Sample, *, confidence: float, heights: Array | None = None) -> Flags:
    """Which candidates may be the best one: a set that holds the truly best with at least this confidence.

    Cross-validation with confidence (Lei 2020, JASA 115, arXiv 1703.07904): candidate k stays unless "no candidate has
    a lower risk than k" is rejected by the largest studentised difference loss(k) - loss(h) over all h (its rivals, see
    `Sample.rivals`), against the multiplier bootstrap of that maximum, without the h that are clearly worse than k.
    Only the best candidate must survive, so no correction for the number of tests. Never empty: it holds the lowest
    mean loss.

    Shape (candidates,). With a single row it holds all. `heights` are the `challenges` at this confidence, where known.
    """
    alpha = 1 - confidence
    if sample.row_count < 2:
        return np.ones(sample.count, dtype=bool)
    heights = challenges(sample, alpha) if heights is None else heights
    level = (1 - SCREENING_SHARE) * alpha
    members = heights <= ndtri(1 - level)
    unsure = np.flatnonzero(~members & (heights <= bonferroni(sample.count, level)))
    for base in against(sample, unsure, sample.rivals):
        errors = Errors(sample.rival_draws, sample.draws.values[base.base], base.deviation)
        members[base.base] = not base.beyond(heights[[base.base]], errors, alpha).any()
    return members


def summarise(members: Flags, results: Results) -> tuple[SetPart, ...]:
    """The set by penalty, in alphabetical order: lowest and highest lambda, and the trials.

    A candidate of the dense grid has no trial.
    """
    parts = [(penalty, members & (results.penalty == penalty)) for penalty in sorted(set(results.penalty[members]))]
    return tuple(
        SetPart(
            penalty,
            float(results.lambda_[part].min()),
            float(results.lambda_[part].max()),
            tuple(int(trial) for trial in results.trials[part] if trial >= 0),
        )
        for penalty, part in parts
    )
