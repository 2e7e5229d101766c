"""The verdict in words: what to do and what is sure, whether that settles it, what would; then what it rests on."""

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest

from search.core.candidate import Candidate
from search.core.evidence import Evidence
from search.core.results import Results
from search.core.text import number, words
from search.verdict import describe, judge
from search.verdict.record import (
    Basis,
    Choice,
    Gain,
    Gap,
    Interval,
    Matter,
    Optimism,
    Pick,
    Regret,
    Rotation,
    Scores,
    SeedEffect,
    SetPart,
    Stability,
    Verdict,
    Warning,
)

YES = Verdict(
    answer="yes",
    selected=Choice(7, Candidate("l2", 3.2), 0.5, 0.52),
    best_on_test=Choice(9, Candidate("l1", 0.4), 0.51, 0.519),
    regret=Regret(0.001, 0.0, 0.004, 0.0, 0.01, 0.95),
    confidence_set=(SetPart("l1", 0.4, 0.4, (9,)), SetPart("l2", 1.5, 8.1, (6, 7))),
    does_it_matter=Matter(True, Gain(0.3, 0.2, 0.4), (Interval("l1", 0.3, 0.5), Interval("l2", 1.2, 9.8))),
    optimism=Optimism(0.5, 0.53, 0.52),
    gap=Gap(0.001, None, None),
    rules=(),
    stability=Stability(1, 1.0, None),
    rows_needed=None,
    warnings=(Warning("flat", "Nothing can be told apart."),),
    tolerance=0.01,
    test_rows=1000,
    opened=(),
    rotation=None,
    scores=None,
    seed=None,
    basis=Basis(
        candidates=64,
        members=3,
        searched={"l1": (0.01, 100.0), "l2": (0.01, 100.0)},
        replicates=3,
        rows=1000,
        scope="models",
        on_test=True,
        diverged=0,
        at_most=0.008,
    ),
)
OPEN = dataclasses.replace(YES, answer="cannot tell", regret=Regret(0.2, 0.0, 0.3, 0.0, 0.055, 0.95))
OPEN = dataclasses.replace(OPEN, basis=dataclasses.replace(YES.basis, at_most=0.055))
NO = dataclasses.replace(YES, answer="no", regret=Regret(0.2, 0.1, 0.3, 0.19, 0.55, 0.95))
NO = dataclasses.replace(NO, basis=dataclasses.replace(YES.basis, at_most=0.55, better=Candidate("l1", 0.4)))
TURNS = Rotation(
    picks=(Pick(Candidate("l2", 3.2), 0.6), Pick(Candidate("l2", 2.0), 0.4)),
    agreement=0.6,
    same_penalty=1.0,
    shipped=Regret(0.001, 0.0, 0.01, 0.0, 0.07, 0.95),
)


def lines(verdict=YES, **changes):
    """The verdict's lines, with changes of the verdict, or of its basis, by the name of their field."""
    names = {field.name for field in dataclasses.fields(Basis)}
    basis = {name: changes.pop(name) for name in list(changes) if name in names}
    changed = dataclasses.replace(verdict, basis=dataclasses.replace(verdict.basis, **basis))
    return describe(dataclasses.replace(changed, **changes)).splitlines()


def test_yes_says_what_to_use_and_how_much_that_loses_at_most():
    assert lines()[:2] == [
        "Use l2 with lambda 3.2: it loses at most 0.8 % against the best lambda between 0.01 and 100 (l1 or l2), and "
        "nothing is shown to be better.",
        "Yes, l2 with lambda 3.2 is within 1 % of the best, with 95 % confidence; any lambda from 1.2 to 9.8 does as "
        "well.",
    ]
    assert lines(tolerance=0.0)[1].startswith("Yes, l2 with lambda 3.2 is the best one, with 95 % confidence")


def test_no_names_what_is_better_and_by_how_much():
    assert lines(NO)[:2] == [
        "Use l1 with lambda 0.4 in place of l2 with lambda 3.2: the best is better by 19 % to 55 %.",
        "No, l2 with lambda 3.2 is not within 1 % of the best, with 95 % confidence.",
    ]
    assert "the best is better by 19 % or more." in lines(NO, regret=Regret(0.2, 0.1, 0.3, 0.19, 1.0, 0.95))[0]
    nobody = lines(NO, better=None)[0]
    assert nobody.startswith("Do not rely on l2 with lambda 3.2: ")
    assert nobody.endswith(" is better by 19 % to 55 %.")


def test_cannot_tell_says_between_what_and_what_would_settle_it():
    assert lines(OPEN, rows_needed=12_345, leads_to="no")[:3] == [
        "Use l2 with lambda 3.2: it loses at most 5.5 % against the best lambda between 0.01 and 100 (l1 or l2), and "
        "nothing is shown to be better.",
        "Cannot tell with 95 % confidence whether l2 with lambda 3.2 is within 1 % of the best: it loses between 0 % "
        "and 5.5 %.",
        "About 12,345 test rows in place of these 1,000 would settle it, and show that it is not within 1 % of the "
        "best, if the differences stay as they look now.",
    ]
    assert "and show that it is within 1 % of the best, if" in lines(OPEN, rows_needed=12_345, leads_to="yes")[2]
    assert "12,345 validation rows" in lines(OPEN, rows_needed=12_345, leads_to="yes", on_test=False)[2]


def test_a_candidate_that_is_surely_better_is_named_although_by_how_much_is_open():
    first, second = lines(OPEN, better=Candidate("l1", 0.4))[:2]
    assert first == (
        "Use l1 with lambda 0.4 in place of l2 with lambda 3.2: it is surely better, by how much is open (the best is "
        "better by 0 % to 5.5 %)."
    )
    assert second.startswith("Cannot tell ")


def test_what_is_shown_to_be_better_is_said_although_it_may_not_matter():
    first = lines(OPEN, regret=Regret(0.2, 0.001, 0.3, 0.004, 0.055, 0.95))[0]
    assert first.endswith("and something else is shown to be better, by 0.4 % or more.")


def test_rows_that_set_no_limit():
    open_ended = lines(OPEN, at_most=1.0, regret=Regret(0.2, 0.0, 0.3, 0.0, 1.0, 0.95))
    assert "may lose any part of its loss against the best lambda" in open_ended[0]
    assert open_ended[1].endswith("whether l2 with lambda 3.2 is within 1 % of the best.")


def test_an_open_answer_that_rows_do_not_settle():
    assert "would not settle it" in lines(OPEN)[2]
    assert "single test row" in lines(OPEN, rows=1)[2]
    few = lines(OPEN, rows=5, rows_needed=22_495, leads_to="no")[2]
    assert few == "5 test rows are too few to guess how many would settle it."


def test_only_an_open_answer_has_a_line_that_says_what_would_settle_it():
    for verdict in (YES, NO):
        assert lines(verdict)[2].startswith("It rests on 1,000 test rows, each candidate trained 3 times")
        assert not any("would settle it" in line for line in lines(verdict, rows_needed=99))


def test_what_the_selected_candidate_is_held_against():
    one = lines(searched={"l2": (0.02, 90.0)})[0]
    assert "against the best lambda between 0.02 and 90 (l2), and" in one
    more = lines(searched={"none": (0.0, 0.0), "l1": (0.01, 1.0), "elastic_net": (0.1, 2.0)})[0]
    assert "against the best of l1, elastic net and no penalty, each penalty over its own range of lambda, and" in more
    alike = lines(searched={"none": (0.0, 0.0), "l1": (0.01, 1.0), "elastic_net": (0.01, 1.0)})[0]
    assert "against the best lambda between 0.01 and 1 (l1, elastic net or no penalty), and" in alike
    assert "against the best of 64 candidates, and" in lines(searched={})[0]
    assert "against the best of 64 candidates, and" in lines(searched={"none": (0.0, 0.0)})[0]


def test_ranges_that_differ_are_named_one_by_one_and_only_then():
    ranges = {"none": (0.0, 0.0), "l1": (0.00001, 1.0), "l2": (0.1, 2000.0)}
    said = [line for line in lines(searched=ranges) if line.startswith("The ranges")]
    assert said == ["The ranges of lambda that were searched: 1e-5 to 1 for l1, 0.1 to 2000 for l2."]
    for changes in ({}, {"searched": {"l2": (0.1, 2.0)}}, {"searched": ranges, "recorded": True}):
        assert not any(line.startswith("The ranges") for line in lines(**changes))


def test_without_test_rows_the_answer_says_so():
    for verdict, start in ((YES, "Yes, "), (NO, "No, "), (OPEN, "Cannot tell ")):
        second = lines(verdict, best_on_test=None, on_test=False)[1]
        assert second.startswith(start)
        assert "judged on the validation rows that also selected it" in second


def test_no_penalty_selected():
    found = lines(selected=Choice(0, Candidate("none"), 0.5, 0.52))
    assert found[0].startswith("Use no penalty: it loses at most 0.8 % against")
    assert found[1] == "Yes, no penalty is within 1 % of the best, with 95 % confidence."


def test_a_candidate_is_named_with_all_its_parameters():
    candidate = Candidate("elastic_net", 3.2, l1_ratio=0.25, lr=0.1)
    found = lines(selected=Choice(7, candidate, 0.5, 0.52))
    assert found[0].startswith("Use elastic net with lambda 3.2, l1_ratio 0.25, lr 0.1: it loses")
    assert found[1].startswith("Yes, elastic net with lambda 3.2, l1_ratio 0.25, lr 0.1 is within 1 % of the best")


def test_one_candidate_is_the_only_one():
    assert lines(candidates=1)[:2] == ["Use l2 with lambda 3.2: it is the only candidate.", "Yes: there is no other."]


def test_what_diverged_is_not_to_be_used():
    lost = Regret(np.inf, np.inf, np.inf, np.inf, np.inf, 0.95)
    found = lines(NO, regret=lost, better=None, at_most=None)
    assert found[0].startswith("Do not use l2 with lambda 3.2: it diverged in training or was not finished")
    assert found[1].startswith("No, l2 with lambda 3.2 is not within 1 %")
    none = lines(OPEN, regret=Regret(np.inf, 0.0, np.inf, 0.0, np.inf, 0.95), diverged=64, at_most=None)
    assert none[0].startswith("Use none of these: the training of every candidate diverged")
    assert none[1].startswith("Cannot tell with 95 % confidence whether")
    assert not any("settle it" in line for line in none)


def test_a_rotation_speaks_of_searching_like_this():
    found = lines(rotation=TURNS)
    assert found[:3] == [
        "Use l2 with lambda 3.2: searching like this loses at most 0.8 % against the best lambda between 0.01 and 100 "
        "(l1 or l2), and nothing is shown to be better.",
        "Yes, what this search picks is within 1 % of the best, with 95 % confidence; any lambda from 1.2 to 9.8 does "
        "as well.",
        "It rests on 1,000 rows, each of them a test row of a search that had not seen it; the limits hold for "
        "searching like this on rows like these.",
    ]
    assert found[3] == (
        "Without their own rows the searches picked l2 with lambda 3.2 (60 % of the rows), l2 with lambda 2 (40 % of "
        "the rows); all rows pick l2 with lambda 3.2, and it alone loses at most 7 % (more cautious, because these "
        "rows picked it)."
    )
    many = tuple(Pick(Candidate("l2", float(each)), 0.2) for each in range(1, 6))
    assert "l2 with lambda 3 (20 % of the rows) and 2 more; all rows pick" in "\n".join(
        lines(rotation=dataclasses.replace(TURNS, picks=many))
    )


def test_an_open_rotation_and_one_that_says_no():
    found = lines(OPEN, rotation=TURNS, rows_needed=4000, leads_to="yes")
    assert "searching like this loses at most 5.5 %" in found[0]
    assert found[1].startswith("Cannot tell with 95 % confidence whether what this search picks is within 1 %")
    assert found[2].startswith("About 4,000 rows in place of these 1,000 would settle it, and show that it is within")
    other = lines(NO, rotation=TURNS)
    assert other[0].startswith("Use l1 with lambda 0.4 in place of l2 with lambda 3.2: ")
    assert other[1] == "No, what this search picks is not within 1 % of the best, with 95 % confidence."
    assert other[0].endswith("what searches like this pick is worse than the best by 19 % to 55 %.")  # not l2 itself
    some = lines(OPEN, rotation=TURNS, regret=Regret(0.2, 0.001, 0.3, 0.004, 0.055, 0.95))
    assert some[0].endswith("(l1 or l2), and for certain 0.4 % or more.")  # l2 with lambda 3.2 may be what is better
    own = lines(NO, rotation=TURNS, better=Candidate("l2", 3.2))
    assert own[0] == (
        "Use l2 with lambda 3.2, and do not search anew for other rows of this kind: what other rows pick loses 19 % "
        "to 55 %."
    )


def test_no_names_the_candidate_that_is_surely_better():
    rng = np.random.default_rng(0)
    base = rng.exponential(size=(1, 400)) + 1
    test = base + np.array([0.5, 0.0, 0.4, 0.45])[:, None] + 0.05 * rng.normal(size=(4, 400))
    frame = pd.DataFrame({"penalty": "l2", "lambda": [0.1, 1.0, 10.0, 50.0]})
    found = judge(test[:, :50], test, frame, selected=0)
    assert found.answer == "no"
    assert found.basis.better == Candidate("l2", 1.0)
    assert describe(found).startswith("Use l2 with lambda 1 in place of l2 with lambda 0.1: the best is better by ")
    turned = judge(test[:, :50], test, frame, selected=rng.choice([0, 2], size=400))
    assert turned.answer == "no"
    assert turned.basis.better == turned.selected.candidate == Candidate("l2", 1.0)
    assert describe(turned).startswith("Use l2 with lambda 1, and do not search anew for other rows of this kind")
    for selected, answer in ((1, "yes"), (None, "yes")):
        fine = judge(test[:, :50], test, frame, selected=selected)
        assert fine.answer == answer
        assert fine.basis.better is None


def test_what_is_surely_better_may_be_on_the_dense_grid_alone():
    rng = np.random.default_rng(1)
    base = rng.exponential(size=(1, 1, 400)) + 1
    losses = base + np.array([0.5, 0.4])[:, None, None] + 0.05 * rng.normal(size=(2, 1, 400))
    grid = Results((Candidate("l2", 1.0),), base, base)
    frame = pd.DataFrame({"penalty": "l2", "lambda": [0.1, 10.0]})
    found = judge(losses, losses, frame, selected=0, evidence=Evidence(grid=grid))
    assert (found.answer, found.basis.better) == ("no", Candidate("l2", 1.0))
    assert found.best_on_test.trial is None
    assert "of l2 with lambda 1 (not tried by the search)." in describe(found)
    assert "do not switch" not in describe(found)  # the first sentence says to switch to it


def test_order_is_advice_then_answer_then_what_settles_then_basis_then_warnings():
    found = lines(OPEN, rows_needed=2000, leads_to="yes")
    assert found[0].startswith("Use ")
    assert found[1].startswith("Cannot tell ")
    assert found[2].startswith("About 2,000 test rows in place of these 1,000 would settle it")
    assert found[3].startswith("It rests on 1,000 test rows")
    assert found[-1] == "Warning: Nothing can be told apart."


def test_the_basis_names_each_figure_once():
    text = "\n".join(lines())
    for part in (
        "0.52",
        "0.519",
        "0.53",
        "3 of the 64 candidates",
        "l1 with lambda from 0.3 to 0.5",
        "0.2 to 0.4 higher",
    ):
        assert part in text


def test_scores_are_said_in_their_units():
    squared = Scores("mse", 0.52, 4.0, 0.721, 2.0, 0.87, None, None)
    assert "It is off by 0.721 (root mean squared error), predicting the mean by 2: R² is 0.87." in lines(
        scores=squared
    )
    assert any(line.startswith("What they picked is off by 0.721") for line in lines(scores=squared, rotation=TURNS))
    classes = Scores("log_loss", 0.2, 0.69, None, None, None, 0.93, 0.5)
    assert (
        "L2 with lambda 3.2 gets 93 % of the rows right, always naming the most frequent class 50 % (log loss 0.2, "
        "predicting a constant 0.69)." in lines(scores=classes)
    )
    assert "It has a mae 0.2, predicting a constant 0.69." in lines(
        scores=Scores("mae", 0.2, 0.69, None, None, None, None, None)
    )


def test_only_what_has_no_wrong_row_is_all_right():
    for share, said in ((1.0, "100 %"), (0.997, "99.7 %"), (0.99999, "over 99.9 %"), (0.934, "93 %")):
        scores = Scores("log_loss", 0.2, 0.69, None, None, None, share, 0.5)
        assert f"L2 with lambda 3.2 gets {said} of the rows right" in "\n".join(lines(scores=scores))


def test_errors_that_were_counted_in_a_rotation_are_those_of_its_picks():
    scores = Scores("error_rate", 0.2, 0.5, None, None, None, 0.8, 0.5)
    assert "What they picked gets 80 % of the rows right" in "\n".join(lines(scores=scores, rotation=TURNS))
    assert "L2 with lambda 3.2 gets 80 % of the rows right" in "\n".join(lines(scores=scores))


def test_a_baseline_that_is_infinite_is_left_out():
    scores = Scores("log_loss", 4.5, np.inf, None, None, None, 0.7, None)
    assert "It has a log loss 4.5." in lines(scores=scores)


def test_one_candidate_is_not_the_lowest_of_many():
    assert "lowest of many; without that luck" in "\n".join(lines())
    assert not any("without that luck" in line for line in lines(candidates=1))


def test_turns_that_all_picked_the_best_one_owe_nothing_to_luck():
    same = dataclasses.replace(TURNS, picks=(Pick(YES.best_on_test.candidate, 1.0),))
    assert "What they picked has a test loss of 0.52, the lowest of all." in lines(rotation=same)
    assert any("owes some of that to luck" in line for line in lines(rotation=TURNS))


@pytest.mark.parametrize(
    ("answer", "gain", "ends"),
    [
        (
            None,
            Gain(0.3, 0.001, 0.6),
            "(95 % limits: 0.001 to 0.6 higher): these rows cannot show whether that is more than 1 %.",
        ),
        (None, Gain(0.3, -0.1, 0.6), ": these rows cannot show whether that is chance."),
        (False, Gain(-0.3, -0.4, -0.2), "(95 % limits: 0.4 to 0.2 lower), so the penalty does not help."),
        (False, Gain(0.001, -0.001, 0.003), ", so the penalty hardly matters."),
        (False, Gain(0.0, 0.0, 0.0), "With no penalty the loss is the same."),
        (None, Gain(0.0, 0.0, 0.0), "With no penalty the loss is the same."),
    ],
)
def test_what_is_said_of_no_penalty_agrees_with_its_limits(answer, gain, ends):
    [said] = [line for line in lines(does_it_matter=Matter(answer, gain, ())) if "no penalty" in line]
    assert said.endswith(ends)


def test_of_a_loss_below_zero_no_share_is_said():
    """As the log loss of a density may be."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=200) ** 2 / 10
    losses = np.array([0.0, 0.01, 0.05])[:, None] + shared - 2 + 0.3 * rng.normal(size=(3, 200))
    found = judge(
        losses,
        losses + 0.01 * rng.normal(size=losses.shape),
        pd.DataFrame({"penalty": "l2", "lambda": [1.0, 2.0, 3.0]}),
    )
    assert (found.answer, found.rows_needed) == ("cannot tell", None)
    text = describe(found)
    assert f"it loses at most {number(found.regret.upper)} against the best of 3 candidates" in text
    assert "no limit" not in text
    assert "a share of such a loss means nothing" in text


def test_what_a_seed_changes():
    said = lines(seed=SeedEffect(5, 0.01))
    assert any(line.startswith("Another seed moves its validation loss by about 2 %") for line in said)
    assert any("over 5 fresh seeds" in line for line in said)
    assert not any("Another seed moves" in line for line in lines())


def test_one_seed_cannot_speak_of_the_next_where_seeds_move_the_loss_as_much_as_the_gain():
    """The gain over no penalty is 0.3."""
    with_seed = {each: "\n".join(lines(seed=SeedEffect(5, each), replicates=1)) for each in (0.3, 0.0001)}
    assert "for these fits: another seed" in with_seed[0.3]
    assert "for these fits: another seed" not in with_seed[0.0001]
    assert not any("for these fits" in line for line in lines(seed=SeedEffect(5, 0.3), replicates=3))
    assert not any("for these fits" in line for line in lines(replicates=1))


@pytest.mark.parametrize("losses", [np.zeros((3, 20)), -np.ones((3, 20)), np.ones((3, 20))])
def test_candidates_with_the_same_losses_lose_nothing(losses):
    frame = pd.DataFrame({"penalty": "l2", "lambda": [0.1, 1.0, 10.0]})
    found = judge(losses, losses, frame)
    first, second = describe(found).splitlines()[:2]
    assert found.answer == "yes"
    assert second.startswith("Yes, ")
    assert first.startswith("Use l2 with lambda 10: it loses at most 0 % against the best of 3 candidates, and nothing")


@pytest.mark.parametrize("selected", [None, 0, 3, "turns"])
@pytest.mark.parametrize("test_rows", [0, 1, 2, 50])
@pytest.mark.parametrize("diverged", [0, 1, 4])
@pytest.mark.parametrize("penalties", ["none l2 elastic_net group_lasso", "l2 l2 l2 l2"])
def test_whatever_the_verdict_it_reads_without_code_or_missing_figures(selected, test_rows, diverged, penalties):
    rng = np.random.default_rng(0)
    validation = rng.exponential(size=(4, 2, 20))
    test = rng.exponential(size=(4, 2, test_rows)) if test_rows else None
    (validation if test is None else test)[:diverged, 0, 0] = np.inf
    frame = pd.DataFrame({"penalty": penalties.split(), "lambda": [0.0, 0.1, 0.2, 0.3]})
    if selected == "turns":
        selected = rng.integers(4, size=test_rows) if test_rows else None
    verdict = judge(validation, test, frame, selected=selected, scope="procedure")
    text = describe(verdict)
    first, second = text.splitlines()[:2]
    assert first.startswith(("Use ", "Do not "))
    assert second.lower().startswith(verdict.answer)
    assert not re.search(r"\b(None(?! of)|nan|inf)\b|[_\[{]", text)
    assert all(line[0].isupper() or line[0].isdigit() for line in text.splitlines())
    if verdict.answer != "no":
        assert words(str(verdict.selected.candidate)) in first or diverged == 4


def test_a_correction_that_no_digit_shows_is_no_luck():
    same = describe(dataclasses.replace(YES, optimism=Optimism(0.5, 0.5000001, 0.52)))
    assert "Its validation loss, 0.5, is the lowest of many, and owes hardly any of that to luck." in same
    assert "without that luck" not in same
    assert "without that luck it is 0.53." in describe(YES)
