"""Outcomes come back from the file as they went in."""

from __future__ import annotations

import io

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from search.ledger.codec import encode, has_test, outcome_of, test_of, validation_of
from search.ledger.seal import new_key
from search.records import Candidate, Losses, Outcome

unseal = test_of
del test_of  # pytest would take it for a test

any_float = st.floats(allow_nan=True, allow_infinity=True)
dtypes = st.sampled_from([np.float32, np.float64])
counts = st.integers(0, 4)


def floats(*shape: int):
    return dtypes.flatmap(lambda dtype: arrays(dtype, shape, elements={"allow_nan": True, "allow_infinity": True}))


candidates = st.one_of(
    st.just(Candidate("none")),
    st.builds(Candidate, st.sampled_from(["l1", "l2", "group_lasso"]), st.floats(0, 1e300)),
    st.builds(Candidate, st.just("elastic_net"), st.floats(0, 1e300), st.floats(0, 1)),
)


@st.composite
def outcomes(draw):
    fits, rows, epochs, features = (draw(counts) for _ in range(4))
    flags = arrays(bool, fits)
    return Outcome(
        candidate=draw(candidates),
        losses=Losses(draw(floats(fits, rows)), draw(st.none() | floats(fits, rows + 1))),
        train_loss=draw(floats(fits)),
        weight_norm=draw(floats(fits)),
        nonzero=draw(floats(fits)),
        diverged=draw(flags),
        converged=draw(flags),
        train_curve=draw(floats(fits, epochs)),
        validation_curve=draw(floats(fits, epochs)),
        weights=draw(st.none() | floats(fits, 2, features)),
        biases=draw(st.none() | floats(fits, 2)),
        epochs=epochs,
        seconds=draw(st.floats(0, 1e9)),
        pruned=draw(st.booleans()),
    )


def identical(left, right) -> bool:
    if isinstance(left, np.ndarray):
        return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()
    if isinstance(left, Losses):
        return identical(left.validation, right.validation) and identical(left.test, right.test)
    return left == right


@settings(max_examples=40)
@given(st.dictionaries(st.integers(0, 10**6), outcomes(), min_size=1, max_size=3))
def test_round_trip(kept):
    key = new_key()
    with np.load(io.BytesIO(encode(kept, key)), allow_pickle=False) as file:
        for number, outcome in kept.items():
            again = outcome_of(file, number, key)
            for name in Outcome.__dataclass_fields__:
                assert identical(getattr(outcome, name), getattr(again, name)), name
            assert outcome_of(file, number, None).losses.test is None
            assert identical(validation_of(file, number), outcome.losses.validation)
            assert has_test(file, number) == (outcome.losses.test is not None)
            if outcome.losses.test is not None:
                assert identical(unseal(file, number, key), outcome.losses.test)
