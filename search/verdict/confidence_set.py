"""The candidates that cannot be told from the best one."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from search.core.arrays import Array, Flags, Index
from search.core.results import Results
from search.verdict.bounds import SCREENING_SHARE, ratio, screened_normal
from search.verdict.multiplier import Errors, bonferroni, exceeds
from search.verdict.record import SetPart
from search.verdict.sample import Sample


def confidence_set(sample: Sample, *, confidence: float) -> Flags:
    """Which candidates may be the best one: a set that holds the truly best with at least this confidence.

    Cross-validation with confidence (Lei 2020, JASA 115, arXiv 1703.07904): candidate k stays unless "no candidate has
    a lower risk than k" is rejected by the largest studentised difference loss(k) - loss(h) over all h, against the
    multiplier bootstrap of that maximum, after screening out the h that are clearly worse than k. Only the best
    candidate must survive, so no correction for the number of tests. Never empty: it holds the lowest mean loss.
    Shape (candidates,). With a single row it holds all.
    """
    alpha = 1 - confidence
    if sample.row_count < 2:
        return np.ones(sample.count, dtype=bool)
    return np.array([_may_be_best(sample, base, alpha) for base in range(sample.count)])


def _may_be_best(sample: Sample, base: int, alpha: float) -> bool:
    """Whether "no candidate has a lower risk than `base`" stands; the bootstrap runs where it can change the answer."""
    rows, replicates = (part[:-1] for part in sample.pair_variances(base))
    deviation = np.sqrt(rows + replicates)
    statistic = ratio(sample.gain[:-1] - sample.gain[base], deviation)

    def dof_of(places: Index) -> Array:
        return sample.dof(rows[places], replicates[places], base, places)

    # The worst one mostly decides.
    worst = statistic.argmax(axis=0, keepdims=True)
    if not exceeds(statistic[worst], float(ndtri(1 - alpha)), lambda _: dof_of(worst)).any():
        return True
    most = bonferroni(sample.count, (1 - SCREENING_SHARE) * alpha)
    if exceeds(statistic[worst], most, lambda _: dof_of(worst)).any():
        return False
    errors = Errors(sample.draws[:-1], sample.draws[base], deviation)
    return not exceeds(statistic, screened_normal(errors, statistic, dof_of, alpha), dof_of).any()


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
