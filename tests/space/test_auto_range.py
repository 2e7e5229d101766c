"""`lambda = "auto"`: each penalty's own range, from where it leaves no weight, and samplers that keep to it."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression

from search.core.candidate import Candidate
from search.core.errors import UserError
from search.samplers import SAMPLERS
from search.samplers.within import folded
from search.space import SearchSpace
from search.training import train

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")

AUTO = {
    "training.optimizer": "exact",
    "space.penalty": ["none", "l1", "l2", "elastic_net"],
    "space.lambda": "auto",
    "space.l1_ratio": {"low": 0.1, "high": 0.9},
}


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_a_range_ends_where_the_last_weight_is_lost(make_task, make_settings, kind):
    outputs = 3 if kind == "multiclass" else 1
    task, settings = make_task(kind, outputs=outputs, draws=1), make_settings(**AUTO)
    end = SearchSpace.from_settings(settings, task).ranges["l1"].high
    beyond, within = train(task, settings, [Candidate("l1", end * 1.001), Candidate("l1", end * 0.98)]).weights
    assert not beyond.any()
    assert within.any()


def test_the_ends_are_those_of_scikit_learn(make_task, make_settings):
    task = make_task(draws=1)
    ranges = SearchSpace.from_settings(make_settings(**AUTO), task).ranges
    data = task.splits[0].train
    for model, end in ((Lasso(), ranges["l1"].high), (ElasticNet(l1_ratio=0.1), ranges["elastic_net"].high)):
        assert not model.set_params(alpha=end * 1.001).fit(data.x, data.y).coef_.any()
        assert model.set_params(alpha=end * 0.98).fit(data.x, data.y).coef_.any()
    assert ranges["l1"].low == pytest.approx(ranges["l1"].high / 1e4)


def test_l2_reaches_as_far_down_as_l1_and_up_to_a_model_that_hardly_sees_its_inputs(make_task, make_settings):
    task, settings = make_task("binary", draws=1), make_settings(**AUTO)
    ranges = SearchSpace.from_settings(settings, task).ranges
    assert ranges["l2"].low == pytest.approx(ranges["l1"].low / rms(task))
    data = task.splits[0].train
    model = LogisticRegression(C=1 / (len(data) * ranges["l2"].high)).fit(data.x, data.y)
    assert np.abs(model.coef_).max() < 1e-2


def rms(task):
    y = task.splits[0].train.y.double()
    return float((y - y.mean()).square().mean().sqrt())


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_keeps_to_each_penaltys_own_range(make_task, make_settings, sampler):
    alone = {"cmaes": ["elastic_net"], "gp": ["l1", "l2"], "qmc": ["l1", "l2"]}
    settings = make_settings(**AUTO | {"space.penalty": alone.get(sampler, AUTO["space.penalty"])})
    space = SearchSpace.from_settings(settings, make_task())
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study, found = optuna.create_study(), []
    for start in range(0, 24, 8):
        study.sampler = space.sampler_within(SAMPLERS[sampler].make(0, start))
        trials = [study.ask() for _ in range(8)]
        found += [space.suggest(trial) for trial in trials]
        for trial, candidate in zip(trials, found[start:], strict=True):
            study.tell(trial, abs(np.log(candidate.lambda_ + 0.1)))
    assert all(space.holds(candidate) for candidate in found)
    assert all(trial.params.get("lambda", 0.0) == each.lambda_ for trial, each in zip(study.trials, found, strict=True))
    if sampler != "cmaes":
        assert len({over.high for over in space.ranges.values()}) > 1


def test_a_grid_is_even_over_each_penaltys_own_range(make_task, make_settings):
    space = SearchSpace.from_settings(make_settings(**AUTO | {"space.penalty": ["l1", "l2"]}), make_task())
    grid = space.grid(20)
    for penalty, over in space.ranges.items():
        lambdas = [each.lambda_ for each in grid if each.penalty == penalty]
        np.testing.assert_allclose(lambdas, np.geomspace(over.low, over.high, 10))


def test_inputs_that_say_nothing_give_no_range(make_task, make_settings):
    task = make_task(draws=1)
    task.splits[0].train.y.fill_(3.0)
    with pytest.raises(UserError, match=r'"auto" finds no range'):
        SearchSpace.from_settings(make_settings(**AUTO), task)


positive = st.floats(1e-6, 1e6)


@given(st.lists(positive, min_size=4, max_size=4, unique=True), st.floats(0, 1))
def test_folding_stays_inside_and_moves_nothing_that_is_inside(ends, share):
    bottom, low, high, top = sorted(ends)
    value = float(np.clip(bottom * (top / bottom) ** share, bottom, top))
    found = folded(value, (low, high), (bottom, top))
    assert low <= found <= high
    if low <= value <= high:
        assert found == value


def test_folding_spreads_evenly():
    """What is even by the logarithm outside of the own range is even inside."""
    outside = np.geomspace(1, 100, 11)
    inside = [folded(value, (0.01, 1), (0.01, 100)) for value in outside]
    np.testing.assert_allclose(inside, np.geomspace(1, 0.01, 11))
