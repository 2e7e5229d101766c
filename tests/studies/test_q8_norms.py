"""Q8: the start makes the norm, the penalty does not."""

import pytest

from studies.book import read_answers
from studies.common import study
from studies.q8_norms import half_squares, lazy_layer, leftover

FEW = {"data.draws": 10}


def test_the_two_studies_differ_in_their_start_alone():
    one, other = (study(name).to_dict() for name in ("q8_norms", "q8_norms_control"))
    assert {key for key in one if one[key] != other[key]} == {"name", "question", "model"}


def test_the_layers_own_start_is_not_forgotten_in_40_steps():
    layer, scratch = half_squares("layer", FEW)[1], half_squares("scratch", FEW)[1]
    assert layer > 7 * scratch
    assert layer == pytest.approx(leftover()["layer_leftover"], rel=0.2)


def test_after_many_epochs_the_start_is_forgotten():
    long = FEW | {"training.epochs": 100}
    assert half_squares("layer", long)[1] == pytest.approx(half_squares("scratch", long)[1], rel=0.1)


def test_a_lazy_layer_ignores_a_start_that_comes_too_early():
    found = lazy_layer()
    assert found["lazy_std_late"] == pytest.approx(0.01, rel=0.02)
    assert found["lazy_std_early"] == pytest.approx((1 / 600) ** 0.5, rel=0.02)


def test_what_the_text_says_in_words_is_what_was_measured():
    found = read_answers()["q8_norms"]
    assert found["scratch_none"] == pytest.approx(0.0100, rel=0.15)
    assert found["scratch_decay"] == pytest.approx(0.0015, rel=0.15)
    assert found["layer_decay"] == pytest.approx(0.0142, rel=0.15)
    assert found["scratch_decay_long"] == pytest.approx(found["layer_decay_long"], rel=0.1)
