"""A candidate's one identity, its one label, its order, and the way to Optuna's parameters and back."""

import json
import pickle
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.core.candidate import Candidate

NAMES = st.text(min_size=1, max_size=8).filter(lambda name: name not in ("penalty", "lambda"))
WHOLE = st.integers(-(2**53), 2**53)
NUMBERS = st.one_of(WHOLE, st.floats(allow_nan=False))
VALUES = st.one_of(NUMBERS, st.booleans(), st.text(max_size=5))
PENALTIES = st.sampled_from(["none", "l1", "l2", "elastic_net", "ours"])
STRENGTHS = st.floats(min_value=0, max_value=1e300)
OTHERS = st.dictionaries(NAMES, VALUES, max_size=4)


@st.composite
def candidates(draw):
    return Candidate(draw(PENALTIES), draw(STRENGTHS), **draw(OTHERS))


@st.composite
def similar(draw):
    """Two candidates that are often the same."""
    few = st.dictionaries(st.sampled_from("ab"), st.sampled_from([0, -0.0, 1, 1.0, True, "1", "", 2.5]), max_size=2)
    penalty, strength = st.sampled_from(["none", "l1"]), st.sampled_from([0.0, -0.0, 1])
    return tuple(Candidate(draw(penalty), draw(strength), **draw(few)) for _ in range(2))


def is_same(one, other):
    """One identity: equality, hash and key agree."""
    assert (one == other) is (other == one) is (one.key == other.key) is not (one != other)
    if one == other:
        assert hash(one) == hash(other)
        assert len({one, other}) == 1
    return one == other


@given(candidates(), st.randoms(use_true_random=False))
def test_the_order_of_the_parameters_does_not_matter(candidate, random):
    items = list(candidate.items())
    random.shuffle(items)
    assert is_same(candidate, Candidate.from_params(dict(items)))


@given(similar())
def test_two_are_the_same_when_their_parameters_are(pair):
    def parameters(candidate):  # python has 1 == 1.0 == True, and no text equals a number
        return dict(candidate)

    assert is_same(*pair) == (parameters(pair[0]) == parameters(pair[1]))


@given(PENALTIES, WHOLE.map(abs), WHOLE)
def test_a_whole_number_is_the_same_with_and_without_a_point(penalty, strength, value):
    assert is_same(Candidate(penalty, strength, lr=value), Candidate(penalty, float(strength), lr=float(value)))


@given(PENALTIES, st.floats(0, 2.0**100, width=32), st.floats(allow_nan=False, width=32), st.integers(-100, 100))
def test_numpys_scalars_are_their_values(penalty, strength, value, whole):
    plain = Candidate(penalty, strength, lr=value, size=whole, name="x", flag=True)
    for real, integer in ((np.float64, np.int64), (np.float32, np.int8)):
        others = {"lr": real(value), "size": integer(whole), "name": np.str_("x"), "flag": np.bool_(True)}
        found = Candidate(np.str_(penalty), real(strength), **others)
        assert is_same(plain, found)
        assert [type(each) for each in found.values()] == [str, float, float, int, str, bool]


@pytest.mark.parametrize(
    "missing", [None, float("nan"), np.nan, np.float64("nan"), np.float32("nan"), np.float16("nan")]
)
def test_what_is_missing_is_no_parameter(missing):
    candidate = Candidate("l2", 0.5, l1_ratio=missing, lr=0.1)
    assert is_same(candidate, Candidate("l2", 0.5, lr=0.1))
    assert list(candidate) == ["penalty", "lambda", "lr"]
    assert candidate.get("l1_ratio") is None
    assert is_same(candidate, Candidate.from_params({"penalty": "l2", "lambda": 0.5, "l1_ratio": missing, "lr": 0.1}))


@pytest.mark.parametrize("missing", [None, np.nan, 3.0])
def test_none_has_no_strength(missing):
    candidate = Candidate.from_params({"penalty": "none", "lambda": missing})
    assert is_same(candidate, Candidate("none"))
    assert candidate.unpenalised
    assert candidate.lambda_ == candidate["lambda"] == 0
    assert candidate.params() == {"penalty": "none"}
    assert not Candidate("l2", 0.0).unpenalised
    assert Candidate("l2", 0.0).params() == {"penalty": "l2", "lambda": 0.0}


@given(candidates())
def test_from_params_is_the_inverse_of_params(candidate):
    params = candidate.params()
    assert ("lambda" in params) is (candidate.penalty != "none")
    again = Candidate.from_params(params)
    assert is_same(again, candidate)
    assert again.params() == params
    assert list(again) == list(candidate)


@given(candidates())
def test_it_is_a_mapping_of_its_parameters(candidate):
    assert isinstance(candidate, Mapping)
    assert list(candidate)[:2] == ["penalty", "lambda"]
    assert len(candidate) == len(list(candidate)) == 2 + len(candidate.others)
    assert dict(candidate) == {"penalty": candidate.penalty, "lambda": candidate.lambda_, **candidate.others}
    assert candidate != dict(candidate)


@given(candidates())
def test_the_key_is_json_that_outlives_the_process(candidate):
    assert is_same(Candidate.from_params(json.loads(candidate.key)), candidate)
    assert is_same(pickle.loads(pickle.dumps(candidate)), candidate)


@given(st.lists(candidates(), max_size=6), st.randoms(use_true_random=False))
def test_candidates_have_one_order(several, random):
    for one in several:
        for other in several:
            assert (one < other) + (other < one) + (one == other) == 1
    ordered = sorted(several)
    random.shuffle(several)
    assert sorted(several) == ordered
    for penalty in {each.penalty for each in several}:
        places = [place for place, each in enumerate(ordered) if each.penalty == penalty]
        assert places == list(range(places[0], places[-1] + 1))
        strengths = [ordered[place].lambda_ for place in places]
        assert strengths == sorted(strengths)


@given(similar())
def test_the_order_knows_the_same_candidates_as_the_identity(pair):
    one, other = pair
    assert (one < other) + (other < one) + is_same(one, other) == 1


def test_replace_changes_adds_and_takes_away():
    candidate = Candidate("elastic_net", 0.5, l1_ratio=0.3)
    assert candidate.replace(lambda_=2) == Candidate("elastic_net", 2.0, l1_ratio=0.3)
    assert candidate.replace(lr=0.1, l1_ratio=None) == Candidate("elastic_net", 0.5, lr=0.1)
    assert candidate.replace(penalty="none", l1_ratio=None) == Candidate("none")
    assert candidate.replace() == candidate
    assert candidate == Candidate("elastic_net", 0.5, l1_ratio=0.3)  # itself unchanged


@pytest.mark.parametrize(
    ("candidate", "label"),
    [
        (Candidate("l2", 18.2345), "l2 with lambda 18.2"),
        (Candidate("none", 3.0), "no penalty"),
        (Candidate("none", lr=0.1), "no penalty with lr 0.1"),
        (Candidate("elastic_net", 0.5, l1_ratio=0.3), "elastic net with lambda 0.5, l1_ratio 0.3"),
        (Candidate("group_lasso", 0, hidden="128-64"), "group lasso with lambda 0, hidden 128-64"),
        (Candidate("l1", 1e-5, optimizer="adam", momentum=0.9), "l1 with lambda 1e-5, optimizer adam, momentum 0.9"),
    ],
)
def test_the_label(candidate, label):
    assert str(candidate) == label
    assert repr(candidate) == f"<{label}>"


@given(candidates())
def test_the_label_has_a_part_for_every_parameter(candidate):
    first, *rest = candidate.parts()
    assert len(rest) == len(candidate.params()) - 1
    assert str(candidate).startswith(first)
    assert str(candidate).endswith(", ".join(rest))
