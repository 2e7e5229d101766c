"""Outcomes as bytes and back: an npz file of several outcomes, in which the test losses are sealed.

Each outcome has a number (its trial's); its arrays are members `<number>.<name>`, its single values JSON.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from search.ledger.seal import break_seal, close_seal
from search.records import Array, Candidate, Losses, Outcome

FACTS: Final = ("epochs", "seconds", "pruned")
ARRAYS: Final = ("train_loss", "weight_norm", "nonzero", "diverged", "converged", "train_curve", "validation_curve")
OPTIONAL_ARRAYS: Final = ("weights", "biases")


def encode(outcomes: Mapping[int, Outcome], key: str) -> bytes:
    """The outcomes as one npz file; `key` is that of the seal."""
    arrays: dict[str, NDArray[Any]] = {}
    for number, outcome in outcomes.items():
        arrays |= {f"{number}.{name}": array for name, array in _arrays(outcome, key).items()}
    body = io.BytesIO()
    np.savez(body, **arrays)  # type: ignore[arg-type]
    return body.getvalue()


def outcome_of(arrays: NpzFile, number: int, key: str | None) -> Outcome:
    """One outcome of a file again; without the key its test losses are None."""
    facts = json.loads(str(arrays[f"{number}.facts"]))
    fields: dict[str, Any] = {name: facts[name] for name in FACTS}
    fields |= {name: arrays[f"{number}.{name}"] for name in ARRAYS}
    fields |= {name: arrays.get(f"{number}.{name}") for name in OPTIONAL_ARRAYS}
    test = test_of(arrays, number, key) if key is not None and has_test(arrays, number) else None
    return Outcome(
        candidate=Candidate(**facts["candidate"]), losses=Losses(validation_of(arrays, number), test), **fields
    )


def validation_of(arrays: NpzFile, number: int) -> Array:
    """An outcome's validation losses, (replicates, rows), without reading the rest."""
    losses: Array = arrays[f"{number}.validation"]
    return losses


def has_test(arrays: NpzFile, number: int) -> bool:
    """Whether an outcome holds test losses; the seal stays closed."""
    return f"{number}.sealed" in arrays


def test_of(arrays: NpzFile, number: int, key: str) -> Array:
    """An outcome's test losses, (fits, rows), the seal broken."""
    sealed = arrays[f"{number}.sealed"].tobytes()
    losses: Array = np.load(io.BytesIO(break_seal(sealed, key)))
    return losses


def _arrays(outcome: Outcome, key: str) -> dict[str, NDArray[Any]]:
    facts = {"candidate": asdict(outcome.candidate)} | {name: getattr(outcome, name) for name in FACTS}
    arrays = {"facts": np.array(json.dumps(facts)), "validation": outcome.losses.validation}
    arrays |= {name: getattr(outcome, name) for name in ARRAYS}
    arrays |= {name: array for name in OPTIONAL_ARRAYS if (array := getattr(outcome, name)) is not None}
    if outcome.losses.test is not None:
        plain = io.BytesIO()
        np.save(plain, outcome.losses.test)
        arrays["sealed"] = np.frombuffer(close_seal(plain.getvalue(), key), np.uint8)
    return arrays
