"""What several figures draw alike: panels, candidates by penalty, bands, and the marks of single candidates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from search.core.arrays import Array, Flags, Index
from search.core.text import words
from search.report.axis import LambdaAxis
from search.report.labels import escape, rounded
from search.report.placed import Placed, Spread, spans_decades
from search.report.theme import NEUTRAL, SELECTED, Theme, style_of, translucent

LEGEND_HEIGHT: Final = 90
MOST_DECADES: Final = 8
MARKS: Final[dict[str, dict[str, Any]]] = {
    "selected": {"symbol": "star", "size": 15, "color": SELECTED, "line": {"color": "#555555", "width": 1.5}},
    "best on test": {"symbol": "circle-open", "size": 18, "color": NEUTRAL, "line": {"width": 3}},
}


def panels(theme: Theme, titles: Sequence[str], *, height: int = 230) -> go.Figure:
    """Panels below each other that share the horizontal axis; `titles` are those of the vertical axes."""
    rows = len(titles)
    total = height * rows + LEGEND_HEIGHT + 40
    spacing = 0.0 if rows == 1 else min(28 / (total - LEGEND_HEIGHT), 1 / rows)
    figure = make_subplots(rows=rows, shared_xaxes=True, vertical_spacing=spacing)
    figure.update_layout(template=theme.template(), height=total)
    for row, title in enumerate(titles, start=1):
        figure.update_yaxes(title_text=title, row=row, col=1)
    return figure


def lambda_panels(theme: Theme, titles: Sequence[str], axis: LambdaAxis, *, height: int = 230) -> go.Figure:
    """Panels over the lambda axis; a dotted line sets off the place of `none`."""
    figure = panels(theme, titles, height=height)
    figure.update_xaxes(**axis.layout())
    figure.update_xaxes(title_text=escape(axis.title), row=len(titles), col=1)
    if axis.none is not None and axis.none < axis.low:
        between = float(np.sqrt(axis.none * axis.low))
        line = {"color": NEUTRAL, "width": 1, "dash": "dot"}
        figure.add_vline(between, line=line, exclude_empty_subplots=False)
    return figure


def logarithmic(figure: go.Figure, row: int, *values: Array) -> None:
    """Make a panel's vertical axis logarithmic where its values ask for it."""
    if spans_decades(*values):
        figure.update_yaxes(**log_axis(*values), row=row, col=1)


def log_axis(*values: Array) -> dict[str, Any]:
    """Plotly's settings of a logarithmic axis: a tick at every power of ten, or at every other of many."""
    finite = np.concatenate([each[np.isfinite(each)] for each in values])
    return {"type": "log", "dtick": int(np.ceil(np.log10(finite.max() / finite.min()) / MOST_DECADES))}


def add_candidates(  # noqa: PLR0913 - what varies between the figures
    figure: go.Figure,
    drawn: Placed,
    spread: Spread,
    shown: Index,
    *,
    row: int,
    what: str,
    filled: Flags | None = None,
) -> None:
    """Every penalty's candidates with their bands, hollow where not `filled`; the diverged ones at the top."""
    for penalty in drawn.penalties():
        own = shown[(drawn.penalty[shown] == penalty) & np.isfinite(spread.mean[shown])]
        if penalty in drawn.smooth:
            _add_band(figure, drawn.x[own], spread.low[own], spread.high[own], penalty, row)
        _add_penalty(figure, drawn, spread, own, penalty, row=row, what=what, filled=filled)
    _add_diverged(figure, drawn, spread.mean, shown, row, what)


def _add_penalty(  # noqa: PLR0913
    figure: go.Figure,
    drawn: Placed,
    spread: Spread,
    own: Index,
    penalty: str,
    *,
    row: int,
    what: str,
    filled: Flags | None,
) -> None:
    style, smooth = style_of(penalty), penalty in drawn.smooth
    solid = np.ones(len(own), bool) if filled is None else filled[own]
    figure.add_scatter(
        x=rounded(drawn.x[own]),
        y=rounded(spread.mean[own]),
        mode="lines+markers" if smooth else "markers",
        name=words(penalty),
        legendgroup=penalty,
        showlegend=row == 1,
        line={"color": style.color, "width": 2, "dash": style.dash},
        marker={
            "symbol": [style.symbol if full else f"{style.symbol}-open" for full in solid],
            "color": style.color,
            "size": 7,
            "line": {"width": 1.5, "color": style.color},
        },
        error_y=None if smooth else _error_bars(spread, own, style.color),
        hovertext=[drawn.text[index] for index in own],
        hovertemplate=f"%{{hovertext}}<br>{what} %{{y:.4~g}}<extra></extra>",
        row=row,
        col=1,
    )


def _error_bars(spread: Spread, own: Index, color: str) -> dict[str, Any] | None:
    if np.isnan(spread.low[own]).all():
        return None
    return {
        "symmetric": False,
        "array": rounded(spread.high[own] - spread.mean[own]),
        "arrayminus": rounded(spread.mean[own] - spread.low[own]),
        "color": translucent(color, 0.5),
        "thickness": 1,
        "width": 2,
    }


def _add_band(figure: go.Figure, x: Array, low: Array, high: Array, penalty: str, row: int) -> None:
    known = ~np.isnan(low)
    if known.sum() < 2:
        return
    figure.add_scatter(
        x=rounded(np.concatenate([x[known], x[known][::-1]])),
        y=rounded(np.concatenate([high[known], low[known][::-1]])),
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=translucent(style_of(penalty).color, 0.18),
        legendgroup=penalty,
        showlegend=False,
        hoverinfo="skip",
        row=row,
        col=1,
    )


def _add_diverged(figure: go.Figure, drawn: Placed, mean: Array, shown: Index, row: int, what: str) -> None:
    lost = shown[~np.isfinite(mean[shown])]
    if not len(lost):
        return
    finite = mean[np.isfinite(mean)]
    figure.add_scatter(
        x=rounded(drawn.x[lost]),
        y=rounded(np.full(len(lost), finite.max() if len(finite) else 1.0)),
        mode="markers",
        name="diverged (at the top)",
        legendgroup="diverged",
        showlegend=row == 1,
        marker={
            "symbol": "x-thin",
            "size": 9,
            "line": {"width": 2, "color": [style_of(penalty).color for penalty in drawn.penalty[lost]]},
        },
        hovertext=[drawn.text[index] for index in lost],
        hovertemplate=f"%{{hovertext}}<br>{what}: none, a fit diverged<extra></extra>",
        row=row,
        col=1,
    )


def add_mark(figure: go.Figure, mark: str, x: float, y: float, text: str, *, row: int = 1) -> None:
    """Mark one candidate, "selected" or "best on test"; nothing where its value is not finite."""
    if not np.isfinite(y):
        return
    figure.add_scatter(
        x=rounded([x]),
        y=rounded([y]),
        mode="markers",
        name=mark,
        legendgroup=mark,
        showlegend=row == 1,
        marker=MARKS[mark],
        hovertext=[f"{text}<br>{mark}"],
        hovertemplate="%{hovertext}<br>%{y:.4~g}<extra></extra>",
        row=row,
        col=1,
    )


def add_patch(figure: go.Figure, name: str, color: str) -> None:
    """An entry of the legend for something shaded."""
    figure.add_scatter(
        x=[None],
        y=[None],
        mode="markers",
        name=name,
        marker={"symbol": "square", "size": 14, "color": color},
        hoverinfo="skip",
    )


def bare(theme: Theme, *, height: int) -> go.Figure:
    """A figure with one panel and axes of its own."""
    return make_subplots().update_layout(template=theme.template(), height=height)
