"""The lambda axis: logarithmic, with `none` at a place of its own to the left of the smallest lambda."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from search.core.arrays import Array
from search.core.candidate import STRENGTH
from search.report.labels import escape, tick

NONE_GAP: Final = 0.22
EDGE: Final = 0.04
RANK: Final = "rank"
"""What stands in lambda's place where a study has no strength."""
LONG_NAME: Final = 12
"""A longer name and what it means take two lines: a phone's figure is not wider."""
FEW: Final = 3
"""Fewer decades than this have ticks at 2 and 5 too."""
MOST_DECADES: Final = 8
"""So many ticks at the most on a vertical axis."""
MANY: Final = 7
"""From this many decades on, every second one has a tick: a phone shows no more side by side."""


class LambdaAxis(NamedTuple):
    """The axis of these lambdas, which the study calls `name`; where it has none, of the candidates' ranks.

    `low` and `high` are the positive ones' ends, `none` the place of lambda 0, or None. `none` is left of `low` by 22 %
    of the decades that the axis spans (at least a tenth of a decade), and where there is nothing else, all three are
    the same.
    """

    low: float
    high: float
    none: float | None
    name: str = STRENGTH

    @property
    def title(self) -> str:
        """What the axis shows."""
        return (
            "candidates, the lowest validation loss first"
            if self.name == RANK
            else f"{escape(self.name)}{'<br>' if len(self.name) > LONG_NAME else ' '}(strength of the penalty)"
        )

    def place(self, lambdas: Array) -> Array:
        """Where each lambda is on the axis."""
        return np.where(lambdas > 0, lambdas, np.nan if self.none is None else self.none)

    def layout(self) -> dict[str, Any]:
        """Plotly's settings of the axis: type, range and ticks."""
        first = self.low if self.none is None else self.none
        ends = np.log10([first, self.high])
        margin = max(EDGE * (ends[1] - ends[0]), 0.04)
        values, text = self.ticks()
        return {
            "type": "log",
            "range": [float(ends[0] - margin), float(ends[1] + margin)],
            "tickvals": values,
            "ticktext": text,
        }

    def ticks(self) -> tuple[list[float], list[str]]:
        """Powers of ten, with 2 and 5 between where there are few and every second where there are many, and `none`."""
        if self.low == self.none:
            return [self.none], ["none"]
        every = 2 if np.log10(self.high / self.low) >= MANY else 1
        values = decade_ticks(self.low, self.high, every=every, slack=0.1) or [self.low]
        text = [tick(value) for value in values]
        return (values, text) if self.none is None else ([self.none, *values], ["none", *text])


def decade_ticks(low: float, high: float, *, every: int = 1, slack: float = 0.0) -> list[float]:
    """Every so many powers of ten between two values, times 2 and 5 too where these span few decades.

    Those that lie outside by no more than that share count as between.
    """
    first, last = np.log10([low, high])
    steps = (1, 2, 5) if last - first < FEW else (1,)
    decades = np.arange(np.floor(first), np.ceil(last) + 1, every)
    values = [float(step * 10.0**decade) for decade in decades for step in steps]
    return [value for value in values if low * (1 - slack) <= value <= high * (1 + slack)]


def decades(low: float, high: float) -> dict[str, Any]:
    """Plotly's settings of a logarithmic axis: a tick at every power of ten, or at every other of many."""
    return {"type": "log", "dtick": int(np.ceil(np.log10(high / low) / MOST_DECADES))}


def lambda_axis(lambdas: Array, name: str = STRENGTH) -> LambdaAxis:
    """The axis on which all these lambdas (0 for `none`) have a place."""
    positive = lambdas[lambdas > 0]
    if not len(positive):
        return LambdaAxis(1.0, 1.0, 1.0, name)
    low, high = float(positive.min()), float(positive.max())
    gap = max(NONE_GAP * np.log10(high / low), 0.1)
    return LambdaAxis(low, high, None if (lambdas > 0).all() else float(low / 10**gap), name)
