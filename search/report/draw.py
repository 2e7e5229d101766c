"""What several figures draw alike: panels, candidates by penalty, bands, and the marks of single candidates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from search.core.arrays import Array, Flags, Index
from search.core.text import number, words
from search.report.axis import LambdaAxis, decades
from search.report.focus import Focus
from search.report.labels import rounded
from search.report.placed import Placed, Spread
from search.report.theme import NEUTRAL, SELECTED, Theme, style_of, translucent

LEGEND_HEIGHT: Final = 90
NOTE_HEIGHT: Final = 16
BAND_NAME: Final = "10-90 % of {what}"
MARKS: Final[dict[str, dict[str, Any]]] = {
    "selected": {"symbol": "star", "size": 15, "color": SELECTED, "line": {"color": "#555555", "width": 1.5}},
    "best on test": {"symbol": "circle-open", "size": 18, "color": NEUTRAL, "line": {"width": 3}},
}


def panels(theme: Theme, titles: Sequence[str], *, height: int = 230, lines: int = 1) -> go.Figure:
    """Panels below each other that share the horizontal axis; `titles` are those of the vertical axes.

    Above each panel is room for a line of notes, above the first one for so many `lines`.
    """
    rows = len(titles)
    total = height * rows + LEGEND_HEIGHT + 40 + NOTE_HEIGHT * (lines - 1)
    spacing = 0.0 if rows == 1 else min((NOTE_HEIGHT + 22) / (total - LEGEND_HEIGHT), 1 / rows)
    figure = make_subplots(rows=rows, shared_xaxes=True, vertical_spacing=spacing)
    figure.update_layout(template=theme.template(), height=total, legend_y=_above(height * rows, lines))
    for row, title in enumerate(titles, start=1):
        figure.update_yaxes(title_text=title, row=row, col=1)
    return figure


def _above(height: float, lines: int) -> float:
    """Where a legend begins over a plot of that height, in shares of it: above so many lines of notes."""
    return 1 + (14 + NOTE_HEIGHT * lines) / height


def lambda_panels(
    theme: Theme, titles: Sequence[str], axis: LambdaAxis, *, height: int = 230, lines: int = 1
) -> go.Figure:
    """Panels over the lambda axis; a dotted line sets off the place of `none`."""
    figure = panels(theme, titles, height=height, lines=lines)
    figure.update_xaxes(**axis.layout())
    figure.update_xaxes(title_text=axis.title, row=len(titles), col=1)
    if axis.none is not None and axis.none < axis.low:
        between = float(np.sqrt(axis.none * axis.low))
        line = {"color": NEUTRAL, "width": 1, "dash": "dot"}
        figure.add_vline(between, line=line, exclude_empty_subplots=False)
    return figure


def bare(theme: Theme, *, height: int, lines: int = 0) -> go.Figure:
    """A figure with one panel and axes of its own, and room for so many lines of notes above it."""
    figure = make_subplots().update_layout(template=theme.template(), height=height)
    return figure.update_layout(legend_y=_above(height - LEGEND_HEIGHT - 40, lines)) if lines else figure


def add_note(figure: go.Figure, text: str, *, row: int = 1, line: int = 0, left: bool = False) -> None:
    """A note above a panel, where no line of a figure can strike it through; nothing without a text."""
    number = "" if row == 1 else row
    if text:
        figure.add_annotation(
            text=text,
            x=0 if left else 1,
            xref=f"x{number} domain",
            xanchor="left" if left else "right",
            y=1,
            yref=f"y{number} domain",
            yanchor="bottom",
            yshift=NOTE_HEIGHT * line,
            font={"size": 11},
            showarrow=False,
        )


def set_focus(figure: go.Figure, view: Focus, *, row: int = 1, line: int = 0) -> Focus:
    """Give a panel's vertical axis its range, and say on that line of notes how much lies outside it."""
    figure.update_yaxes(**view.axis(), row=row, col=1)
    add_note(figure, view.outside(), row=row, line=line)
    return view


def log_axis(*values: Array) -> dict[str, Any]:
    """`decades` of these values."""
    finite = np.concatenate([each[np.isfinite(each)] for each in values])
    return decades(float(finite.min()), float(finite.max()))


def add_candidates(  # noqa: PLR0913 - what varies between the figures
    figure: go.Figure,
    drawn: Placed,
    spread: Spread,
    shown: Index,
    *,
    row: int,
    what: str,
    view: Focus,
    filled: Flags | None = None,
) -> None:
    """Every penalty's candidates with their bands, hollow where not `filled`.

    Those outside the `view` are arrows at its edge, the diverged ones crosses at the top.
    """
    for penalty in drawn.penalties():
        own = shown[(drawn.penalty[shown] == penalty) & np.isfinite(spread.mean[shown])]
        if penalty in drawn.smooth:
            _add_band(figure, drawn.x[own], spread.low[own], spread.high[own], penalty, row)
        _add_penalty(figure, drawn, spread, own, penalty, row=row, what=what, filled=filled)
    _add_outside(figure, drawn, spread.mean, shown, view, row=row, what=what)
    _add_diverged(figure, drawn, spread.mean, shown, view, row=row, what=what)


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
            "symbol": style.symbol
            if solid.all()
            else [style.symbol if full else f"{style.symbol}-open" for full in solid],
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


def _add_outside(  # noqa: PLR0913 - what varies between the figures
    figure: go.Figure, drawn: Placed, mean: Array, shown: Index, view: Focus, *, row: int, what: str
) -> None:
    """An arrow at the edge for every candidate whose value lies beyond it."""
    own = shown[np.isfinite(mean[shown]) & ((mean[shown] > view.high) | (mean[shown] < view.low))]
    if len(own):
        symbols = np.where(mean[own] > view.high, "triangle-up", "triangle-down").tolist()
        colors = [style_of(penalty).color for penalty in drawn.penalty[own]]
        _add_at_edge(figure, drawn, own, view.edged(mean[own]), row, {"symbol": symbols, "size": 6, "color": colors})
        figure.data[-1].update(
            showlegend=False,
            customdata=[number(value, 4) for value in mean[own]],
            hovertemplate=f"%{{hovertext}}<br>{what} %{{customdata}}<extra></extra>",
        )


def _add_diverged(  # noqa: PLR0913
    figure: go.Figure, drawn: Placed, mean: Array, shown: Index, view: Focus, *, row: int, what: str
) -> None:
    lost = shown[~np.isfinite(mean[shown])]
    if len(lost):
        line = {"width": 2, "color": [style_of(penalty).color for penalty in drawn.penalty[lost]]}
        top = view.edged(np.full(len(lost), np.inf))
        _add_at_edge(figure, drawn, lost, top, row, {"symbol": "x-thin", "size": 9, "line": line})
        figure.data[-1].update(
            name="diverged (at the top)",
            legendgroup="diverged",
            showlegend=row == 1,
            hovertemplate=f"%{{hovertext}}<br>{what}: none, a fit diverged<extra></extra>",
        )


def _add_at_edge(figure: go.Figure, drawn: Placed, own: Index, y: Array, row: int, marker: dict[str, Any]) -> None:
    figure.add_scatter(
        x=rounded(drawn.x[own]),
        y=rounded(y),
        mode="markers",
        marker=marker,
        hovertext=[drawn.text[index] for index in own],
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


def add_band_name(figure: go.Figure, spreads: Iterable[Spread], what: str) -> None:
    """An entry of the legend that says what bands and bars are, where there are any."""
    if any(np.isfinite(each.low).any() for each in spreads):
        add_patch(figure, BAND_NAME.format(what=what), translucent(NEUTRAL, 0.25))


def add_patch(figure: go.Figure, name: str, color: str, *, bar: bool = False) -> None:
    """An entry of the legend for something shaded, or for a bar."""
    line = {"width": 4 if bar else 0, "color": color}
    figure.add_scatter(
        x=[None],
        y=[None],
        mode="markers",
        name=name,
        marker={"symbol": "line-ew-open" if bar else "square", "size": 14, "color": color, "line": line},
        hoverinfo="skip",
    )
