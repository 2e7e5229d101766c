"""Q5: all remedies are compared on the same test rows, and no remedy trains on a row that it is judged on."""

import numpy as np
import pytest

from search.core.candidate import Candidate
from search.training import train
from search.verdict.sample import build
from studies.book import read_answer
from studies.q5_others.compute import (
    HELD_OUT,
    STUDY,
    TEST,
    TRAIN,
    all_pairs,
    chosen,
    compared,
    few_digits,
    folded,
    picks,
)


@pytest.fixture(scope="module")
def task():
    return few_digits(draws=2)


def test_every_draw_and_every_amount_of_rows_has_the_same_test_rows(task):
    more = few_digits(400, draws=2)
    for split, longer in zip(task.splits, more.splits, strict=True):
        assert split.test.ids.equal(task.splits[0].test.ids)
        assert longer.test.ids.equal(split.test.ids)
        assert longer.validation.ids.equal(split.validation.ids)
        assert set(split.train.ids.tolist()) < set(longer.train.ids.tolist())
        assert (len(split.train), len(split.validation), len(split.test)) == (TRAIN, HELD_OUT, TEST)


def test_folds_hold_out_each_row_once_and_refits_use_them_all(task):
    cross = folded(task)
    for draw, split in enumerate(task.splits):
        whole = sorted([*split.train.ids.tolist(), *split.validation.ids.tolist()])
        held = [row for fold in cross.splits if fold.draw == draw for row in fold.validation.ids.tolist()]
        assert sorted(held) == whole
        assert sorted(cross.refits[draw].train.ids.tolist()) == whole
        assert cross.refits[draw].test.ids.equal(split.test.ids)


def test_the_pick_of_a_draw_is_its_own_lowest_validation_loss(task):
    settings = STUDY.replace("training.epochs", 2)
    results = train(task, settings, [Candidate("l2", 1e-4), Candidate("l2", 10.0)])
    remedy = chosen(results, picks(results, 2))
    assert remedy.picked == [1e-4, 1e-4]  # lambda = 10 makes every digit equally likely
    np.testing.assert_array_equal(remedy.losses, results.test[0])


@pytest.mark.parametrize(
    ("key", "value"), [("model.dropout", 0.4), ("training.epochs", 3), ("model.hidden", [4])], ids=str
)
def test_a_remedy_is_the_study_with_one_setting_changed(task, key, value):
    name = key.partition(".")[2]
    remedy = Candidate("none", **{name: value[0] if name == "hidden" else value})
    found = train(task, STUDY, [Candidate("none", epochs=1), remedy])
    changed = STUDY.replace(key, value)
    alone = train(task, changed, [Candidate("none")])
    np.testing.assert_allclose(found.test[1], alone.test[0], rtol=1e-4, atol=1e-6)


def test_twins_stay_open_and_a_plain_difference_is_real():
    rng = np.random.default_rng(0)
    base = rng.exponential(size=(1, 6, 400))
    noise = 0.05 * rng.standard_normal((3, 6, 400))
    losses = base + noise + np.array([1.0, 0.0, 0.0])[:, None, None]
    found = compared(losses, {name: [0.0] for name in ("bad", "twin", "other")})
    assert [set(pair) for pair in found["open_pairs"]] == [{"twin", "other"}]
    assert found["remedies"][-1]["name"] == "bad"
    difference, margin = all_pairs(build(losses, 0, "procedure"), found["critical"])
    np.testing.assert_allclose(difference, -difference.T)
    np.testing.assert_allclose(margin, margin.T, rtol=1e-6)


def test_what_the_text_says_in_words_is_what_was_measured():
    found = read_answer("q5_others")
    rows = {row["name"]: row for row in found["remedies"]}
    assert found["remedies"][0]["name"] == "more rows"
    assert rows["weight decay"]["gain"] < rows["weight decay, then all rows"]["gain"]
    assert rows["weight decay by cross-validation"]["lower"] > 0
    assert found["train_loss"] < 0.1 * rows["nothing"]["loss"]
    assert ["weight decay", "early stopping"] in found["open_pairs"]
