"""How a training tells how far it is: by whom it is called, it does not know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search.training.columns import Column

Report = Callable[[float], None]
"""Hears how many more fits are done than when it was last called; a fit half trained counts half."""


def nobody(fits: float) -> None:
    """Nobody listens."""


class Told:
    """Tells the fits of one chunk of a batch on; in the end they are all told, whoever stopped early."""

    def __init__(self, report: Report, fits: int) -> None:
        self._report, self._left = report, float(fits)

    def __call__(self, fits: float) -> None:
        """So many more are done."""
        self._left -= fits
        self._report(fits)

    def epoch(self, stacked: Sequence[Column], leaving: Sequence[Sequence[int]], epoch: int, replicates: int) -> None:
        """All fits of these columns, on so many replicates, have trained one more epoch; those that leave are done.

        `leaving` lists the candidates that leave each column.
        """
        stops = [
            (stop, index in gone) for column, gone in zip(stacked, leaving, strict=True) for stop, index in column.stops
        ]
        self(replicates * sum((1 + (stop - epoch) * is_done) / stop for stop, is_done in stops))

    def end(self) -> None:
        """Those that stopped early, or were never begun, will not be trained."""
        self(self._left)
