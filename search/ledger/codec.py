"""Results as bytes and back: an npz file of the trials that were trained together, their test losses sealed."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from search.core.candidate import Candidate
from search.core.groups import Groups
from search.core.results import Results
from search.ledger import codec_v1
from search.ledger.npz import to_npz
from search.ledger.seal import break_seal, close_seal

CANDIDATES: Final = "candidates"
SEALED: Final = "sealed"
GROUPS: Final = {"validation": "validation_groups", "test": "test_groups"}


def encode(results: Results, numbers: Sequence[int], key: str) -> bytes:
    """The results of the trials with these numbers as one npz file; `key` is that of the seal.

    Their `criteria` are not in it: they are known at the end of a search, see `facts`.
    """
    arrays: dict[str, NDArray[Any]] = {
        **results.arrays(),
        "trial": np.array(numbers, dtype=np.int64),
        CANDIDATES: np.array(json.dumps([candidate.params() for candidate in results.candidates])),
    }
    arrays |= {GROUPS[part]: numbers for part, numbers in _known(results.groups).items()}
    if (test := arrays.pop("test", None)) is not None:
        plain = io.BytesIO()
        np.save(plain, test)
        arrays[SEALED] = np.frombuffer(close_seal(plain.getvalue(), key), np.uint8)
    return to_npz(arrays)


def decode(arrays: NpzFile, numbers: Sequence[int], key: str | None) -> Results:
    """The results of some of a file's trials, in this order; without the key their test losses are None."""
    if CANDIDATES not in arrays:
        return codec_v1.decode(arrays, numbers, key)
    known: dict[str, Any] = {
        name: arrays[name] for name in arrays.files if name not in (CANDIDATES, SEALED, *GROUPS.values())
    }
    candidates = tuple(Candidate.from_params(params) for params in json.loads(str(arrays[CANDIDATES])))
    groups = {part: arrays[name].astype(np.intp) for part, name in GROUPS.items() if name in arrays}
    results = Results(candidates, groups=Groups(**groups) if groups else None, **known)
    if key is not None and SEALED in arrays:
        test = np.load(io.BytesIO(break_seal(arrays[SEALED].tobytes(), key)))
        results = replace(results, test=test)
    places = {int(number): place for place, number in enumerate(results.trials)}
    return results.take([places[number] for number in numbers])


def _known(groups: Groups | None) -> dict[str, NDArray[Any]]:
    """The groups' numbers, of validation and of test rows."""
    parts = {} if groups is None else {"validation": groups.validation, "test": groups.test}
    return {part: numbers.astype(np.int64) for part, numbers in parts.items() if numbers is not None}


def has_test(arrays: NpzFile) -> bool:
    """Whether a file holds test losses; the seal stays closed. In a file of version 0.1 they are `<number>.sealed`."""
    return any(name.endswith(SEALED) for name in arrays.files)
