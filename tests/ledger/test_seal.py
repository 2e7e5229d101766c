"""No file of the storage shows a test loss before the verdict opens it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_helpers import ask, make_outcome

from search.ledger.seal import break_seal, close_seal, new_key
from search.records import Candidate

LOSSES = np.float64([0.1234567, 0.7654321, 0.2718281, 0.3141592, 0.5772156, 0.6180339, 0.1414213])


@given(st.binary(max_size=2000))
def test_broken_seal_gives_the_bytes_back(body):
    key = new_key()
    assert break_seal(close_seal(body, key), key) == body


def test_equal_bytes_are_sealed_differently_each_time():
    key = new_key()
    assert close_seal(b"0" * 64, key) != close_seal(b"0" * 64, key)
    assert break_seal(close_seal(b"0" * 64, key), new_key()) != b"0" * 64


def patterns() -> list[bytes]:
    """Every test loss as it could lie in a file: both float types, both byte orders, as text."""
    binary = [value.astype(kind).tobytes() for value in LOSSES for kind in ("<f4", ">f4", "<f8", ">f8")]
    return binary + [str(value).encode() for value in LOSSES]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_test_losses_are_in_no_file(tmp_path, storage_name, ledger, dtype):
    sealed = np.tile(LOSSES.astype(dtype), (2, 1))
    outcomes = {}
    for number, candidate in ask(ledger, 2).items():
        outcome = make_outcome(candidate, number)
        outcome.losses.validation[0, 0] = 0.8765432  # the check itself must be able to find a loss
        object.__setattr__(outcome.losses, "test", sealed)
        outcomes[number] = outcome
    ledger.record(outcomes)
    ledger.keep_confirmation("sweep", [outcomes[0]])

    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    bodies = {file: file.read_bytes() for file in files}
    assert any(np.float32(0.8765432).tobytes() in body for body in bodies.values())
    assert not [file for file, body in bodies.items() for pattern in patterns() if pattern in body]

    for file in (file for file in files if file.suffix == ".npz"):
        with np.load(file) as arrays:
            for name in arrays:
                values = arrays[name]
                assert "test" not in name
                assert values.dtype.kind != "f" or not np.isin(LOSSES.astype(dtype), values).any()
    assert ledger.outcome(0).candidate in ledger.done()
    assert isinstance(ledger.outcome(0).candidate, Candidate)
    np.testing.assert_array_equal(ledger.open_test([0, 1]), [sealed, sealed])
