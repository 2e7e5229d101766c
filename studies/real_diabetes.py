"""Real data: disease progression from 285 features of 442 patients: is the picked lambda optimal, does it matter?"""

from __future__ import annotations

import numpy as np

from search.records import Candidate
from search.runner import Run
from studies.common import across_splits, grid, searched, share_of_worst, study, verdict_figures

NAME = "real_diabetes"
WORST = 5
LAMBDAS = np.geomspace(0.1, 30.0, 10)


def answer(splits: int = 10) -> dict[str, object]:
    """The verdict on the study's own split, and how the picks fare over other splits."""
    run, verdict = searched(study(NAME))
    candidates = [Candidate("none"), *grid("l1", LAMBDAS), *grid("l2", LAMBDAS)]
    return {
        "fits": run.fits,
        "verdict": verdict_figures(verdict),
        "worst": WORST,
        "worst_share": share_of_worst(run, unpenalised(run), WORST),
        "across": across_splits(study(NAME), candidates, splits),
        "plain": across_splits(study(NAME, {"data.degree": 1}), candidates, splits),
    }


def unpenalised(run: Run) -> int:
    """The number of the first trial without a penalty."""
    trials = run.ledger.trials()
    return int(trials.loc[(trials["penalty"] == "none") & (trials["state"] == "complete"), "trial"].iloc[0])
