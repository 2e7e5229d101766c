"""Rows of one group are not independent: the verdict's sample is the groups."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from search.core.candidate import Candidate
from search.core.errors import UserError
from search.core.evidence import Evidence
from search.core.groups import Groups
from search.core.results import Results
from search.verdict import Comparison, judge, verdict_of
from search.verdict.bounds import regret_bounds
from search.verdict.sample import build
from search.verdict.text import describe


def frame(count):
    return pd.DataFrame(
        {"penalty": ["none"] + ["l2"] * (count - 1), "lambda": [0.0, *np.geomspace(0.1, 10, count - 1)]}
    )


def drawn(seed, *, candidates=6, validation=40, test=70):
    rng = np.random.default_rng(seed)
    level = 1 + 0.1 * np.arange(candidates)[:, None, None]
    return level * rng.exponential(size=(candidates, 2, validation)), level * rng.exponential(
        size=(candidates, 1, test)
    )


def close(one, other, where=""):
    """The same up to rounding."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key, value in one.items():
            close(value, other[key], f"{where}.{key}")
    elif isinstance(one, list):
        assert len(one) == len(other), where
        for first, second in zip(one, other, strict=True):
            close(first, second, where)
    elif isinstance(one, float):
        assert one == pytest.approx(other, rel=1e-9, abs=1e-12), where
    else:
        assert one == other, where


@pytest.mark.parametrize("options", [{}, {"scope": "procedure"}, {"selected": 3}, {"tolerance": 0.2}])
@pytest.mark.parametrize("with_test", [True, False])
def test_a_group_of_copies_of_a_row_is_that_row(options, with_test):
    """Whole verdicts: bounds, set, gain, rules, winner's curse, rows needed. What they count is rows, or groups."""
    validation, test = drawn(1)
    own = judge(validation, test if with_test else None, frame(6), **options).to_dict()
    groups = Groups(np.repeat(np.arange(40), 3), np.repeat(np.arange(70), 4))
    copied = np.repeat(validation, 3, axis=2), np.repeat(test, 4, axis=2) if with_test else None
    found = judge(*copied, frame(6), evidence=Evidence(groups=groups), **options)
    said = found.to_dict()
    assert (own.pop("groups"), said.pop("groups")) == (None, 70 if with_test else 40)
    assert (own.pop("test_rows"), said.pop("test_rows")) == ((70, 280) if with_test else (0, 0))
    close(own, said)


def test_as_rows_they_would_seem_to_say_more():
    validation, test = drawn(1)
    copied = np.repeat(test, 4, axis=2)
    own, rows = judge(validation, test, frame(6)), judge(validation, copied, frame(6))
    assert rows.regret.upper < own.regret.upper


def test_groups_of_one_row_each_are_no_groups():
    validation, test = drawn(2)
    validation[:, 0, :20] = np.nan
    groups = Groups.of(range(40), range(70))
    own, found = judge(validation, test, frame(6)), judge(validation, test, frame(6), evidence=Evidence(groups=groups))
    one, other = own.to_dict(), found.to_dict()
    assert other.pop("groups") == 70
    one.pop("groups")
    close(one, other)


@pytest.mark.parametrize("size", [1, 5])
def test_right_and_wrong_in_groups(size):
    """Losses of 0 and 1: pairs of models that agree on every row of few groups are not known to be the same."""
    rng = np.random.default_rng(3)
    wrong = (rng.random((4, 1, 12)) < 0.3).astype(float)
    wrong[1] = wrong[0]
    own = build(wrong, 0, "models")
    found = build(np.repeat(wrong, size, axis=2), 0, "models", groups=np.repeat(np.arange(12), size))
    one, other = (each.covariances(np.arange(5))[0] for each in (own, found))
    np.testing.assert_allclose(other, one)  # a group that is right or wrong as a whole is one row
    apart = build(np.repeat(wrong, size, axis=2), 0, "models")
    assert (apart.variances[0][1] < own.variances[0][1]) == (size > 1)


def test_rows_that_no_fit_held_out_leave_with_their_groups():
    validation, test = drawn(4)
    groups = Groups.of(np.arange(40) // 2, np.arange(70) // 2)
    validation[:, :, ::2] = np.nan
    test[:, :, :10] = np.nan
    found = judge(validation, test, frame(6), evidence=Evidence(groups=groups))
    assert (found.groups, found.test_rows) == (30, 60)
    kept = judge(
        validation[:, :, 1::2], test[:, :, 10:], frame(6), evidence=Evidence(groups=Groups.of(None, np.arange(60) // 2))
    )
    close(found.to_dict(), kept.to_dict())


def test_the_order_of_rows_and_the_names_of_groups_do_not_matter():
    validation, test = drawn(5)
    labels = np.random.default_rng(0).integers(0, 25, 70)
    order = np.random.default_rng(1).permutation(70)
    one = judge(validation, test, frame(6), evidence=Evidence(groups=Groups.of(test=labels)))
    other = judge(validation, test[:, :, order], frame(6), evidence=Evidence(groups=Groups.of(test=labels[order])))
    close(one.to_dict(), other.to_dict())


def test_groups_that_do_not_fit_the_rows_are_refused():
    validation, test = drawn(6)
    with pytest.raises(UserError, match="groups has 69 test rows, and test 70; valid is one group a row"):
        judge(validation, test, frame(6), evidence=Evidence(groups=Groups.of(range(40), range(69))))


def test_a_rotation_of_groups():
    """Folds of whole groups; a group of copies of a row is that row here too."""
    rng = np.random.default_rng(7)
    fold = np.arange(30) % 3
    outer = np.array([fold == each for each in range(3)])
    pairs = np.array([fold != each for each in range(3)])
    candidates = tuple(Candidate("l2", each) for each in (0.1, 1.0, 10.0))
    parts = [np.where(held, rng.exponential(size=(3, 3, 30)) + 0.5, np.nan) for held in (outer, pairs)]
    verdicts = []
    for times in (1, 4):
        results, inner = (Results(candidates, np.repeat(part, times, axis=2)) for part in parts)
        groups = Groups(np.repeat(np.arange(30), times)) if times > 1 else None
        results = Results(candidates, results.validation, groups=groups)
        case = Comparison(results, results.lowest(results.validation_loss), evidence=Evidence(inner=inner))
        verdicts.append(verdict_of(case))
    one, other = (verdict.to_dict() for verdict in verdicts)
    assert (one.pop("groups"), other.pop("groups")) == (None, 30)
    assert (one.pop("test_rows"), other.pop("test_rows")) == (30, 120)
    close(one, other)
    text = describe(verdicts[1])
    assert "It rests on 30 groups (120 rows), each of them tested by a search that had seen none" in text
    assert "on groups like these" in text


def test_words_and_warnings_speak_of_groups():
    validation, test = drawn(8)
    groups = Groups.of(np.arange(40) // 2, np.arange(70) // 5)
    found = judge(validation, test, frame(6), evidence=Evidence(groups=groups))
    text = describe(found)
    assert "It rests on 14 groups (70 test rows)" in text
    assert "its limits hold for new groups and these models" in text
    assert found.answer == "cannot tell"
    assert f"About {found.rows_needed:,} groups in place of these 14 would settle it" in text
    few = {warning.code: warning.message for warning in found.warnings}["few_test_rows"]
    assert few.startswith("The 70 test rows belong to only 14 groups.")
    json.dumps(found.to_dict(), allow_nan=False)
    single = judge(validation, test, frame(6), evidence=Evidence(groups=Groups.of(test=np.zeros(70))))
    assert single.answer == "cannot tell"
    assert "A single group cannot even say how many would settle it." in describe(single)


LOSS = np.array([1.0, 0.9, 1.05, 1.2])


def group_losses(rng, groups, effect):
    """Losses (candidates, 1, rows) whose differences move with the group, by `effect`; 2 to 30 rows a group."""
    member = np.repeat(np.arange(groups), rng.integers(2, 31, size=groups))
    together = effect * rng.normal(size=(len(LOSS), groups))
    return (LOSS[:, None] + together[:, member] + rng.normal(size=(len(LOSS), len(member))))[:, None], member


def test_bounds_from_groups_hold_where_those_from_rows_fail(holds):
    """300 data sets of 60 groups with a strong random effect; the truth is a regret of 0.1 for candidate 0."""
    rng, hits = np.random.default_rng(9), {"rows": [], "groups": []}
    for _ in range(300):
        losses, member = group_losses(rng, 60, 0.8)
        for name, groups in (("rows", None), ("groups", member)):
            bounds = regret_bounds(build(losses, 0, "models", groups=groups), confidence=0.95, relative=False)
            hits[name].append(bounds.lower <= 0.1 <= bounds.upper)
    assert holds(hits["groups"], 0.95)
    assert np.mean(hits["rows"]) < 0.75
