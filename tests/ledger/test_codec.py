"""Results come back from a file as they went in, in any order, and without their test losses while it is sealed."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from ledger_helpers import make_results, same, sealed

from search.core.candidate import Candidate
from search.core.groups import Groups
from search.core.results import Results
from search.ledger.codec import decode, encode, has_test
from search.ledger.seal import new_key

counts = st.integers(0, 4)
values = st.integers(-(10**6), 10**6) | st.floats(allow_nan=False) | st.booleans() | st.text(max_size=5)
names = st.text(min_size=1, max_size=8).filter(lambda name: name not in {"penalty", "lambda"})
candidates = st.one_of(
    st.just(Candidate("none")),
    st.builds(Candidate, st.sampled_from(["l1", "l2", "group_lasso", "somebody's own"]), st.floats(0, 1e300)),
    st.builds(
        lambda strength, ratio, others: Candidate("elastic_net", strength, l1_ratio=ratio, **others),
        st.floats(0, 1e300),
        st.floats(0, 1),
        st.dictionaries(names, values, max_size=3),
    ),
)


def floats(*shape: int):
    any_float = {"allow_nan": True, "allow_infinity": True}
    return st.sampled_from([np.float32, np.float64]).flatmap(lambda dtype: arrays(dtype, shape, elements=any_float))


@st.composite
def results(draw):
    """Any table: what may be unknown is unknown or not."""
    found = tuple(draw(st.lists(candidates, min_size=1, max_size=3)))
    rows, (fits, held, epochs, features) = len(found), (draw(counts) for _ in range(4))
    shapes = {
        **dict.fromkeys(("train_loss", "weight_norm", "nonzero", "epochs"), (rows, fits)),
        **dict.fromkeys(("train_curve", "validation_curve"), (rows, fits, epochs)),
        "test": (rows, fits, held + 1),
        "weights": (rows, fits, 2, features),
        "biases": (rows, fits, 2),
        "seconds": (rows,),
    }
    flags = {"diverged": (rows, fits), "converged": (rows, fits), "pruned": (rows,)}
    known = {name: draw(st.none() | floats(*shape)) for name, shape in shapes.items()}
    known |= {name: draw(st.none() | arrays(bool, shape)) for name, shape in flags.items()}
    numbers = draw(st.lists(st.integers(0, 10**6), min_size=rows, max_size=rows, unique=True))
    return Results(found, draw(floats(rows, fits, held)), trial=np.array(numbers), **known)


@settings(max_examples=60)
@given(results(), st.data())
def test_round_trip(kept, data):
    key, numbers = new_key(), kept.trial.tolist()
    asked = data.draw(st.lists(st.sampled_from(numbers), min_size=1, max_size=4))
    wanted = kept.take([numbers.index(number) for number in asked])
    with np.load(io.BytesIO(encode(kept, numbers, key)), allow_pickle=False) as file:
        assert has_test(file) == (kept.test is not None)
        same(decode(file, numbers, key), kept)
        same(decode(file, numbers, None), sealed(kept))
        same(decode(file, asked, key), wanted)


def test_the_order_and_the_types_of_parameters_come_back():
    candidate = Candidate("l2", 0.1, lr=1e-3, epochs=10, init="zeros", nesterov=True)
    with np.load(io.BytesIO(encode(make_results(candidate), [3], new_key()))) as file:
        (again,) = decode(file, [3], None).candidates
    assert list(again.params().items()) == list(candidate.params().items())
    assert [type(value) for value in again.values()] == [type(value) for value in candidate.values()]


def test_the_numbers_given_are_the_files_and_not_those_of_the_table():
    table = replace(make_results(Candidate("l1", 1.0)), trial=np.array([7]))
    with np.load(io.BytesIO(encode(table, [3], new_key()))) as file:
        assert decode(file, [3], None).trials.tolist() == [3]
        with pytest.raises(KeyError):
            decode(file, [7], None)


@pytest.mark.parametrize("groups", [Groups.of([1, 0, 1], [0, 1]), Groups.of([1, 0, 1]), Groups.of(test=[0, 1]), None])
def test_which_rows_belong_together_comes_back(groups):
    key, losses = new_key(), np.ones((2, 1, 3))
    results = Results((Candidate("none"), Candidate("l2", 1.0)), losses, losses[:, :, :2], groups=groups)
    with np.load(io.BytesIO(encode(results, [0, 1], key))) as file:
        found = decode(file, [1, 0], None).groups
    assert (found is None) == (groups is None)
    for part in ("validation", "test"):
        np.testing.assert_array_equal(getattr(found, part, None), getattr(groups, part, None))
