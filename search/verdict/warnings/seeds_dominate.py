"""Another seed moves the loss more than another candidate does."""

from __future__ import annotations

import math

import numpy as np

from search.core.means import fit_means
from search.core.text import number
from search.verdict.comparison import Comparison
from search.verdict.warnings.base import Check

CONTENDERS = 4


def message(case: Comparison) -> str | None:
    """Among the better half of the candidates, the replicate moves a loss more than the candidate does.

    Two-way layout of mean losses m (candidates, replicates), replicate means removed, as candidates are compared
    within replicates: m - mean over candidates. Compared are the variance over replicates (mean over candidates) and
    the variance of the candidates' means less the part of it that the replicates' noise makes by itself.
    """
    means = fit_means(case.results.validation)
    means = means[:, ~np.isnan(means).all(axis=0)]
    better = means[np.argsort(means.mean(axis=1), kind="stable")[: (len(means) + 1) // 2]]
    if min(better.shape[0] - CONTENDERS, better.shape[1] - 2) < 0 or not np.isfinite(better).all():
        return None
    paired = better - better.mean(axis=0)
    within = float(paired.var(axis=1, ddof=1).mean())
    between = max(0.0, float(paired.mean(axis=1).var(ddof=1)) - within / paired.shape[1])
    if within <= between:
        return None
    return (
        f"Among the better half of the candidates another seed or split moves a candidate's loss by about "
        f"{number(math.sqrt(within), 2)}, another lambda by about {number(math.sqrt(between), 2)}. More seeds or folds "
        "would tell more than more trials."
    )


SEEDS_DOMINATE = Check("seeds_dominate", message)
