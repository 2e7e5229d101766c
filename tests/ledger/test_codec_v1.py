"""Files of version 0.1 are read as what they hold; its writer is written down here once more."""

from __future__ import annotations

import io
import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from search.core.candidate import Candidate
from search.ledger.codec import decode, has_test
from search.ledger.seal import close_seal, new_key

FITS, ROWS, TEST_ROWS, FEATURES = 2, 3, 4, 2
KEY = new_key()
any_floats = {"allow_nan": True, "allow_infinity": True}
SHAPES = {
    "validation": (FITS, ROWS),
    "train_loss": (FITS,),
    "weight_norm": (FITS,),
    "nonzero": (FITS,),
    "weights": (FITS, 1, FEATURES),
    "biases": (FITS, 1),
}
candidates = st.one_of(
    st.just({"penalty": "none", "lambda_": 0.0, "l1_ratio": None}),
    st.fixed_dictionaries({"penalty": st.just("l2"), "lambda_": st.floats(0, 1e300), "l1_ratio": st.none()}),
    st.fixed_dictionaries(
        {"penalty": st.just("elastic_net"), "lambda_": st.floats(0, 1e300), "l1_ratio": st.floats(0, 1)}
    ),
)


@st.composite
def outcomes(draw, *, linear: bool, with_test: bool):
    """One trial as version 0.1 kept it: (facts, arrays, test losses or None)."""
    epochs = draw(st.integers(0, 3))
    facts = {
        "candidate": draw(candidates),
        "epochs": epochs,
        "seconds": draw(st.floats(0, 1e9)),
        "pruned": draw(st.booleans()),
    }
    wanted = {name: shape for name, shape in SHAPES.items() if linear or name not in {"weights", "biases"}}
    wanted |= {"train_curve": (FITS, epochs), "validation_curve": (FITS, epochs)}
    kept = {name: draw(arrays(np.float64, shape, elements=any_floats)) for name, shape in wanted.items()}
    kept |= {name: draw(arrays(bool, FITS)) for name in ("diverged", "converged")}
    test = draw(arrays(np.float32, (FITS, TEST_ROWS), elements=any_floats)) if with_test else None
    return facts, kept, test


@st.composite
def files(draw):
    """The outcomes of a file, by number: of one study, so alike in what they know."""
    like = {"linear": draw(st.booleans()), "with_test": draw(st.booleans())}
    return draw(st.dictionaries(st.integers(0, 10**6), outcomes(**like), min_size=1, max_size=3))


def write(kept) -> io.BytesIO:
    members = {}
    for number, (facts, known, test) in kept.items():
        members[f"{number}.facts"] = np.array(json.dumps(facts))
        members |= {f"{number}.{name}": array for name, array in known.items()}
        if test is not None:
            plain = io.BytesIO()
            np.save(plain, test)
            members[f"{number}.sealed"] = np.frombuffer(close_seal(plain.getvalue(), KEY), np.uint8)
    body = io.BytesIO()
    np.savez(body, **members)
    body.seek(0)
    return body


@settings(max_examples=40)
@given(files(), st.randoms(use_true_random=False))
def test_every_value_comes_back_in_any_order(kept, random):
    numbers = list(kept)
    random.shuffle(numbers)
    with np.load(write(kept), allow_pickle=False) as file:
        found, closed = decode(file, numbers, KEY), decode(file, numbers, None)
        assert has_test(file) == (next(iter(kept.values()))[2] is not None)
    assert found.trials.tolist() == numbers
    assert closed.test is None
    for row, number in enumerate(numbers):
        facts, known, test = kept[number]
        own = facts["candidate"]
        assert found.candidates[row] == Candidate(own["penalty"], own["lambda_"], l1_ratio=own["l1_ratio"])
        assert (found.seconds[row], found.pruned[row]) == (facts["seconds"], facts["pruned"])
        assert found.epochs[row].tolist() == [facts["epochs"]] * FITS
        for name, array in known.items():
            came = getattr(found, name)[row]
            if name.endswith("_curve"):
                assert np.isnan(came[:, facts["epochs"] :]).all()
                came = came[:, : facts["epochs"]]
            assert (came.dtype, came.tobytes()) == (array.dtype, array.tobytes()), name
            np.testing.assert_array_equal(getattr(closed, name), getattr(found, name))
        if test is not None:
            assert found.test[row].tobytes() == test.tobytes()
    if "weights" not in known:
        assert found.weights is found.biases is None
