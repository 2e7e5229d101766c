import dataclasses

import numpy as np
import pandas as pd
import pytest

import search
from search.core.candidate import Candidate
from search.verdict.record import Choice, Regret, RuleResult, SetPart, plain
from search.verdict.text import describe

CHOICE = Choice(1, Candidate("l2", 0.5), 1.0, None)


def test_records_become_json_values_with_their_public_names():
    assert plain((CHOICE,)) == [{"trial": 1, "penalty": "l2", "lambda": 0.5, "validation_loss": 1.0, "test_loss": None}]
    assert plain(SetPart("l1", 0.1, 0.2, (3, 4)))["trials"] == [3, 4]


def test_a_candidates_parameters_stand_where_the_candidate_does():
    candidate = Candidate("elastic_net", 2.0, l1_ratio=0.3, lr=0.1)
    assert list(plain(dataclasses.replace(CHOICE, candidate=candidate)).items()) == [
        ("trial", 1),
        ("penalty", "elastic_net"),
        ("lambda", 2.0),
        ("l1_ratio", 0.3),
        ("lr", 0.1),
        ("validation_loss", 1.0),
        ("test_loss", None),
    ]
    assert plain(RuleResult("argmin", Candidate("none"), None, None)) == {
        "rule": "argmin",
        "penalty": "none",
        "lambda": 0.0,
        "test_loss": None,
        "regret": None,
    }


def test_what_is_not_finite_is_null():
    regret = Regret(np.inf, 0.0, float("nan"), None, -np.inf, 0.95)
    assert list(plain(regret).values()) == [None, 0.0, None, None, None, 0.95]
    endless = dataclasses.replace(CHOICE, candidate=Candidate("l2", np.inf, lr=np.inf))
    assert (plain(endless)["lambda"], plain(endless)["lr"]) == (None, None)


def test_records_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        CHOICE.trial = 2


def test_a_choice_names_its_penalty_and_lambda():
    assert (CHOICE.penalty, CHOICE.lambda_) == ("l2", 0.5)


def test_printed_it_reads_as_the_command_line_does():
    rows = np.random.default_rng(0).random((3, 1, 50))
    verdict = search.judge(rows, rows, pd.DataFrame({"penalty": "l2", "lambda": [0.1, 1.0, 10.0]}))
    assert str(verdict) == describe(verdict)
    assert verdict.to_dict()["answer"] == verdict.answer
