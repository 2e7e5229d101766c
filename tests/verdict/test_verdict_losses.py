import numpy as np
import pandas as pd
import pytest

from search.records import UserError
from search.verdict.losses import clean_candidates, clean_losses


def test_two_axes_are_one_replicate_and_rows_nobody_held_out_are_gone():
    losses = np.array([[1.0, np.nan, 2.0], [3.0, np.nan, 4.0]])
    assert clean_losses("test", losses, 2).tolist() == [[[1.0, 2.0]], [[3.0, 4.0]]]


def test_a_fit_that_lacks_losses_others_have_is_infinitely_bad():
    losses = np.array([[[1.0, np.nan], [np.nan, 2.0]], [[3.0, np.nan], [np.nan, np.nan]]])
    cleaned = clean_losses("test", losses, 2)
    assert np.array_equal(cleaned[0], losses[0], equal_nan=True)
    assert cleaned[1, 1, 1] == np.inf
    assert np.isnan(cleaned[1, 0, 1])


@pytest.mark.parametrize(
    "losses", [np.ones(3), np.ones((2, 5)), np.ones((3, 1, 1, 1)), np.ones((3, 5), dtype=int), np.full((3, 5), np.nan)]
)
def test_what_is_wrong_with_losses_is_one_line_that_names_them(losses):
    with pytest.raises(UserError, match=r"^judge: validation .*valid .*$"):
        clean_losses("validation", losses, 3)


def test_minus_infinity_is_no_loss():
    with pytest.raises(UserError, match="minus infinity"):
        clean_losses("test", np.array([[-np.inf, 1.0]]), 1)


def test_candidates_get_a_number_and_none_a_lambda_of_zero():
    frame = pd.DataFrame({"penalty": ["none", "l2"], "lambda": [np.nan, 2]}, index=[7, 9])
    cleaned = clean_candidates(frame)
    assert cleaned["lambda"].tolist() == [0.0, 2.0]
    assert cleaned["trial"].tolist() == [0, 1]
    assert clean_candidates(frame.assign(trial=[4, 5]))["trial"].tolist() == [4, 5]


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({"penalty": []}, "empty"),
        ({"penalty": ["l1"]}, '"lambda"'),
        ({"lambda": [1.0]}, '"penalty"'),
        ({"penalty": ["l1"], "lambda": [-1.0]}, "negative"),
        ({"penalty": ["l1"], "lambda": [np.nan]}, "missing"),
    ],
)
def test_what_is_wrong_with_candidates_is_named(columns, named):
    with pytest.raises(UserError, match=named):
        clean_candidates(pd.DataFrame(columns))
