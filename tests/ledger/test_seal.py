"""No file of the storage shows a test loss before the verdict opens it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_helpers import ask, confirm, record, results_for

from search.core.evidence import Facts, Plain
from search.ledger.seal import break_seal, close_seal, new_key

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


def files_below(folder):
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_test_losses_are_in_no_file(tmp_path, storage_name, ledger, dtype):
    sealed = np.tile(LOSSES.astype(dtype), (2, 2, 1))
    asked = ask(ledger, 2)
    validation = np.full((1, 2, 5), 0.5, np.float32)
    validation[0, 0, 0] = 0.8765432  # the check itself must be able to find a loss
    results = replace(results_for(asked, validation=validation), test=sealed)
    ledger.record(results, list(asked))
    confirm(ledger, "grid", results)
    confirm(ledger, "exact", results.take([0]))

    bodies = files_below(tmp_path)
    assert any(np.float32(0.8765432).tobytes() in body for body in bodies.values())
    assert not [file for file, body in bodies.items() for pattern in patterns() if pattern in body]

    members = 0
    for file in (file for file in bodies if file.suffix == ".npz"):
        with np.load(file) as arrays:
            for name in arrays:
                values, members = arrays[name], members + 1
                assert "test" not in name
                assert values.dtype.kind != "f" or not np.isin(LOSSES.astype(dtype), values).any()
    assert members > 3
    assert ledger.results([0]).candidates[0] in ledger.completed()
    assert ledger.results([0, 1]).test is None
    np.testing.assert_array_equal(ledger.snapshot(open_test=True).results.test, sealed)


def test_facts_under_the_seal_are_in_no_file(tmp_path, storage_name, ledger):
    record(ledger, ask(ledger, 2))
    shown = {"gcv": np.array([0.8765432, 1.0])}
    plain = Plain("mse", baseline=float(LOSSES[2]), accuracy=float(LOSSES[3]))
    ledger.keep_facts(Facts(trials=(0, 1), criteria=shown, sealed_criteria={"true_risk": LOSSES[:2]}, plain=plain))
    bodies = files_below(tmp_path)
    if not storage_name.startswith(("postgresql", "grpc")):
        assert any(b"0.8765432" in body for body in bodies.values())
    assert not [file for file, body in bodies.items() for pattern in patterns() if pattern in body]
    closed = ledger.snapshot()
    assert closed.results.criteria.keys() == {"gcv"}
    assert closed.evidence.plain is None
    opened = ledger.snapshot(open_test=True)
    np.testing.assert_array_equal(opened.results.criteria["true_risk"], LOSSES[:2])
    assert opened.evidence.plain == plain
