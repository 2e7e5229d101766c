"""Q8: the start makes the norm, the penalty does not."""

import pytest

from studies.book import read_answer
from studies.q8_norms.compute import BOOK, LAMBDA, STUDIES, half_squares, lazy_layer, leftover


@pytest.fixture(scope="module")
def norms():
    """Half the squared norm with decay, by start and number of epochs, over 10 data sets."""
    return {start: half_squares(study.replace("data.draws", 10), LAMBDA) for start, study in STUDIES.items()}


def test_the_two_studies_differ_in_their_start_alone():
    one, other = (study.to_dict() for study in STUDIES.values())
    assert {key for key in one if one[key] != other[key]} == {"name", "question", "model"}


def test_the_layers_own_start_is_not_forgotten_in_40_steps(norms):
    layer, scratch = norms["layer"][BOOK], norms["scratch"][BOOK]
    assert layer > 7 * scratch
    assert layer == pytest.approx(leftover()["layer_leftover"], rel=0.2)


def test_after_many_epochs_the_start_is_forgotten(norms):
    assert norms["layer"][100] == pytest.approx(norms["scratch"][100], rel=0.1)


def test_a_lazy_layer_ignores_a_start_that_comes_too_early():
    found = lazy_layer()
    assert found["lazy_std_late"] == pytest.approx(0.01, rel=0.02)
    assert found["lazy_std_early"] == pytest.approx((1 / 600) ** 0.5, rel=0.02)


def test_what_the_text_says_in_words_is_what_was_measured():
    found = read_answer("q8_norms")
    assert found["scratch_none"] == pytest.approx(0.0100, rel=0.15)
    assert found["scratch_decay"] == pytest.approx(0.0015, rel=0.15)
    assert found["layer_decay"] == pytest.approx(0.0142, rel=0.15)
    assert found["scratch_decay_long"] == pytest.approx(found["layer_decay_long"], rel=0.1)
