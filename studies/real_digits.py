"""Real data: a small network that reads digits: is the picked lambda optimal, does it matter?"""

from __future__ import annotations

import numpy as np

from search.records import Candidate
from studies.common import across_splits, grid, searched, study, verdict_figures

NAME = "real_digits"
LAMBDAS = np.geomspace(1e-4, 1.0, 5)


def answer(splits: int = 4) -> dict[str, object]:
    """The verdict on the study's own split, and how the picks fare over other splits."""
    run, verdict = searched(study(NAME))
    candidates = [Candidate("none"), *grid("l1", LAMBDAS), *grid("l2", LAMBDAS)]
    return {
        "fits": run.fits,
        "verdict": verdict_figures(verdict),
        "across": across_splits(study(NAME), candidates, splits),
    }
