"""Q7: tiny inputs teach nothing, scaled ones do, and the targets are the same numbers in both."""

import pytest
import torch

from search.data import load_task
from search.penalties import make_penalty
from studies.book import read_answer
from studies.common import searched
from studies.q7_no_gain.compute import STUDIES, WholeNorm, learned, norm_penalty

FEW = 4
FEATURES = STUDIES["tiny"].data.features


def test_scaling_changes_inputs_and_no_target():
    tiny, scaled = (load_task(STUDIES[name].replace("data.draws", FEW)) for name in ("tiny", "scaled"))
    for one, other in zip(tiny.splits, scaled.splits, strict=True):
        torch.testing.assert_close(one.train.y, other.train.y)
        torch.testing.assert_close(100 * one.train.x, other.train.x)


def test_the_warning_comes_by_itself_and_goes_with_scaling():
    cheap = {"data.draws": 2, "search.trials": 4}
    codes = {
        name: [warning.code for warning in searched(study.replace(cheap)).judge().warnings]
        for name, study in STUDIES.items()
    }
    assert "not_trained" in codes["tiny"]
    assert "not_trained" not in codes["scaled"]


def test_only_with_scaled_inputs_is_anything_learned_and_gained():
    tiny, scaled = (learned(STUDIES[name], FEW) for name in ("tiny", "scaled"))
    assert abs(tiny["learned"]) < 5
    assert abs(tiny["gain"]) < 1
    assert scaled["learned"] > 99
    assert scaled["gain"] > 10


def test_one_group_holds_the_whole_weight_vector():
    weight = WholeNorm(FEATURES, 1).weight.detach()
    one = torch.ones(())
    assert make_penalty("group_lasso").value(weight, one) == pytest.approx(
        FEATURES**0.5 * float(weight.norm()), rel=1e-5
    )


def test_the_norm_penalty_pulls_the_whole_vector_to_zero_and_shows_in_the_printed_loss():
    free, pulled = norm_penalty(0.0, 1), norm_penalty(3.0, 1)
    assert pulled["norm"] < 0.1 * free["norm"]
    assert free["train_with_penalty"] == free["train"]
    assert pulled["train_with_penalty"] > pulled["train"]


def test_what_the_text_says_in_words_is_what_was_measured():
    found = read_answer("q7_no_gain")
    assert "not_trained" in found["verdict"]["tiny"]["codes"]
    assert "validation_below_training" in found["verdict"]["tiny"]["codes"]
    assert "not_trained" not in found["verdict"]["scaled"]["codes"]
    assert 40 < found["tiny"]["small"]["none_beats_3"] < 60
    assert found["tiny"]["large"]["risk_picked"] > 0.99 * found["tiny"]["large"]["baseline"]
    assert found["scaled"]["small"]["below_training"] == 0
    pulled = found["norm"][1:]
    assert [row["norm"] for row in pulled] == sorted(row["norm"] for row in pulled)
