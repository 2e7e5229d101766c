"""About how long a training takes: more work costs more, and the order of what is cheap and dear is the real one."""

from __future__ import annotations

import time

import numpy as np
import pytest

from search.core.candidate import Candidate
from search.training import Prices, Training

MANY = [Candidate("l2", float(lambda_)) for lambda_ in np.geomspace(0.01, 1, 32)]
BASE = {"data.source": "digits", "training.batch_size": 8, "training.epochs": 5}
EXACT = {"data.source": "digits", "training.optimizer": "exact"}


def price(task, settings, candidates) -> float:
    return Prices().seconds(Training(task, settings, candidates))


@pytest.mark.parametrize("keys", [BASE, EXACT], ids=["steps", "exact"])
def test_more_candidates_and_more_replicates_cost_more(make_task, make_settings, keys):
    settings = make_settings(**keys)
    few, more = (price(make_task("binary"), settings, MANY[:count]) for count in (4, 32))
    wide = price(make_task("binary", draws=4), settings, MANY)
    assert 0 < few < more < wide
    assert more < 8 * few + 1e-12  # training side by side shares what a step costs
    assert price(make_task("binary"), settings, []) == 0


def test_epochs_steps_and_units_cost_more(make_task, make_settings):
    task = make_task("binary")
    base = price(task, make_settings(**BASE), MANY)
    assert price(task, make_settings(**BASE | {"training.epochs": 10}), MANY) == pytest.approx(2 * base)
    assert price(task, make_settings(**BASE | {"training.batch_size": 2}), MANY) > base
    small, large = ({**BASE, "model.kind": "mlp", "model.hidden": [units]} for units in (4, 64))
    assert price(task, make_settings(**large), MANY) > price(task, make_settings(**small), MANY) > base


def test_one_training_that_serves_several_numbers_of_epochs_costs_as_much_as_the_longest(make_task, make_settings):
    settings = make_settings(**{"space.epochs": [5, 10]})
    pair = [Candidate("l2", 0.1, epochs=5), Candidate("l2", 0.1, epochs=10)]
    assert price(make_task(), settings, pair) == price(make_task(), settings, pair[1:])


@pytest.mark.rest
def test_prices_and_the_clock_agree_on_how_much_dearer_a_network_is(make_task, make_settings):
    """Within a factor of four, over a range of more than ten; the seconds themselves are those of another machine."""
    task, ratios = make_task("binary", features=64), []
    for changes, candidates in (
        ({"training.epochs": 100}, MANY[:2]),
        ({"training.epochs": 100}, MANY),
        ({"training.epochs": 40, "model.kind": "mlp", "model.hidden": [256]}, MANY),
    ):
        training = Training(task, make_settings(**{**BASE, **changes}), candidates)
        training()
        started = time.process_time()
        training()
        ratios.append((time.process_time() - started) / Prices().seconds(training))
    assert max(ratios) < 4 * min(ratios)
