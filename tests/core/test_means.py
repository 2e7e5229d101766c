"""Means of held-out losses against explicit loops and numpy, with the gaps that folds leave, and with infinity."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.core.means import candidate_means, fit_means, packed, replicate_means, row_means, standard_errors


def drawn(seed, shape, *, gaps="none", infinite=0.0, dtype=np.float64):
    """Losses (candidates, replicates, rows); `folds`: replicate r held out the rows r, r + replicates, ..."""
    generator = np.random.default_rng(seed)
    losses = generator.normal(size=shape) ** 2
    losses[generator.random(shape) < infinite] = np.inf
    if gaps == "folds":
        losses[:, np.arange(shape[1])[:, None] != np.arange(shape[2]) % shape[1]] = np.nan
    elif gaps == "any":
        losses[generator.random(shape) < 0.4] = np.nan
    return losses.astype(dtype)


LOSSES = st.builds(
    drawn,
    st.integers(0, 10_000),
    st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 9)),
    gaps=st.sampled_from(["none", "folds", "any"]),
    infinite=st.sampled_from([0.0, 0.0, 0.1]),
    dtype=st.sampled_from([np.float64, np.float32]),
)


def mean(entries):
    """Of the entries that are not NaN; NaN where there is none."""
    held = [float(entry) for entry in entries if not math.isnan(entry)]
    return math.fsum(held) / len(held) if held else math.nan


def same(found, expected):
    assert found.dtype == np.float64
    assert found.shape == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@settings(deadline=None)
@given(LOSSES)
def test_means_are_those_of_explicit_loops(losses):
    count, replicates, rows = losses.shape
    same(candidate_means(losses), [mean(losses[c].ravel()) for c in range(count)])
    same(fit_means(losses), [[mean(losses[c, r]) for r in range(replicates)] for c in range(count)])
    same(row_means(losses), [[mean(losses[c, :, i]) for i in range(rows)] for c in range(count)])


@settings(deadline=None)
@given(LOSSES)
def test_a_standard_error_is_that_of_the_rows_each_averaged_over_its_fits(losses):
    expected = []
    for own in losses:
        held = [each for each in (mean(own[:, i]) for i in range(own.shape[1])) if not math.isnan(each)]
        if len(held) < 2:
            expected.append(math.nan)
        elif not all(map(math.isfinite, held)):
            expected.append(math.inf)
        else:
            centre = math.fsum(held) / len(held)
            expected.append(math.sqrt(math.fsum((each - centre) ** 2 for each in held) / (len(held) - 1) / len(held)))
    np.testing.assert_allclose(standard_errors(losses), expected, rtol=1e-9, atol=1e-15)


def test_without_gaps_they_are_numpys():
    losses = drawn(0, (3, 4, 50))
    same(candidate_means(losses), losses.mean(axis=(1, 2)))
    same(fit_means(losses), losses.mean(axis=2))
    same(row_means(losses), losses.mean(axis=1))
    same(standard_errors(losses), losses.mean(axis=1).std(axis=1, ddof=1) / np.sqrt(50))


def test_folds_of_every_row_once_are_its_pooled_rows():
    pooled = drawn(1, (3, 1, 20))
    folds = np.where(np.arange(4)[:, None] == np.arange(20) % 4, pooled, np.nan)
    same(candidate_means(folds), candidate_means(pooled))
    same(row_means(folds), pooled[:, 0])
    same(standard_errors(folds), standard_errors(pooled))


def test_a_mean_is_over_entries_and_not_over_means_of_fits():
    losses = np.array([[[0.0, 0.0, 0.0], [4.0, np.nan, np.nan]]])
    assert candidate_means(losses).tolist() == [1.0]
    assert fit_means(losses).tolist() == [[0.0, 4.0]]
    assert row_means(losses).tolist() == [[2.0, 0.0, 0.0]]


def test_one_infinite_entry_makes_a_mean_infinite_and_no_other():
    losses = drawn(2, (2, 3, 5), gaps="folds")
    losses[1, 1, 1] = np.inf
    assert np.isposinf(candidate_means(losses)).tolist() == [False, True]
    assert np.isposinf(fit_means(losses)).tolist() == [[False] * 3, [False, True, False]]
    assert np.isposinf(row_means(losses)).sum() == 1
    assert np.isposinf(standard_errors(losses)).tolist() == [False, True]


def test_nothing_held_out_is_nan_and_no_warning():
    losses = np.full((2, 2, 3), np.nan)
    losses[0, 1, 0] = 1.0
    assert np.array_equal(candidate_means(losses), [1.0, np.nan], equal_nan=True)
    assert np.array_equal(fit_means(losses), [[np.nan, 1.0], [np.nan, np.nan]], equal_nan=True)
    assert np.array_equal(row_means(losses)[0], [1.0, np.nan, np.nan], equal_nan=True)
    assert np.isnan(standard_errors(losses)).all()
    for empty in (np.empty((0, 2, 3)), np.empty((2, 1, 0))):
        for figure in (candidate_means, fit_means, row_means, standard_errors):
            assert len(figure(empty)) == len(empty)
            assert np.isnan(figure(empty)).all()


def test_losses_in_single_precision_are_added_in_double():
    losses = np.full((1, 1, 3_000_001), 0.1, dtype=np.float32)
    losses[0, 0, 0] = 1e6
    expected = (1e6 + 3_000_000 * float(np.float32(0.1))) / 3_000_001
    assert candidate_means(losses)[0] == pytest.approx(expected, rel=1e-12)
    assert fit_means(losses)[0, 0] == pytest.approx(expected, rel=1e-12)


def test_a_mean_over_replicates_is_of_figures_that_every_fit_has():
    same(replicate_means(np.array([[1.0, 2.0], [3.0, np.inf]])), [1.5, np.inf])
    same(replicate_means(np.array([[1, 2, 6]], dtype=np.int64)), [3.0])
    same(replicate_means(np.array([[True, False]])), [0.5])
    same(replicate_means(np.full((1, 100_000), 0.1, dtype=np.float32)), [float(np.float32(0.1))])


@settings(deadline=None)
@given(LOSSES)
def test_packed_losses_have_the_same_means_and_no_replicate_more_than_a_row_has_entries(losses):
    held = ~np.isnan(losses[0])
    losses = np.where(held, np.nan_to_num(losses, nan=1.0, posinf=np.inf), np.nan)
    found = packed(losses, held)
    assert found.shape == (len(losses), held.sum(axis=0).max(), losses.shape[2])
    same(candidate_means(found), candidate_means(losses))
    same(row_means(found), row_means(losses))
