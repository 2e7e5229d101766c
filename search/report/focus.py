"""The range of an axis: what matters fills it, and what lies outside is counted and not drawn to scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from search.core.arrays import Array
from search.report.axis import FEW, decade_ticks, decades
from search.report.labels import tick
from search.report.placed import Spread, spans_decades

INNER: Final = 0.8
REACH: Final = 3.0
# Times finer: what less would be gained does not excuse leaving anything out. By the logarithm few values span much.
WORTH: Final = 3.0
WORTH_LOG: Final = 1.5
FEWEST: Final = 5
EDGE: Final = 0.025
BANDS: Final = 0.5  # how far bands may widen a range, as a share of it
MARGIN: Final = 0.06
LOG_FROM: Final = 10.0  # times the lowest value: drawn plainly, more than that puts the low ones on one line


class Focus(NamedTuple):
    """An axis from `low` to `high`, logarithmic or not, and how many values lie `above` and `below` it."""

    low: float
    high: float
    log: bool
    above: int
    below: int

    def axis(self) -> dict[str, Any]:
        """Plotly's settings of the axis; a logarithmic one has ticks at powers of ten, every other one of many.

        Between few powers of ten are ticks at 2 and 5 too.
        """
        if not self.log:
            return {"range": [self.low, self.high]}
        low, high = np.log10([self.low, self.high])
        span = {"range": [float(low), float(high)]}
        if high - low >= FEW:
            return decades(self.low, self.high) | span
        shown = decade_ticks(self.low, self.high)
        return {"type": "log", "tickvals": shown, "ticktext": [tick(value) for value in shown]} | span

    def outside(self, what: str = "point") -> str:
        """How many values are outside, in words; empty where none is."""
        counts = [(self.above, "above"), (self.below, "below")]
        parts = [f"{count} {what}{'s' * (count != 1)} {where}" for count, where in counts if count]
        return ", ".join(parts)

    def edged(self, values: Array) -> Array:
        """The values, those outside moved to a place just inside the nearer end."""
        low, high = np.log10([self.low, self.high]) if self.log else (self.low, self.high)
        margin = EDGE * (high - low)
        ends = np.array([low + margin, high - margin])
        return np.asarray(np.clip(values, *(10**ends if self.log else ends)))


def focus(values: Array, *, keep: Sequence[float] = (), bands: Spread | None = None) -> Focus:
    """The range of these values; those that are not finite have no place on it.

    A few values that would flatten all others are left out: those further from one end than three times as far as
    80 % of the values reach, where the scale is three times finer without them; on a linear axis the high ones, on a
    logarithmic one the low ones too, and there one and a half times finer is enough. Those to `keep` (the selected
    candidate's, say) are always inside. `bands` around the values widen the range by at most a half on either side. The
    axis is logarithmic where what matters spans more than a decade.
    """
    finite = values[np.isfinite(values)].astype(np.float64)
    if not len(finite):
        return Focus(0.0, 1.0, False, 0, 0)
    kept = [each for each in keep if np.isfinite(each)]
    log = spans_decades(finite[finite <= _limit(finite, kept)], times=LOG_FROM) and spans_decades(
        finite, times=LOG_FROM
    )
    scale, back = (np.log10, lambda value: float(10**value)) if log else (np.asarray, float)
    placed, wanted = scale(finite), scale(np.array([each for each in kept if not log or each > 0]))
    worth = WORTH_LOG if log else WORTH
    high = _limit(placed, wanted, worth)
    low = -_limit(-placed, -wanted, worth) if log else placed.min()
    shown = np.concatenate([placed[(placed >= low) & (placed <= high)], wanted])
    ends = _widened(float(shown.min()), float(shown.max()), *_ends(bands, values, (back(low), back(high)), scale))
    first, last = back(ends[0]), back(ends[1])
    return Focus(first, last, log, int((finite > last).sum()), int((finite < first).sum()))


def _limit(values: Array, keep: Sequence[float] | Array, worth: float = WORTH) -> float:
    """The highest of the values that does not flatten the others: without those above the scale is `worth` finer."""
    low, inner = float(values.min()), float(np.quantile(values, INNER, method="lower"))
    if len(values) < FEWEST or inner == low:
        return float(values.max())
    limit = max([low + REACH * (inner - low), *keep])
    cut, high = float(values[values <= limit].max()), float(values.max())
    return cut if worth * (cut - low) < high - low else high


def _ends(bands: Spread | None, values: Array, inside: tuple[float, float], scale: Any) -> list[Array]:  # noqa: ANN401
    """The ends of the bands around the values that are inside, on the axis's scale."""
    if bands is None:
        return [np.empty(0), np.empty(0)]
    shown = np.isfinite(values) & (values >= inside[0] * (1 - 1e-9)) & (values <= inside[1] * (1 + 1e-9))
    ends = [each[shown & np.isfinite(each)] for each in (bands.low, bands.high)]
    return [scale(each[each > 0] if scale is np.log10 else each) for each in ends]


def _widened(low: float, high: float, lower: Array, upper: Array) -> tuple[float, float]:
    """The range with its bands, and a margin."""
    room = BANDS * (high - low)
    bottom = max(low - room, min(low, float(lower.min(initial=low))))
    top = min(high + room, max(high, float(upper.max(initial=high))))
    margin = MARGIN * (top - bottom) or 0.05 * abs(top) or 0.1
    return bottom - margin, top + margin
