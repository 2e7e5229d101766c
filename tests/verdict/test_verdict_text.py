import dataclasses
import re

import numpy as np
import pandas as pd
import pytest

from search.core.candidate import Candidate
from search.verdict import describe, judge
from search.verdict.record import (
    Basis,
    Choice,
    Gain,
    Gap,
    Interval,
    Matter,
    Optimism,
    Regret,
    SetPart,
    Stability,
    Verdict,
    Warning,
)

YES = Verdict(
    answer="yes",
    selected=Choice(7, Candidate("l2", 3.2), 0.5, 0.52),
    best_on_test=Choice(9, Candidate("l1", 0.4), 0.51, 0.519),
    regret=Regret(0.001, 0.0, 0.004, 0.0, 0.008, 0.95),
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
    basis=Basis(candidates=64, replicates=3, rows=1000, scope="models", on_test=True, diverged=0),
)


def first(**changes):
    return describe(dataclasses.replace(YES, **changes)).splitlines()[0]


def test_the_first_sentence_is_the_promised_one():
    assert first() == (
        "Yes: l2 with lambda 3.2 is within 1 % of the best of 64 candidates (95 % confidence); "
        "any lambda from 1.2 to 9.8 does as well."
    )


def test_no_says_how_much_is_lost_and_what_is_better():
    sentence = first(answer="no", regret=Regret(0.2, 0.1, 0.3, 0.19, 0.55, 0.95))
    assert sentence.startswith("No: ")
    assert "more than 1 % lower" in sentence
    assert "l1 with lambda 0.4" in sentence


def test_cannot_tell_says_between_what_and_what_would_settle_it():
    text = describe(
        dataclasses.replace(
            YES, answer="cannot tell", regret=Regret(0.2, 0.0, 0.3, 0.0, 0.055, 0.95), rows_needed=12_345
        )
    )
    assert text.startswith("Cannot tell whether l2 with lambda 3.2 is within 1 %")
    assert "between 0 % and 5.5 %" in text
    assert "About 12,345 test rows would settle it" in text


def test_an_open_answer_that_rows_do_not_settle():
    text = describe(dataclasses.replace(YES, answer="cannot tell"))
    assert "would not settle it" in text
    single = dataclasses.replace(YES.basis, rows=1)
    assert "single test row" in describe(dataclasses.replace(YES, answer="cannot tell", basis=single))


def test_without_test_rows_the_first_sentence_says_so():
    basis = dataclasses.replace(YES.basis, on_test=False)
    assert "judged on the validation rows that also selected it" in first(best_on_test=None, basis=basis)


def test_no_penalty_selected():
    assert first(selected=Choice(0, Candidate("none"), 0.5, 0.52)) == (
        "Yes: no penalty is within 1 % of the best of 64 candidates (95 % confidence)."
    )


def test_a_candidate_is_named_with_all_its_parameters():
    candidate = Candidate("elastic_net", 3.2, l1_ratio=0.25, lr=0.1)
    assert "Yes: elastic net with lambda 3.2, l1_ratio 0.25, lr 0.1 is within 1 % of the best" in first(
        selected=Choice(7, candidate, 0.5, 0.52)
    )


def test_order_is_answer_then_basis_then_what_settles_then_warnings():
    lines = describe(dataclasses.replace(YES, answer="cannot tell", rows_needed=2000)).splitlines()
    assert lines[0].startswith("Cannot tell")
    assert lines[1].startswith("It rests on 1,000 test rows")
    assert "2,000 test rows" in lines[-2]
    assert lines[-1] == "Warning: Nothing can be told apart."


def test_the_basis_names_each_figure_once():
    text = describe(YES)
    for part in ("0.52", "0.519", "0.53", "3 of 64 candidates", "l1 with lambda from 0.3 to 0.5", "0.2 and 0.4"):
        assert part in text


@pytest.mark.parametrize("selected", [None, 0, 3])
@pytest.mark.parametrize("test_rows", [0, 1, 2, 50])
@pytest.mark.parametrize("diverged", [0, 1, 4])
@pytest.mark.parametrize("penalties", ["none l2 elastic_net group_lasso", "l2 l2 l2 l2"])
def test_whatever_the_verdict_it_reads_without_code_or_missing_figures(selected, test_rows, diverged, penalties):
    rng = np.random.default_rng(0)
    validation = rng.exponential(size=(4, 2, 20))
    test = rng.exponential(size=(4, 2, test_rows)) if test_rows else None
    (validation if test is None else test)[:diverged, 0, 0] = np.inf
    frame = pd.DataFrame({"penalty": penalties.split(), "lambda": [0.0, 0.1, 0.2, 0.3]})
    verdict = judge(validation, test, frame, selected=selected, scope="procedure")
    text = describe(verdict)
    assert text.lower().startswith(verdict.answer)
    assert not re.search(r"\b(None(?! of)|nan|inf)\b|[_\[{]", text)
    assert all(line[0].isupper() or line[0].isdigit() for line in text.splitlines())
