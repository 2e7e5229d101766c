"""Real data: a small network that reads digits: is the picked lambda optimal, does it matter?"""

from __future__ import annotations

import numpy as np

from search.core.candidate import Candidate
from studies.common import across_splits, grid, searched, study_file, verdict_figures

STUDY = study_file("digits.toml")
LAMBDAS = np.geomspace(1e-4, 1.0, 5)


def answer(splits: int = 4) -> dict[str, object]:
    """The verdict on the study's own split, and how the picks fare over other splits."""
    study = searched(STUDY)
    candidates = [Candidate("none"), *grid("l1", LAMBDAS), *grid("l2", LAMBDAS)]
    return {
        "fits": study.ran.fits,
        "verdict": verdict_figures(study.judge()),
        "across": across_splits(STUDY, candidates, splits),
    }
