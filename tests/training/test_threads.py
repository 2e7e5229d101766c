"""Small steps are computed by one thread, long ones by as many as torch is set to."""

from __future__ import annotations

import pytest
import torch

from search.core.candidate import Candidate
from search.data import load_task
from search.settings import Settings
from search.training import train
from search.training.plan import problems
from search.training.threads import LONG, enough_threads, operations


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def problem(**changes):
    tables = {"name": "a", "data": {"source": "synthetic_linear"}, "training": {"device": "cpu"}}
    settings = Settings.parse(tables).replace({key.replace("__", "."): value for key, value in changes.items()})
    (found,) = problems(load_task(settings), settings, Candidate("l1", 1.0), "mse", torch.device("cpu"))
    return found


def test_small_steps_get_one_thread_and_the_number_comes_back():
    with enough_threads([problem()], 100):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


def test_long_steps_keep_torchs_own():
    large = problem(model__kind="mlp", model__hidden=[512, 512], training__batch_size=0)
    with enough_threads([large], 1000):
        assert torch.get_num_threads() == 2
    with enough_threads([problem(), large], 1000):
        assert torch.get_num_threads() == 2


def test_the_number_comes_back_after_an_error():
    with pytest.raises(ZeroDivisionError), enough_threads([problem()], 1):
        raise ZeroDivisionError
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("optimizer", ["sgd", "exact"])
def test_operations_grow_with_the_fits(optimizer):
    one = problem(training__optimizer=optimizer)
    assert 0 < operations(one, 1) < LONG
    assert operations(one, 10) == 10 * operations(one, 1)


def test_a_step_of_a_linear_model_is_a_product_forward_and_two_backward():
    found = problem(data__features=7, training__batch_size=5)
    assert operations(found, 1) == 3 * 2 * (7 + 1) * 5


def test_training_uses_one_thread_where_steps_are_small():
    seen = []
    settings = Settings.parse({"name": "a", "data": {"source": "synthetic_linear"}})
    train(load_task(settings), settings, [Candidate("none")], report=lambda _: seen.append(torch.get_num_threads()))
    assert set(seen) == {1}
    assert torch.get_num_threads() == 2
