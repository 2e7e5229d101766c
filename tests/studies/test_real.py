"""Real data: other splits are other rows, and the picks are compared with one candidate kept throughout."""

import numpy as np

from search.core.candidate import Candidate
from search.data import load_task
from studies.book import read_answer
from studies.common import across_splits, grid, study_file

PLAIN = study_file("diabetes.toml").replace("data.degree", 1)


def test_another_split_has_other_test_rows():
    one, other = (load_task(PLAIN.replace("split.seed", seed)).refits[0].test.ids.tolist() for seed in (0, 1))
    assert len(one) == len(other)
    assert set(one) != set(other)


def test_picks_across_splits_are_priced_against_the_best_fixed_candidate():
    found = across_splits(PLAIN, [Candidate("none"), *grid("l2", [1e-2, 1e3])], 3)
    assert found["picked_loss"] >= found["fixed_loss"] * 0.95
    np.testing.assert_allclose(found["more"], 100 * (found["picked_loss"] / found["fixed_loss"] - 1))
    assert str(Candidate("l2", 1e3)) not in found["picked"]  # it shrinks every weight to nothing


def test_what_the_texts_say_in_words_is_what_was_measured():
    diabetes, cancer, digits = (read_answer(f"real_{name}") for name in ("diabetes", "breast_cancer", "digits"))
    assert diabetes["across"]["none_loss"] > 100 * diabetes["across"]["picked_loss"]
    assert diabetes["plain"]["none_loss"] < 1.1 * diabetes["plain"]["picked_loss"]
    assert cancer["across"]["none_loss"] > 10 * cancer["across"]["picked_loss"]
    assert 1 < cancer["wrong"]["none_loss"] / cancer["wrong"]["picked_loss"] < 3
    assert diabetes["worst_share"] > 50
    assert abs(cancer["loosest"]["more"]) < 2 * cancer["loosest"]["error"]
    assert cancer["loosest"]["lambda"] < 0.1 * cancer["verdict"]["selected"]["lambda"]
    assert digits["across"]["none_loss"] < 1.2 * digits["across"]["picked_loss"]
    assert digits["across"]["more"] < 2 * digits["across"]["more_error"]
    assert any("no penalty" in line for line in digits["verdict"]["words"] if line.startswith("The best is one of"))
