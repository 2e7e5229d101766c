"""How a training tells how far it is: all its fits in the end, in steps of no more than an epoch."""

from __future__ import annotations

import numpy as np
import pytest

from search.core.candidate import Candidate
from search.training import Training, train

EPOCHS = 12
STEPS = {"training.epochs": EPOCHS, "training.lr": 0.02}
CANDIDATES = [Candidate("none"), *(Candidate("l1", lambda_) for lambda_ in (0.01, 0.1, 1.0)), Candidate("l2", 0.1)]


class Stopping:
    """Stops the first candidate after a step."""

    def __init__(self, per: str, step: int) -> None:
        self.per, self.step = per, step

    def __call__(self, step, losses) -> set[int]:
        return {0} if step == self.step else set()


@pytest.mark.parametrize(
    ("changes", "observer"),
    [
        ({}, None),
        ({"training.seeds": 3}, None),
        ({"training.patience": 2, "training.epochs": 60}, None),
        ({}, Stopping("epoch", 3)),
        ({}, Stopping("replicate", 0)),
        ({"training.optimizer": "exact"}, None),
    ],
    ids=["steps", "seeds", "patience", "pruned in an epoch", "pruned after a replicate", "exact"],
)
@pytest.mark.parametrize("refit", [False, pytest.param(True, marks=pytest.mark.rest)])
def test_all_fits_are_told_and_none_twice(make_task, make_settings, changes, observer, refit):
    told = []
    keys = changes if "training.optimizer" in changes else STEPS | changes
    training = Training(make_task(refit=refit), make_settings(**keys), CANDIDATES)
    training(observer=observer, report=told.append)
    assert min(told) > -1e-9
    assert sum(told) == pytest.approx(training.fits)
    assert sum(each > 0 for each in told) > 1  # on the way, not only at the end


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_the_exact_solver_of_classes_tells_every_candidate(make_task, make_settings, kind):
    told = []
    settings = make_settings(**{"training.optimizer": "exact", "data.source": "digits"})
    train(make_task(kind, outputs=1 if kind == "binary" else 3), settings, CANDIDATES, report=told.append)
    assert [each for each in told if each] == [2] * len(CANDIDATES)


def test_an_epoch_of_equal_trainings_is_an_equal_share_of_them(make_task, make_settings):
    told = []
    train(make_task(), make_settings(**STEPS), CANDIDATES, report=told.append)
    np.testing.assert_allclose(told[:EPOCHS], 2 * len(CANDIDATES) / EPOCHS)
    np.testing.assert_allclose(told[EPOCHS:], 0, atol=1e-9)


def test_a_short_training_in_a_long_one_is_told_when_it_ends(make_task, make_settings):
    """Candidates that differ in their epochs share a column: after five of ten epochs one of two is done."""
    told = []
    pair = [Candidate("l2", 0.1, epochs=5), Candidate("l2", 0.1, epochs=10)]
    settings = make_settings(**{"space.epochs": [5, 10]})
    train(make_task(), settings, pair, report=told.append)
    assert sum(told[:5]) == pytest.approx(2 * 1.5)
    assert sum(told) == pytest.approx(4)
