"""Real data: benign or malignant from 30 measurements: is the picked lambda optimal, does it matter?"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from search.core.candidate import Candidate
from search.verdict import Comparison
from search.verdict.bounds import contrast
from studies.common import across_splits, grid, searched, share_of_worst, study_file, verdict_figures

STUDY = study_file("real_breast_cancer/study.toml")
WORST = 5
LAMBDAS = np.geomspace(1e-5, 0.1, 10)


def answer(splits: int = 10) -> dict[str, object]:
    """The verdict on the study's own split, and how the picks fare over other splits."""
    study = searched(STUDY)
    verdict, comparison = study.judge(), study.view.comparison
    assert comparison is not None, "the study is judged"
    candidates = [Candidate("none"), *grid("l1", LAMBDAS), *grid("l2", LAMBDAS)]
    return {
        "fits": study.ran.fits,
        "verdict": verdict_figures(verdict),
        "worst": WORST,
        "worst_share": share_of_worst(study.results, verdict.selected.candidate, WORST),
        "loosest": loosest(comparison),
        "across": across_splits(STUDY, candidates, splits),
        "wrong": across_splits(STUDY.replace("search.metric", "error_rate"), candidates, splits),
    }


def loosest(comparison: Comparison) -> dict[str, object]:
    """The candidate that sets the upper bound of the relative regret, with its paired difference from the pick."""
    gains = contrast(comparison.capped, relative=True)
    place = int(gains.high(float(ndtri(comparison.confidence))).argmax())
    candidate = comparison.compared.candidates[np.flatnonzero(comparison.finite)[place]]
    return {
        "penalty": candidate.penalty,
        "lambda": candidate.lambda_,
        "more": -float(gains.gain[place]),
        "error": float(np.sqrt(gains.variance[place])),
    }
