"""The largest numbers that can be computed with."""

from __future__ import annotations

from typing import Final

LARGEST_INPUT: Final = 1e100  # its square, and sums of those, are finite
LARGEST_TARGET: Final = 1e14  # a loss, its square, above 1e30 counts as that of a fit that diverged
