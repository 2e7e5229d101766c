"""Names for numpy's array types, and how large ones are walked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Flags = NDArray[np.bool_]
Index = NDArray[np.intp]

CACHED: Final = 2**16  # numbers that a processor's cache holds while they are walked several times


def blocks(count: int, width: int) -> Iterator[slice]:
    """Slices of `count` things with `width` numbers each, as many at a time as the processor's cache holds."""
    step = max(1, CACHED // max(1, width))
    return (slice(start, start + step) for start in range(0, count, step))
