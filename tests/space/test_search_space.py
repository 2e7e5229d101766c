"""The search space: what is asked is what the study file says, jointly, and a grid is whole."""

from __future__ import annotations

from itertools import product

import numpy as np
import optuna
import pytest
from optuna.samplers import TPESampler

from search.core.candidate import Candidate
from search.core.errors import UserError
from search.samplers import SAMPLERS
from search.space import SearchSpace

# Optuna's word on samplers that have been there for years; the doors silence it too.
pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")

MIXED = {
    "space.penalty": ["none", "l2", "elastic_net"],
    "space.lambda": {"low": 1e-3, "high": 10.0},
    "space.momentum": [0.0, 0.9],
    "space.epochs": {"low": 5, "high": 50},
    "space.label_smoothing": {"low": 0.0, "high": 0.2},
    "data.source": "digits",
}


@pytest.fixture
def space_of(make_task, make_settings):
    return lambda **keys: SearchSpace.from_settings(make_settings(**keys), make_task())


def asked(space: SearchSpace, sampler: str, count: int, batch: int = 8) -> list[Candidate]:
    """The candidates of a study with made-up losses, asked in batches."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study, found = optuna.create_study(), []
    for start in range(0, count, batch):
        study.sampler = SAMPLERS[sampler].make(0, start)
        trials = [study.ask() for _ in range(batch)]
        found += [space.suggest(trial) for trial in trials]
        for trial, candidate in zip(trials, found[start:], strict=True):
            study.tell(trial, abs(np.log(candidate.lambda_ + 0.1)) + candidate.get("momentum", 0.0))
    return found


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_every_candidate_is_of_the_space(space_of, sampler):
    space = space_of(**MIXED)
    found = asked(space, sampler, 40)
    assert all(space.holds(candidate) for candidate in found)
    assert {candidate.penalty for candidate in found} == {"none", "l2", "elastic_net"}
    for candidate in found:
        own = {"l1_ratio"} if candidate.penalty == "elastic_net" else set()
        assert candidate.others.keys() == {"momentum", "epochs", "label_smoothing"} | own
        assert isinstance(candidate["epochs"], int)


def test_conditional_and_mixed_spaces_are_sampled_jointly(space_of, monkeypatch):
    """Independent sampling is for what has not been seen: the first trials of a penalty."""
    alone, independent = [], TPESampler.sample_independent

    def counted(self, study, trial, name, distribution):
        alone.append(trial.number)
        return independent(self, study, trial, name, distribution)

    monkeypatch.setattr(TPESampler, "sample_independent", counted)
    asked(space_of(**MIXED), "tpe", 80)
    assert alone
    assert max(alone) < 24


def test_holds_wants_every_parameter_and_no_other(space_of):
    space = space_of(**MIXED)
    whole = Candidate("elastic_net", 1.0, l1_ratio=0.5, momentum=0.9, epochs=10, label_smoothing=0.1)
    assert space.holds(whole)
    for name in whole.others:
        assert not space.holds(whole.replace(**{name: None}))
    assert not space.holds(whole.replace(lr=0.1))
    assert not space.holds(whole.replace(momentum=0.5))
    assert not space.holds(whole.replace(lambda_=100.0))
    assert not space.holds(Candidate("l1", 1.0, momentum=0.9, epochs=10, label_smoothing=0.1))


def test_a_grid_of_lists_is_their_product(space_of):
    keys = {"space.penalty": ["none", "l1", "elastic_net"], "space.lambda": [0.1, 1.0], "space.l1_ratio": [0.2, 0.8]}
    space = space_of(**keys, **{"space.momentum": [0.0, 0.9], "space.epochs": [3, 6]})
    settings = [{"momentum": m, "epochs": e} for m, e in product([0.0, 0.9], [3, 6])]
    expected = {Candidate("none", **each) for each in settings}
    expected |= {Candidate("l1", value, **each) for value in (0.1, 1.0) for each in settings}
    expected |= {
        Candidate("elastic_net", value, l1_ratio=ratio, **each)
        for value in (0.1, 1.0)
        for ratio in (0.2, 0.8)
        for each in settings
    }
    grid = space.grid(100)
    assert set(grid) == expected
    assert len(grid) == len(expected)
    with pytest.raises(UserError, match=f"has {len(expected)} candidates"):
        space.grid(len(expected) - 1)


def test_neighbours_of_a_grid_share_a_training(space_of):
    """All numbers of epochs of one candidate stand together, so that they fall into one batch."""
    grid = space_of(**{"space.penalty": ["l2"], "space.epochs": [3, 6, 9]}).grid(30)
    without = [candidate.replace(epochs=None) for candidate in grid]
    assert len(grid) == 30
    assert all(len(set(without[start : start + 3])) == 1 for start in range(0, 30, 3))


@pytest.mark.parametrize("count", [7, 20, 64])
def test_a_grid_over_ranges_has_about_the_number_asked_for(space_of, count):
    space = space_of(**MIXED)
    grid = space.grid(count)
    assert len(set(grid)) == len(grid) <= count
    assert all(space.holds(candidate) for candidate in grid)


def test_a_grid_over_ranges_reaches_both_ends_of_lambda(space_of):
    lambdas = [each.lambda_ for each in space_of(**{"space.penalty": ["l2"]}).grid(9)]
    np.testing.assert_allclose(lambdas, np.geomspace(1e-4, 1e2, 9))
    assert (min(lambdas), max(lambdas)) == (1e-4, 1e2)
