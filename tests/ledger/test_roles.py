"""Which parameter of somebody else's study is the strength of the penalty."""

from __future__ import annotations

import math

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from search.core.candidate import NO_STRENGTH, Candidate
from search.core.errors import UserError
from search.ledger.roles import find_roles

LOG = FloatDistribution(1e-6, 1e2, log=True)
PLAIN = FloatDistribution(0.0, 1.0)
SIZES = IntDistribution(1, 1000, log=True)


def texts(*values):
    return CategoricalDistribution(values)


KNOWN = [
    "lambda",
    "weight_decay",
    "WEIGHT_DECAY",
    "alpha",
    "l2",
    "reg_lambda",
    "l2_regularization",
    "C",
    "svc_c",
    "lambda_l2",
    "optimizer__weight_decay",
    "clf__C",
    "model.alpha",
    "ridge/alpha",
    "lambda_",
    "wd",
    "l2_leaf_reg",
    "reg_alpha",
    "regularization_strength",
]


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_name_is_the_strength_whatever_else_is_logarithmic(name):
    assert find_roles({"something": LOG, "lr": LOG, name: PLAIN, "depth": SIZES}).strength == name


@pytest.mark.parametrize("other", ["lr", "learning_rate", "eta", "base_lr", "lr_decay", "tol", "gamma", "epsilon"])
def test_else_the_only_logarithmic_float_that_is_not_known_as_something_else(other):
    assert find_roles({other: LOG, "shrink": LOG, "units": SIZES, "dropout": PLAIN}).strength == "shrink"
    assert find_roles({other: LOG, "units": SIZES, "dropout": PLAIN}).strength is None


def test_where_several_could_be_meant_they_are_named_and_the_user_says_which():
    spaces = {"lambda": LOG, "alpha": LOG, "eta": LOG}
    with pytest.raises(UserError, match=r"lambda, alpha; name one with --strength"):
        find_roles(spaces)
    assert find_roles(spaces, "alpha").strength == "alpha"
    with pytest.raises(UserError, match=r"'beta' is no parameter that is a number; valid is: lambda, alpha, eta"):
        find_roles(spaces, "beta")


@pytest.mark.parametrize(
    "space", [texts("l1", "l2"), texts(True, False), FloatDistribution(-5.0, 1.0)], ids=["text", "flag", "exponent"]
)
def test_what_cannot_be_a_strength_is_none_whatever_it_is_called(space):
    assert find_roles({"alpha": space}).strength is None


def test_a_strength_of_nought_or_none_and_a_penalty_of_none_are_no_penalty():
    roles = find_roles({"alpha": texts(None, 0.0, 0.1), "regularizer": texts("none", None, "L2")})
    assert (roles.strength, roles.penalty) == ("alpha", "regularizer")
    penalised = roles.candidate({"alpha": 0.1, "regularizer": "L2"})
    assert str(penalised) == "L2 with alpha 0.1"
    for params in (
        {"alpha": None, "regularizer": "L2"},
        {"alpha": 0.0, "regularizer": "L2"},
        {"alpha": 0.1, "regularizer": "none"},
        {"alpha": 0.1, "regularizer": None},
        {"regularizer": "none"},
    ):
        assert roles.candidate(params) == Candidate("none")
    assert roles.candidate({"regularizer": "L2"}).penalty == NO_STRENGTH


def test_labels_call_the_strength_what_the_script_calls_it():
    roles = find_roles({"weight_decay": LOG, "lr": LOG})
    assert str(roles.candidate({"lr": 0.1, "weight_decay": 0.01})) == "weight_decay 0.01 with lr 0.1"
    assert str(roles.candidate({"lr": 0.1, "weight_decay": 0.0})) == "no penalty with lr 0.1"
    assert str(find_roles({}).candidate({"lr": 0.1, "depth": 3})) == "lr 0.1, depth 3"
    assert str(find_roles({}).candidate({})) == "the only setting"


def test_c_divides_the_penalty():
    """Weak to strong is from a large C to a small one, and ties go to more penalty."""
    roles = find_roles({"C": LOG})
    weak, strong = (roles.candidate({"C": value}) for value in (100.0, 0.01))
    assert weak < strong
    assert (str(weak), strong.lambda_) == ("1/C 0.01", 100.0)
    assert roles.candidate({"C": math.inf}).unpenalised


def test_another_parameter_that_is_called_lambda_stays_beside_the_strength():
    candidate = find_roles({"lambda": LOG, "alpha": LOG}, "alpha").candidate({"lambda": 3.0, "alpha": 0.5})
    assert str(candidate) == "alpha 0.5 with lambda_ 3"
    assert candidate.replace(lambda_=1.0).strength == "alpha"
