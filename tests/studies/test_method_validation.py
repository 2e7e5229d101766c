"""The method: more validation rows hit more often and miss more cheaply; regret is what it says it is."""

import numpy as np
import pytest

from studies.book import read_answer
from studies.method_validation.compute import answer, picks, relative


@pytest.fixture(scope="module")
def found():
    return answer(draws=24)


def test_more_rows_cost_less(found):
    regrets = [each["regret"] for each in found["found"]]
    assert regrets[0] > regrets[1] > regrets[2] >= 0


def test_nothing_at_all_is_far_worse_than_any_pick(found):
    assert found["none_risk"] > 100 * found["best_risk"]


def test_regret_is_relative_to_the_pick_and_zero_for_the_best():
    risk = np.array([[1.0, 4.0], [2.0, 3.0]])
    np.testing.assert_allclose(relative(risk, np.array([0, 1])), 0)
    np.testing.assert_allclose(relative(risk, np.array([1, 0])), [50.0, 25.0])


def test_a_perfect_validation_set_always_hits():
    risk = np.random.default_rng(0).exponential(size=(5, 30))
    perfect = picks(risk, risk)
    assert (perfect["hit"], perfect["regret"], perfect["optimism"]) == (100.0, 0.0, 0.0)


def test_what_the_text_says_in_words_is_what_was_measured():
    few, some, many = read_answer("method_validation")["found"]
    assert (few["rows"], some["rows"], many["rows"]) == (20, 100, 500)
    assert some["hit"] < 60 < some["within"]
    assert 2.5 < few["regret"] / some["regret"] < 10
    assert 2.5 < some["regret"] / many["regret"] < 10
