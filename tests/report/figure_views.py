"""Small views made by hand, whose figures are known exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from search.records import Candidate, Losses, Outcome, held_out_mean
from search.report.view import StudyView
from search.verdict import judge

L2 = [Candidate("none"), Candidate("l2", 0.01), Candidate("l2", 1.0), Candidate("l2", 100.0)]


def outcome(candidate: Candidate, validation, test=None, **changes: Any) -> Outcome:
    """Replicate r has train loss r, norm 1 / (1 + lambda), a train curve of 3, 2, 1, and three weights."""
    count = len(validation)
    weight = np.array([2.0, -1.0, 0.5]) / (1 + candidate.lambda_)
    known = {
        "candidate": candidate,
        "losses": Losses(np.asarray(validation, float), None if test is None else np.asarray(test, float)),
        "train_loss": np.arange(count, dtype=float),
        "weight_norm": np.full(count, 1 / (1 + candidate.lambda_)),
        "nonzero": np.full(count, 0.5),
        "diverged": np.zeros(count, bool),
        "converged": np.ones(count, bool),
        "train_curve": np.tile([3.0, 2.0, 1.0], (count, 1)),
        "validation_curve": np.tile([4.0, 3.0, 3.5], (count, 1)),
        "weights": np.tile(weight, (count, 1, 1)),
        "biases": np.zeros((count, 1)),
        "epochs": 3,
        "seconds": 0.1,
    }
    return Outcome(**{**known, **changes})


def view_of(outcomes: Sequence[Outcome], *, judged: bool = True, **changes: Any) -> StudyView:
    """A view of trials 0, 1, ... with these outcomes; judged unless told otherwise."""
    frame = pd.DataFrame(
        {
            "trial": range(len(outcomes)),
            "state": "complete",
            "penalty": [each.candidate.penalty for each in outcomes],
            "lambda": [each.candidate.lambda_ for each in outcomes],
            "l1_ratio": [each.candidate.l1_ratio for each in outcomes],
            "validation_loss": [held_out_mean(each.losses.validation) for each in outcomes],
        }
    ).astype({"l1_ratio": float})
    validation = np.stack([each.losses.validation for each in outcomes])
    tests = [each.losses.test for each in outcomes if each.losses.test is not None]
    test = np.stack(tests) if tests else None
    selected = int(frame["validation_loss"].argmin())
    known = {
        "name": "study",
        "question": "",
        "settings": {"name": "study", "data": {"source": "synthetic_linear"}},
        "versions": (),
        "storage": "ledger.journal",
        "trials": frame,
        "candidates": frame,
        "selected": selected,
        "validation": validation,
        "test": test,
        "outcomes": tuple(outcomes),
        "verdict": judge(validation, test, frame, selected=selected) if judged else None,
        "sweep": (),
        "facts": {},
        "sealed": test is None,
    }
    return StudyView(**{**known, **changes})


def random_view(candidates: Sequence[Candidate], *, replicates: int = 2, rows: int = 40, test: bool = True, **changes):
    """A view with random losses around 1 + 0.1 * position, the same rows for every candidate."""
    rng = np.random.default_rng(3)
    noise = rng.random((2, replicates, rows))
    own = rng.random((len(candidates), 2, replicates, rows))
    outcomes = [
        outcome(
            candidate,
            1 + 0.1 * place + noise[0] + 0.2 * own[place, 0],
            1 + 0.1 * place + noise[1] + 0.2 * own[place, 1] if test else None,
        )
        for place, candidate in enumerate(candidates)
    ]
    return view_of(outcomes, **changes)
