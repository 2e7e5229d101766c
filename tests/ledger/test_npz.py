"""Losses in a file are what was written, or they are not read."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from ledger_helpers import flips

from search.ledger.npz import DamagedError, from_npz, to_npz

ARRAYS = {
    "validation": np.random.default_rng(0).random((1, 2, 5), dtype=np.float32),
    "candidates": np.array('[{"penalty": "none"}]'),
    "converged": np.array([[True, False]]),
}


def read(body: bytes):
    with from_npz(io.BytesIO(body)) as arrays:
        return {name: arrays[name] for name in arrays.files}


def same(found) -> bool:
    return found.keys() == ARRAYS.keys() and all(
        (found[name].dtype, found[name].shape, found[name].tobytes()) == (each.dtype, each.shape, each.tobytes())
        for name, each in ARRAYS.items()
    )


@pytest.mark.parametrize("compressed", [False, True])
def test_it_comes_back_and_is_an_ordinary_npz_file(compressed):
    body = to_npz(ARRAYS, compressed=compressed)
    assert same(read(body))
    with np.load(io.BytesIO(body)) as arrays:
        assert same(dict(arrays))
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None


@pytest.mark.parametrize("compressed", [False, True])
def test_every_flipped_bit_is_noticed(compressed):
    for _, flipped in flips(to_npz(ARRAYS, compressed=compressed)):
        with pytest.raises(DamagedError):
            read(flipped)


def test_a_file_that_ends_early_or_late_is_noticed():
    body = to_npz(ARRAYS)
    for cut in range(len(body)):
        with pytest.raises(DamagedError):
            read(body[:cut])
    with pytest.raises(DamagedError):
        read(body + b"\0")


def test_a_flipped_bit_in_a_file_of_before_is_noticed_or_changes_nothing():
    """Version 0.2.0 wrote no checksum of the whole."""
    file = io.BytesIO()
    np.savez(file, **ARRAYS)
    assert same(read(file.getvalue()))
    harmless = 0
    for place, flipped in flips(file.getvalue()):
        try:
            found = read(flipped)
        except DamagedError:
            continue
        harmless += 1
        assert same(found), place
    assert harmless < 0.3 * 8 * len(file.getvalue())  # what the archive says of times and systems


def test_an_error_in_the_middle_of_reading_is_damage():
    with pytest.raises(DamagedError, match="cannot be read"), from_npz(io.BytesIO(to_npz(ARRAYS))) as arrays:
        arrays["no such array"]
