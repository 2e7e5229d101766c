"""Real data: disease progression from 285 features of 442 patients: is the picked lambda optimal, does it matter?"""

from __future__ import annotations

import numpy as np

from search.core.candidate import Candidate
from studies.common import across_splits, grid, searched, share_of_worst, study_file, verdict_figures

STUDY = study_file("diabetes.toml")
WORST = 5
LAMBDAS = np.geomspace(0.1, 30.0, 10)


def answer(splits: int = 10) -> dict[str, object]:
    """The verdict on the study's own split, and how the picks fare over other splits."""
    study = searched(STUDY)
    candidates = [Candidate("none"), *grid("l1", LAMBDAS), *grid("l2", LAMBDAS)]
    return {
        "fits": study.ran.fits,
        "verdict": verdict_figures(study.judge()),
        "worst": WORST,
        "worst_share": share_of_worst(study.results, Candidate("none"), WORST),
        "across": across_splits(STUDY, candidates, splits),
        "plain": across_splits(STUDY.replace("data.degree", 1), candidates, splits),
    }
