"""Q6: the prior's lambda is the fit's, and where lambda matters search and evidence find it."""

import pytest

from studies.book import read_answer
from studies.q6_prior.compute import STUDIES, compare, laplace_check, laplace_lambda, map_lambda, normal_check


def test_the_ridge_fit_is_the_posterior_mean():
    assert normal_check() < 1e-9


def test_the_lasso_fit_is_the_laplace_posterior_mode():
    assert laplace_check() < 1e-5


def test_the_lambdas_are_noise_variance_over_rows_times_the_prior():
    assert map_lambda(STUDIES["book"]) == pytest.approx(0.01**2 / (20 * 0.01**2))
    assert map_lambda(STUDIES["more_rows"]) == pytest.approx(0.1**2 / (200 * 0.01**2))
    assert laplace_lambda() == pytest.approx(0.01**2 / (20 * 0.005))


def test_with_enough_rows_search_and_evidence_find_the_priors_lambda():
    ways = compare(STUDIES["more_rows"], 6)["ways"]
    for name in ("search", "evidence"):
        assert 0.1 < ways[name]["lambda_median"] < 2.0
        assert ways[name]["excess"] < 1.5 * ways["map"]["excess"]
    assert ways["none"]["excess"] > 5 * ways["map"]["excess"]


def test_hindsight_is_never_worse_than_a_pick_from_the_same_grid():
    ways = compare(STUDIES["book"], 12)["ways"]
    assert all(ways["best"]["excess"] <= ways[name]["excess"] for name in ("search", "evidence"))
    assert ways["map"]["more"] == 0.0


def test_what_the_text_says_in_words_is_what_was_measured():
    found = read_answer("q6_prior")
    more, book = found["more_rows"]["ways"], found["book"]["ways"]
    assert 0.5 < found["more_rows"]["curve_lambda"] / found["more_rows"]["map_lambda"] < 2
    assert max(more["search"]["more"], more["evidence"]["more"]) < 5
    assert abs(book["none"]["more"]) < 0.1
    assert book["evidence"]["lambda_high"] / book["evidence"]["lambda_low"] > 1e4
    assert book["evidence"]["more"] > book["search"]["more"]
