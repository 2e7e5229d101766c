"""The coefficients of a study's model as a file: arrays of numbers and names, no pickle."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from search.core.coefficients import ARRAYS, Coefficients

NAMES = ("outputs", "inputs")
ONES = ("kind", "fits", "powers", "reference")


def to_bytes(found: Coefficients) -> bytes:
    """The coefficients as an npz file."""
    file = io.BytesIO()
    parts: dict[str, Any] = {name: np.asarray(getattr(found, name)) for name in (*ARRAYS, *ONES, *NAMES)}
    np.savez_compressed(file, **parts)
    return file.getvalue()


def from_bytes(body: bytes) -> Coefficients:
    """The inverse."""
    with np.load(io.BytesIO(body), allow_pickle=False) as kept:
        found: dict[str, Any] = {name: kept[name] for name in ARRAYS}
        found |= {name: tuple(kept[name].tolist()) for name in NAMES}
        found |= {name: kept[name].item() for name in ONES}
    return Coefficients(**found)
