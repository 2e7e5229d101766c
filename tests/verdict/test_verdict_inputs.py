import numpy as np
import pandas as pd
import pytest

import search
from search.core.candidate import Candidate
from search.core.errors import UserError
from search.core.results import Results
from search.verdict.inputs import candidates_of, clean_losses, cleaned, results_from_arrays


def results(columns, **other):
    """The results of candidates with these columns, each with one loss."""
    frame = pd.DataFrame(columns, **other)
    return results_from_arrays(np.ones((len(frame), 1)), None, frame)


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


def test_a_loss_above_1e30_is_that_of_a_diverged_fit():
    assert clean_losses("test", np.array([[1e30, 1e31]]), 1).tolist() == [[[1e30, np.inf]]]


def test_results_are_cleaned_like_arrays():
    losses = np.array([[[1.0, np.nan, 2.0]], [[3.0, np.nan, np.nan]]])
    raw = Results((Candidate("l1", 1.0), Candidate("l1", 2.0)), losses, losses[:, :, 1:], nonzero=np.ones((2, 1)))
    found = cleaned(raw)
    assert found.validation.tolist() == [[[1.0, 2.0]], [[3.0, np.inf]]]
    assert found.test is not None
    assert found.test.tolist() == [[[2.0]], [[np.inf]]]
    assert found.nonzero is raw.nonzero
    assert cleaned(Results(raw.candidates, losses)).test is None


def test_candidates_get_a_number_and_none_a_lambda_of_zero():
    columns = {"penalty": ["none", "l2"], "lambda": [np.nan, 2]}
    found = results(columns, index=[7, 9])
    assert found.candidates == (Candidate("none"), Candidate("l2", 2.0))
    assert found.lambda_.tolist() == [0.0, 2.0]
    assert found.trials.tolist() == [0, 1]
    assert results(columns | {"trial": [4, 5]}).trials.tolist() == [4, 5]


def test_every_column_that_is_no_measure_is_a_parameter():
    measures = {
        "trial": [3, 1],
        "state": ["complete", "complete"],
        "train_loss": [0.1, 0.2],
        "validation_loss": [0.3, 0.4],
        "validation_se": [0.01, 0.02],
        "weight_norm": [1.0, 2.0],
        "nonzero": [0.5, 1.0],
        "epochs": [10, 20],
        "seconds": [0.1, 0.1],
        "converged": [1.0, 0.5],
        "gcv": [0.5, np.nan],
        "evidence": [np.nan, -3.0],
        "test_loss": [0.2, 0.3],
        "test_se": [0.01, 0.02],
    }
    own = {"penalty": ["elastic_net", "l1"], "lambda": [1.0, 2.0], "l1_ratio": [0.5, np.nan], "lr": [0.1, 0.2]}
    found = results(own | measures)
    assert found.candidates == (Candidate("elastic_net", 1.0, l1_ratio=0.5, lr=0.1), Candidate("l1", 2.0, lr=0.2))
    for name in ("train_loss", "weight_norm", "nonzero", "epochs"):
        assert found.measure(name).tolist() == measures[name]
    assert found.converged.tolist() == [[True], [False]]
    assert np.array_equal(found.criteria["gcv"], measures["gcv"], equal_nan=True)
    assert np.array_equal(found.criteria["evidence"], measures["evidence"], equal_nan=True)
    bare = results(own)
    assert (bare.train_loss, bare.epochs, bare.converged, bare.trial, bare.criteria) == (None, None, None, None, {})


def test_whether_a_fit_converged_may_be_unknown():
    found = results({"penalty": "l1", "lambda": [1.0, 2.0, 3.0], "converged": [1.0, np.nan, 0.9]})
    assert found.converged.all(axis=1).tolist() == [True, True, False]


@pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
def test_missing_values_of_every_type_of_column_are_missing(backend):
    frame = pd.DataFrame(
        {"penalty": ["none", "elastic_net"], "lambda": [np.nan, 2.0], "l1_ratio": [np.nan, 0.5], "nonzero": [np.nan, 1]}
    ).convert_dtypes(dtype_backend=backend)
    assert candidates_of(frame) == (Candidate("none"), Candidate("elastic_net", 2.0, l1_ratio=0.5))
    found = results_from_arrays(np.ones((2, 1)), None, frame)
    assert np.array_equal(found.nonzero, [[np.nan], [1.0]], equal_nan=True)


def test_candidates_of_an_exported_frame_are_the_candidates():
    kept = (Candidate("none"), Candidate("elastic_net", 0.5, l1_ratio=0.3), Candidate("l2", 2.0, optimizer="adam"))
    measured = Results(kept, np.ones((3, 2, 4)), seconds=np.ones(3), train_loss=np.ones((3, 2)))
    assert candidates_of(measured.frame()) == kept


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({"penalty": []}, "empty"),
        ({"penalty": ["l1"]}, '"lambda"'),
        ({"lambda": [1.0]}, '"penalty"'),
        ({"penalty": ["l1"], "lambda": [-1.0]}, "negative"),
        ({"penalty": ["l1"], "lambda": [np.nan]}, "missing"),
        ({"penalty": ["none", "l1"], "lambda": [0.0, None]}, "missing"),
        ({"penalty": ["l1"], "lambda": pd.Series([None], dtype=object)}, "missing"),
        ({"penalty": ["l1"], "lambda": pd.array([None], dtype="Float64")}, "missing"),
        ({"penalty": ["l1"], "lambda": pd.array([None], dtype="float64[pyarrow]")}, "missing"),
    ],
)
def test_what_is_wrong_with_candidates_is_named(columns, named):
    with pytest.raises(UserError, match=named):
        results(columns)


def test_a_column_that_is_no_parameter_is_refused_by_name():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"penalty": "l2", "lambda": [0.1, 1.0], "started": pd.to_datetime(["2026-01-01", "2026-01-02"])}
    )
    with pytest.raises(UserError, match=r'candidates\["started"\] holds Timestamp'):
        search.judge(rng.random((2, 9)), None, frame)
    listed = frame.assign(started=[[1], [2]])
    with pytest.raises(UserError, match=r'candidates\["started"\] holds list'):
        search.judge(rng.random((2, 9)), None, listed)


def test_epochs_are_a_parameter_where_they_were_searched():
    frame = pd.DataFrame({"penalty": "l2", "lambda": [1.0, 1.0], "epochs": [5, 9], "trained_epochs": [4.5, 9.0]})
    assert candidates_of(frame) == (Candidate("l2", 1.0, epochs=5), Candidate("l2", 1.0, epochs=9))
    assert candidates_of(frame.drop(columns="trained_epochs"))[0] == Candidate("l2", 1.0)
