"""Real data: benign or malignant from 30 measurements: is the picked lambda optimal, does it matter?"""

from __future__ import annotations

import numpy as np

from search.records import Candidate
from search.runner import Run
from search.verdict import Verdict
from search.verdict.bounds import contrast
from search.verdict.multiplier import student
from search.verdict.sample import build
from studies.common import across_splits, grid, searched, share_of_worst, study, verdict_figures

NAME = "real_breast_cancer"
WORST = 5
NORMAL_975 = 1.96
LAMBDAS = np.geomspace(1e-5, 0.1, 10)


def answer(splits: int = 10) -> dict[str, object]:
    """The verdict on the study's own split, and how the picks fare over other splits."""
    run, verdict = searched(study(NAME))
    candidates = [Candidate("none"), *grid("l1", LAMBDAS), *grid("l2", LAMBDAS)]
    return {
        "fits": run.fits,
        "verdict": verdict_figures(verdict),
        "worst": WORST,
        "worst_share": share_of_worst(run, verdict.selected.trial, WORST),
        "loosest": loosest(run, verdict),
        "across": across_splits(study(NAME), candidates, splits),
        "wrong": across_splits(study(NAME, {"search.metric": "error_rate"}), candidates, splits),
    }


def loosest(run: Run, verdict: Verdict) -> dict[str, object]:
    """The candidate that sets the upper bound of the relative regret, with its paired difference from the pick."""
    frame, _ = run.ledger.validation()
    test = run.ledger.open_test(frame["trial"].tolist())
    assert test is not None, "the study has test rows"
    gains = contrast(build(test, int((frame["trial"] == verdict.selected.trial).argmax()), "models"), relative=True)
    index = int(gains.high(student(NORMAL_975, gains.dof)).argmax())
    return {
        "penalty": str(frame["penalty"][index]),
        "lambda": float(frame["lambda"][index]),
        "more": -float(gains.gain[index]),
        "error": float(np.sqrt(gains.variance[index])),
    }
