import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from search.verdict.bounds import regret_bounds
from search.verdict.rows_needed import rows_needed
from search.verdict.sample import build


def needed(losses, selected, *, scope="models", tolerance=0.05):
    losses = losses[:, None] if losses.ndim == 2 else losses
    return rows_needed(build(losses, selected, scope), confidence=0.95, tolerance=tolerance)


@pytest.mark.parametrize("selected", [6, 10, 11])
def test_that_many_rows_of_the_same_kind_settle_it(law, selected):
    """Repeating the rows keeps every estimate: with the stated number the answer is there, with half of it it is not.

    Candidate 10 is the best one; 11 is within the tolerance and 6 beyond it.
    """
    losses = law.losses(np.random.default_rng(0), 60)
    rows, answer = needed(losses, selected)

    def with_rows(count):
        tiled = np.tile(losses, count // 60)[:, None]
        found = regret_bounds(build(tiled, selected, "models"), confidence=0.95, relative=True)
        if found.lower <= 0.05 < found.upper:
            return "open"
        return "yes" if found.upper <= 0.05 else "no"

    assert rows >= 66
    assert with_rows(60) == "open"
    assert answer == with_rows(int(2.5 * rows)) == ("no" if selected == 6 else "yes")
    assert with_rows(max(60, rows // 3)) == "open"


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 50), st.floats(0, 0.5))
def test_an_answer_comes_with_its_rows_and_they_are_more_than_there_are(seed, rows, tolerance):
    losses = np.random.default_rng(seed).exponential(size=(5, rows))
    found, answer = needed(losses, 0, tolerance=tolerance)
    means = losses.mean(axis=1)
    within = means[0] - means.min() <= tolerance * means[0]
    assert (found is None) == (answer is None)
    if answer is not None:
        assert found >= 1.1 * rows
        assert answer == ("yes" if within else "no")


def test_none_where_no_number_of_rows_would_do():
    rng = np.random.default_rng(1)
    assert needed(rng.exponential(size=(4, 1)), 0) == (None, None)
    by_replicate = rng.normal(1.0, 0.2, size=(2, 3, 1)) + 1e-3 * rng.normal(size=(2, 3, 50))
    assert needed(by_replicate, 0, scope="procedure") == (None, None)


def test_the_rows_grow_with_the_variance():
    rng = np.random.default_rng(2)
    base = rng.exponential(size=300) + 1
    noise = rng.normal(size=(2, 300))
    noise -= noise.mean(axis=1, keepdims=True)
    few, many = (needed(base + sd * noise, 0, tolerance=0.02)[0] for sd in (1.0, 4.0))
    assert few > 330
    assert many == pytest.approx(16 * few, rel=0.1)


@pytest.mark.parametrize("tolerance", [0.01, 0.5])
def test_the_rows_are_those_of_a_t_test_of_the_gain_beyond_the_tolerance(tolerance):
    """Of two candidates: c^2 var / mean^2 of loss(selected) - loss(other) - tolerance * loss(selected)."""
    noise = np.random.default_rng(3).exponential(size=(2, 400))
    mean = np.array([[1.05 / (1 - tolerance)], [1.0]])  # beyond the tolerance by 0.05, whatever it is
    losses = noise - noise.mean(axis=1, keepdims=True) + mean
    beyond = losses[0] - losses[1] - tolerance * losses[0]
    c = stats.t.ppf(0.95, 399)
    expected = c**2 * beyond.var() / beyond.mean() ** 2
    assert needed(losses, 0, tolerance=tolerance)[0] == pytest.approx(expected, rel=0.02)
    assert expected > 440  # more than a tenth above those that there are


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_the_unit_of_the_loss_changes_no_number_of_rows(law, unit):
    losses = law.losses(np.random.default_rng(0), 60)
    assert needed(unit * losses, 10) == needed(losses, 10)
    assert needed(losses, 10)[0] is not None
