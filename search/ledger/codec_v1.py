"""Reads the loss files of version 0.1: an outcome a trial, arrays under `<number>.<name>`, the test losses sealed."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.lib.npyio import NpzFile

from search.core.candidate import Candidate
from search.core.results import Results, join
from search.ledger.seal import break_seal

FIGURES: Final = ("validation", "train_loss", "weight_norm", "nonzero", "diverged", "converged")
CURVES: Final = ("train_curve", "validation_curve")
OPTIONAL: Final = ("weights", "biases")


def decode(arrays: NpzFile, numbers: Sequence[int], key: str | None) -> Results:
    """The results of some of a file's trials, in this order; without the key their test losses are None."""
    return join([_outcome(arrays, number, key) for number in numbers])


def _outcome(arrays: NpzFile, number: int, key: str | None) -> Results:
    def own(name: str) -> Any:  # noqa: ANN401
        found = arrays.get(f"{number}.{name}")
        return None if found is None else found[None]

    facts = json.loads(str(arrays[f"{number}.facts"]))
    candidate = facts["candidate"]
    fits = own("train_loss").shape
    sealed = arrays.get(f"{number}.sealed")
    return Results(
        (Candidate(candidate["penalty"], candidate["lambda_"], l1_ratio=candidate["l1_ratio"]),),
        test=None if key is None or sealed is None else np.load(io.BytesIO(break_seal(sealed.tobytes(), key)))[None],
        trial=np.array([number], dtype=np.int64),
        epochs=np.full(fits, float(facts["epochs"])),
        seconds=np.array([facts["seconds"]]),
        pruned=np.array([facts["pruned"]]),
        **{name: own(name) for name in (*FIGURES, *CURVES, *OPTIONAL)},
    )
