"""Rows that belong together: their sums, and the standard error of a mean whose sample they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.core.candidate import Candidate
from search.core.errors import UserError
from search.core.groups import Groups, summed
from search.core.means import standard_error, standard_errors
from search.core.results import Results, join


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=30), st.integers(0, 1000))
def test_sums_are_those_of_a_plain_loop(numbers, seed):
    groups = np.array(numbers)
    values = np.random.default_rng(seed).normal(size=(2, 3, len(groups)))
    expected = np.stack([values[..., groups == each].sum(axis=-1) for each in sorted(set(numbers))], axis=-1)
    np.testing.assert_allclose(summed(values, groups), expected, atol=1e-12)


def test_labels_of_any_kind_are_numbered():
    found = Groups.of(["b", "a", "b"], np.array([2.5, 2.5, 1.0]))
    assert found.validation.tolist() == [0, 1, 0]
    assert found.test.tolist() == [0, 0, 1]
    assert Groups.of([1, "1", 1]).validation.tolist() == [0, 1, 0]
    assert Groups.of(test=[1, 2]).validation is None
    kept = found.take(np.array([True, False, True]), np.array([False, True, True]))
    assert (kept.validation.tolist(), kept.test.tolist()) == ([0, 0], [0, 1])
    with pytest.raises(UserError, match="groups: is missing in row 2"):
        Groups.of(["a", None, "b"])


@given(st.integers(0, 1000), st.integers(2, 20), st.integers(1, 4))
def test_rows_that_say_the_same_count_once(seed, count, times):
    """A group of copies of one row is that row."""
    values = np.random.default_rng(seed).normal(size=count)
    error = values.std(ddof=1) / np.sqrt(count)
    assert standard_error(values) == pytest.approx(error)
    assert standard_error(np.repeat(values, times), np.repeat(np.arange(count), times)) == pytest.approx(error)


def test_the_error_of_a_mean_over_groups_of_any_size_is_that_of_many_samples():
    """Groups drawn again and again: sizes 1 to 40, rows that deviate together, larger groups with a larger mean."""
    rng, found, means = np.random.default_rng(0), [], []
    for _ in range(2000):
        size = rng.integers(1, 41, size=60)
        effect = rng.normal(size=60) + 0.05 * size
        groups = np.repeat(np.arange(60), size)
        values = effect[groups] + rng.normal(size=len(groups))
        means.append(values.mean())
        found.append(standard_error(values, groups))
    assert np.mean(found) == pytest.approx(np.std(means), rel=0.05)


def test_missing_and_infinite_values():
    values, groups = np.array([1.0, np.nan, 3.0, 5.0]), np.array([0, 0, 1, 2])
    assert standard_error(values, groups) == pytest.approx(np.std([1, 3, 5], ddof=1) / np.sqrt(3))
    assert np.isnan(standard_error(values, np.zeros(4, dtype=int)))  # one group
    assert np.isnan(standard_error(values[1:2], groups[1:2]))
    assert standard_error(np.array([1.0, np.inf, 2.0]), groups[:3]) == np.inf


def test_the_table_of_results_takes_them_along():
    losses = np.random.default_rng(1).exponential(size=(3, 2, 6))
    groups = Groups.of([0, 0, 1, 1, 2, 2], ["a", "a"])
    candidates = tuple(Candidate("l2", each) for each in (1.0, 2.0, 3.0))
    results = Results(candidates, losses, losses[:, :, :2], groups=groups)
    assert results.take([2, 0]).groups is groups
    assert join([results.take([0]), results.take([1, 2])]).groups is groups
    np.testing.assert_array_equal(results.validation_se, standard_errors(losses, groups.validation))
    assert np.isnan(results.test_se).all()  # one group
    with pytest.raises(ValueError, match="groups has 6 entries for 5 rows"):
        Results(candidates, losses[:, :, :5], groups=groups)
