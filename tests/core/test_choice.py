"""Which loss is the lowest: ties up to rounding, and what breaks them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.core.choice import ROUNDING, lowest, preference, tied

SOME = st.lists(st.sampled_from([0.0, 0.5, 1.0, 1.0 + 1e-15, 2.0, np.inf]), min_size=1, max_size=8)


def by_hand(losses, strength):
    """Of all candidates whose loss is the lowest but for rounding: the largest lambda, then the first."""
    best = min(losses)
    near = [i for i, loss in enumerate(losses) if loss == best or loss <= best * (1 + 1e-12)]
    return max(near, key=lambda i: (strength[i], -i))


@given(SOME, st.data())
def test_is_what_one_finds_by_hand(losses, data):
    strength = data.draw(st.lists(st.sampled_from([0.0, 0.1, 3.0]), min_size=len(losses), max_size=len(losses)))
    found = lowest(np.array(losses), np.array(strength))
    assert type(found) is int
    assert found == by_hand(losses, strength)


@pytest.mark.parametrize("best", [1.0, 1e-8, 1e8, -3.0])
def test_losses_are_tied_within_1e_12_of_the_lowest(best):
    strength = np.array([0.1, 10.0])
    assert lowest(np.array([best, best + 0.5e-12 * abs(best)]), strength) == 1
    assert lowest(np.array([best, best + 2e-12 * abs(best)]), strength) == 0
    assert tied(np.array([best, best + 0.5e-12 * abs(best), best + 2e-12 * abs(best)]), best).tolist() == [
        True,
        True,
        False,
    ]
    assert ROUNDING == 1e-12


def test_a_lower_loss_wins_over_a_larger_lambda():
    assert lowest(np.array([1.0, 0.9]), np.array([100.0, 0.0])) == 1


def test_ties_go_to_the_larger_lambda_and_then_to_the_first():
    losses = np.full(4, 0.5)
    assert lowest(losses, np.array([0.1, 10.0, 1.0, 10.0])) == 1
    assert lowest(losses, np.array([2.0, 2.0, 2.0, 2.0])) == 0


def test_a_diverged_candidate_is_picked_only_where_all_of_them_are():
    strength = np.array([0.1, 10.0, 1.0])
    assert lowest(np.array([5.0, np.inf, np.inf]), strength) == 0
    assert lowest(np.full(3, np.inf), strength) == 1
    assert tied(np.array([1.0, np.inf]), np.inf).all()


@given(st.integers(0, 1000), st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 5)))
def test_further_axes_are_a_batch(seed, shape):
    generator = np.random.default_rng(seed)
    losses = np.round(generator.exponential(size=shape), 1)
    strength = np.round(generator.exponential(size=shape[-1]), 1)
    found = lowest(losses, strength)
    assert found.shape == shape[:-1]
    for place in np.ndindex(*shape[:-1]):
        assert found[place] == lowest(losses[place], strength)


def test_no_batch_is_an_empty_one():
    assert lowest(np.empty((0, 3)), np.arange(3.0)).shape == (0,)


@given(st.lists(st.sampled_from([0.0, 0.5, 2.0, 7.0]), max_size=8))
def test_preference_goes_from_the_largest_lambda_to_the_least_and_keeps_the_order_of_equals(strength):
    expected = sorted(range(len(strength)), key=lambda i: -strength[i])
    assert preference(np.array(strength)).tolist() == expected


@given(SOME, st.integers(0, 1000))
def test_the_candidates_order_matters_only_among_equals(losses, seed):
    strength = np.geomspace(0.1, 10, len(losses))  # no two alike
    order = np.random.default_rng(seed).permutation(len(losses))
    found = lowest(np.array(losses)[order], strength[order])
    assert order[found] == lowest(np.array(losses), strength)
