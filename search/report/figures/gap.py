"""What the regret is made of: the validation rows, the search, the training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
import plotly.graph_objects as go

from search.core.arrays import Array
from search.core.text import number
from search.report.draw import bare
from search.report.figures.base import Figure
from search.report.labels import rounded
from search.report.theme import NEUTRAL, Theme
from search.report.view import StudyView

PARTS: Final = {
    "regret": ("regret", "test loss of the selected candidate<br>minus that of the best one"),
    "validation": ("validation:<br>not picked", "the best candidate was tried,<br>the validation rows did not pick it"),
    "search": ("search:<br>not tried", "the best that was tried,<br>against a dense grid of lambda"),
    "training": ("not a part, training:<br>stopped short", "the selected candidate<br>against its exact solution"),
}


class GapParts(NamedTuple):
    """The regret and its parts as differences of test losses; NaN for a part without evidence.

    `lower` and `upper` bound the regret. `tolerance` is the loss that does not matter.
    """

    values: dict[str, float]
    lower: float
    upper: float
    tolerance: float


def gap(view: StudyView) -> GapParts | None:
    """The verdict's gap; None without opened test rows, and where nothing is known but what was tried."""
    verdict = view.verdict
    if (
        verdict is None
        or verdict.basis.recorded
        or verdict.selected.test_loss is None
        or not np.isfinite(verdict.regret.estimate)
    ):
        return None
    parts = {name: getattr(verdict.gap, name) for name in ("validation", "search", "training")}
    return GapParts(
        values={"regret": verdict.regret.estimate}
        | {name: np.nan if part is None else part for name, part in parts.items()},
        lower=verdict.regret.lower,
        upper=verdict.regret.upper,
        tolerance=verdict.tolerance * verdict.selected.test_loss,
    )


def draw_gap(numbers: GapParts, theme: Theme) -> go.Figure:
    """A bar a part, from top to bottom; the bounds of the regret on its bar, the tolerance as a line."""
    figure = bare(theme, height=350)
    values = np.array(list(numbers.values.values()))
    figure.add_bar(
        x=rounded(np.nan_to_num(values)),
        y=[PARTS[name][0] for name in numbers.values],
        orientation="h",
        width=0.5,
        marker={"color": [NEUTRAL, "#e69f00", "#56b4e9", "#009e73"]},
        hovertext=[PARTS[name][1] for name in numbers.values],
        hovertemplate="%{hovertext}<br>%{x:.4~g}<extra></extra>",
        showlegend=False,
    )
    _add_bounds(figure, numbers)
    _add_text(figure, numbers, values)
    figure.add_vline(0, line={"color": NEUTRAL, "width": 1})
    figure.update_yaxes(autorange="reversed", showgrid=False)
    title = f"difference of test losses<br><sub>{sum_of(numbers.values).replace('<br>', '</sub><br><sub>')}</sub>"
    figure.update_xaxes(title_text=title, range=_range(numbers), nticks=3)
    return figure


def _add_bounds(figure: go.Figure, numbers: GapParts) -> None:
    ends = [end for end in (numbers.lower, numbers.upper) if np.isfinite(end)]
    figure.add_scatter(
        x=rounded(ends),
        y=[PARTS["regret"][0]] * len(ends),
        mode="lines+markers",
        name="bounds of the regret",
        line={"color": "#d55e00", "width": 2},
        marker={"symbol": "line-ns", "size": 12, "line": {"width": 2, "color": "#d55e00"}},
        hovertemplate="bound of the regret: %{x:.3g}<extra></extra>",
    )
    figure.add_scatter(
        x=rounded([numbers.tolerance] * 2),
        y=[PARTS["regret"][0], PARTS["training"][0]],
        mode="lines",
        name="tolerance",
        line={"color": NEUTRAL, "width": 2, "dash": "dash"},
        hovertemplate="tolerance: %{x:.3g}<extra></extra>",
    )


def _add_text(figure: go.Figure, numbers: GapParts, values: Array) -> None:
    """The numbers in a column of their own, where neither bars nor lines reach."""
    for name, value in zip(numbers.values, values, strict=True):
        figure.add_annotation(
            text="no evidence" if np.isnan(value) else number(value),
            x=1,
            xref="paper",
            xanchor="left",
            xshift=6,
            y=PARTS[name][0],
            font={"size": 12},
            showarrow=False,
        )
    figure.update_layout(margin_r=84)


def sum_of(values: Mapping[str, float]) -> str:
    """Whether validation and search add up to the regret, and if not why."""
    parts = [values["validation"], values["search"]]
    if np.isnan(parts).any():
        return "without a dense grid<br>the parts are not all known"
    total = float(sum(parts))
    if total < 0 and values["regret"] == 0:
        return f"validation + search = {number(total)};<br>picking in turns did better,<br>which counts as no regret"
    return "regret = validation + search"


def _range(numbers: GapParts) -> list[float]:
    """All bars, the bounds of the regret, and the tolerance."""
    values = np.array([0.0, numbers.tolerance, *numbers.values.values(), numbers.upper])
    low, high = np.nanmin(values), values[np.isfinite(values)].max()
    width = max(high - low, 1e-12)
    return [float(low - 0.02 * width), float(high + 0.05 * width)]


GAP = Figure(
    "gap",
    gap,
    draw_gap,
    title="What the regret is made of",
    question="Where is something to be gained: with more validation rows, a finer search, or longer training?",
    needs="It needs opened test rows, of a search that was run here.",
)
