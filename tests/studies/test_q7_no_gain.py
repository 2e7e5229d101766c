"""Q7: tiny inputs teach nothing, scaled ones do, and the targets are the same numbers in both."""

import pytest
import torch

from search.penalties import GroupLasso
from studies.book import read_answers
from studies.common import searched, study, task_of
from studies.q7_no_gain import FEATURES, WholeNorm, learned, norm_penalty

FEW = {"data.draws": 4}


def test_scaling_changes_inputs_and_no_target():
    tiny, scaled = (task_of(study(name, FEW)) for name in ("q7_no_gain", "q7_no_gain_scaled"))
    for one, other in zip(tiny.splits, scaled.splits, strict=True):
        torch.testing.assert_close(one.train.y, other.train.y)
        torch.testing.assert_close(100 * one.train.x, other.train.x)


def test_the_warning_comes_by_itself_and_goes_with_scaling():
    cheap = {"data.draws": 2, "search.trials": 4}
    codes = {
        name: [warning.code for warning in searched(study(name, cheap))[1].warnings]
        for name in ("q7_no_gain", "q7_no_gain_scaled")
    }
    assert "not_trained" in codes["q7_no_gain"]
    assert "not_trained" not in codes["q7_no_gain_scaled"]


def test_only_with_scaled_inputs_is_anything_learned_and_gained():
    tiny, scaled = (learned(name, FEW) for name in ("q7_no_gain", "q7_no_gain_scaled"))
    assert abs(tiny["learned"]) < 5
    assert abs(tiny["gain"]) < 1
    assert scaled["learned"] > 99
    assert scaled["gain"] > 10


def test_one_group_holds_the_whole_weight_vector():
    weight = WholeNorm(FEATURES, 1).weight.detach()
    assert GroupLasso().value(weight) == pytest.approx(FEATURES**0.5 * float(weight.norm()), rel=1e-5)


def test_the_norm_penalty_pulls_the_whole_vector_to_zero_and_shows_in_the_printed_loss():
    free, pulled = norm_penalty(0.0, 1), norm_penalty(3.0, 1)
    assert pulled["norm"] < 0.1 * free["norm"]
    assert free["train_with_penalty"] == free["train"]
    assert pulled["train_with_penalty"] > pulled["train"]


def test_what_the_text_says_in_words_is_what_was_measured():
    found = read_answers()["q7_no_gain"]
    assert "not_trained" in found["verdict"]["tiny"]["codes"]
    assert "validation_below_training" in found["verdict"]["tiny"]["codes"]
    assert "not_trained" not in found["verdict"]["scaled"]["codes"]
    assert 40 < found["tiny"]["small"]["none_beats_3"] < 60
    assert found["tiny"]["large"]["risk_picked"] > 0.99 * found["tiny"]["large"]["baseline"]
    assert found["scaled"]["small"]["below_training"] == 0
    pulled = found["norm"][1:]
    assert [row["norm"] for row in pulled] == sorted(row["norm"] for row in pulled)
