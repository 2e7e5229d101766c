"""Q3: exact zeros with the proximal update alone, the wrong sign's slope, and the refusal."""

import pytest

from search.data import load_task
from studies.book import read_answer
from studies.q3_l1.compute import STUDY, answer, refusal, wrong_sign

FIGURES = read_answer("q3_l1")


def test_only_the_proximal_update_reaches_exact_zeros():
    found = answer(draws=2, epochs=200, wrong_epochs=60)
    for row in found["table"]:
        assert row["zeros_sub"] == 0
        assert row["zeros_exact"] >= 180  # an optimum has no more weights than rows
    assert found["table"][-1]["zeros_prox"] == pytest.approx(found["table"][-1]["zeros_exact"], abs=3)


@pytest.mark.parametrize("draw", range(2))
def test_the_wrong_signs_slope_is_predicted(draw):
    task = load_task(STUDY.replace({"data.draws": 2, "data.test": 0}))
    line = wrong_sign(task.splits[draw].train, 150)
    assert line["measured"] == pytest.approx(line["predicted"], rel=0.05)
    assert line["line"] > 0.9999
    assert line["rough"] < line["measured"] < 0


def test_a_negative_lambda_is_refused_in_one_line():
    text = refusal()
    assert "space.lambda" in text
    assert "negative penalty rewards weight" in text
    assert "\n" not in text


def test_the_answer_says_what_it_measured():
    assert FIGURES["refusal"] == refusal()
    assert FIGURES["wrong"]["measured"] == pytest.approx(FIGURES["wrong"]["predicted"], rel=0.05)
    assert abs(1 - FIGURES["worst_ratio"]) < 0.05
    for row in FIGURES["table"]:
        assert row["zeros_sub"] == 0
        assert row["zeros_prox"] > 170
        assert row["same_zeros"] > 0.97
        assert row["objective_prox"] < row["objective_sub"]
