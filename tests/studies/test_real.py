"""Real data: other splits are other rows, and the picks are compared with one candidate kept throughout."""

import numpy as np

from search.records import Candidate
from studies.book import read_answers
from studies.common import across_splits, grid, other_split, study, task_of


def test_another_split_has_other_test_rows():
    settings = study("real_diabetes", {"data.degree": 1})
    one, other = (task_of(other_split(settings, seed)).refits[0].test.ids.tolist() for seed in (0, 1))
    assert len(one) == len(other)
    assert set(one) != set(other)


def test_picks_across_splits_are_priced_against_the_best_fixed_candidate():
    settings = study("real_diabetes", {"data.degree": 1})
    found = across_splits(settings, [Candidate("none"), *grid("l2", [1e-2, 1e3])], 3)
    assert found["picked_loss"] >= found["fixed_loss"] * 0.95
    np.testing.assert_allclose(found["more"], 100 * (found["picked_loss"] / found["fixed_loss"] - 1))
    assert "lambda 1000" not in found["picked"]  # it shrinks every weight to nothing


def test_what_the_texts_say_in_words_is_what_was_measured():
    answers = read_answers()
    diabetes, cancer = answers["real_diabetes"], answers["real_breast_cancer"]
    assert diabetes["across"]["none_loss"] > 100 * diabetes["across"]["picked_loss"]
    assert diabetes["plain"]["none_loss"] < 1.1 * diabetes["plain"]["picked_loss"]
    assert cancer["across"]["none_loss"] > 10 * cancer["across"]["picked_loss"]
    assert 1 < cancer["wrong"]["none_loss"] / cancer["wrong"]["picked_loss"] < 3
    assert diabetes["worst_share"] > 50
    assert 0 < cancer["loosest"]["more"] < 2 * cancer["loosest"]["error"]
    assert cancer["loosest"]["lambda"] < 0.1 * cancer["verdict"]["selected"]["lambda"]
    digits = answers["real_digits"]
    assert digits["across"]["none_loss"] < 1.2 * digits["across"]["picked_loss"]
    assert digits["across"]["more"] < 2 * digits["across"]["more_error"]
    assert any("no penalty" in line for line in digits["verdict"]["words"] if "may be the best" in line)
