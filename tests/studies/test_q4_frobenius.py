"""Q4: the squared Frobenius norm is the trace, whatever the matrix; groups find features that targets share."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from search.core.candidate import Candidate
from search.data import load_task
from search.training import train
from studies.book import read_answer
from studies.q4_frobenius.compute import SHARED, SHARED_FEATURES, norms, row, shared_features

FIGURES = read_answer("q4_frobenius")
matrices = arrays(
    np.float64,
    st.tuples(st.integers(1, 5), st.integers(1, 6)),
    elements=st.floats(-1e3, 1e3, allow_nan=False, allow_subnormal=False),
)


@given(matrices)
def test_the_squared_norm_is_the_trace_and_the_penalty(weight):
    found = norms(weight)
    for name in ("trace", "singular_values", "penalty"):
        assert found[name] == pytest.approx(found["entries"], rel=1e-9, abs=1e-9)
    assert found["gradient_error"] == 0


@given(matrices)
def test_rotations_do_not_change_it(weight):
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(len(weight), len(weight))))
    assert norms(rotation @ weight)["entries"] == pytest.approx(norms(weight)["entries"], rel=1e-9, abs=1e-9)


def test_groups_drop_whole_features_and_keep_the_shared_ones():
    task = load_task(SHARED_FEATURES)
    results = train(task, SHARED_FEATURES, [Candidate("group_lasso", 0.13), Candidate("l2", 0.5)])
    nonzero = results.weights[0, 0] != 0  # (outputs, features)
    used = nonzero.any(axis=0)
    assert used[:SHARED].all()
    assert used.sum() < 20
    assert (nonzero.all(axis=0) == used).all()
    assert row(results, 0)["features"] == used.sum()
    assert row(results, 1)["features"] == 40


def test_the_data_have_the_features_that_they_say():
    inputs, targets = shared_features()
    weights = torch.linalg.lstsq(torch.from_numpy(inputs), torch.from_numpy(targets)).solution.numpy()
    assert np.abs(weights[SHARED:]).max() < 5 / np.sqrt(len(inputs))


def test_the_answer_says_what_it_measured():
    for found in (FIGURES["linnerud"], FIGURES["shared_features"]):
        assert found["norms"]["trace"] == found["norms"]["entries"] == found["norms"]["penalty"]
    shared = {each["penalty"]: each for each in FIGURES["shared_features"]["penalties"]}
    assert shared["group_lasso"]["test_loss"] < shared["l1"]["test_loss"] < shared["l2"]["test_loss"]
    assert shared["l2"]["features"] == 40
    assert shared["group_lasso"]["features"] >= FIGURES["shared"]
    assert FIGURES["linnerud"]["answer"] == "cannot tell"
