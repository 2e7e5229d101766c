"""Lambda and the other settings: its profile, and a map of the candidates with lines of equal lr x lambda."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import plotly.graph_objects as go

from search.core.arrays import Array, Index
from search.core.results import Results
from search.core.text import number, words
from search.report.axis import LambdaAxis, lambda_axis
from search.report.draw import add_mark, add_note, lambda_panels, log_axis
from search.report.figures.base import Figure
from search.report.focus import Focus
from search.report.labels import escape, loss_title, rounded, tick
from search.report.placed import HOVER_POINTS, Placed, spans_decades, thin
from search.report.theme import NEUTRAL, Theme, style_of
from search.report.view import StudyView
from search.settings import SETTINGS
from search.verdict.profile import profile, settings_searched

FOCUS: Final = 3.0
MOST_LINES: Final = 6
MOST_TICKS: Final = 12
LABEL_WIDTH: Final = 14  # letters of a text beside the map, so that a phone has room for both
LABEL_ROOM: Final = 0.07  # share of the lambda axis on either side of a line's label
BELOW: Final = 112  # pixels for the lambda axis and the bar of colours
DECOUPLED: Final = 'apply = "decoupled": a step decays by<br>lr x lambda, the same on a dotted line'


class Setting(NamedTuple):
    """The setting on the map's vertical axis, and where each candidate is on it, NaN without it (candidates,).

    `texts` names the places 0, 1, ... of a setting whose values are not all numbers; there are none otherwise.
    """

    name: str
    place: Array
    texts: tuple[str, ...]
    log: bool


class SettingsMap(NamedTuple):
    """The validation loss of every candidate (candidates,), and where each lies in the space that was searched.

    `profile` are the positions of the profile's candidates, `focus` the lowest and the highest loss that matters. At
    `products`, values of lr x lambda, there is a line; `decoupled`: whether that is what a step decays the weights by.
    """

    points: Placed
    loss: Array
    profile: Index
    focus: tuple[float, float]
    setting: Setting
    products: Array
    decoupled: bool
    selected: int
    metric: str | None


def settings_map(view: StudyView) -> SettingsMap | None:
    """The profile and the map of a study; None where lambda and the penalties' own parameters are all that varies."""
    members, loss = profile(view.results), view.results.validation_loss
    if view.selected is None or members is None or not view.results.strength:
        return None
    setting = _setting(view.results)
    return SettingsMap(
        points=view.placed,
        loss=loss,
        profile=members,
        focus=focus(loss, members),
        setting=setting,
        products=products(view.placed.axis, setting),
        decoupled=view.study.settings.get("training", {}).get("apply") == "decoupled",
        selected=view.selected,
        metric=view.metric,
    )


def _setting(results: Results) -> Setting:
    """The learning rate where it was searched, else the first setting whose values are numbers, else the first."""
    values = {name: [each.get(name) for each in results.candidates] for name in settings_searched(results)}
    textual = {name: any(isinstance(value, str | bool) for value in each) for name, each in values.items()}
    name = min(values, key=lambda each: (each != "lr", textual[each]))
    present = {value for value in values[name] if value is not None} if textual[name] else set()
    listed = sorted(present, key=lambda value: (isinstance(value, str), value))
    places: list[Any] = [listed.index(value) if value in present else value for value in values[name]]
    place = np.array(places, dtype=np.float64)  # None becomes NaN
    log = (name in SETTINGS and SETTINGS[name].searched.log) or spans_decades(place)
    return Setting(name, place, tuple(map(str, listed)), bool(log and not listed and np.nanmin(place) > 0))


def focus(loss: Array, members: Index) -> tuple[float, float]:
    """The lowest and the highest loss that matters, of `loss` (candidates,) and the profile's members.

    So high that the profile fills half of the range, or that the better half of all candidates is in it; but neither
    for losses that are both above three times the lowest one and in the worse half of the profile: they exploded.
    """
    finite, best = loss[np.isfinite(loss)], loss[members][np.isfinite(loss[members])]
    if not len(finite):
        return 0.0, 1.0
    low = float(finite.min())
    limit = max(FOCUS * low, float(np.median(best)))
    wanted = max(2 * float(best[best <= limit].max()) - low, float(np.median(finite)))
    high = float(finite[finite <= min(limit, wanted)].max())
    return low, high if high > low else low + (abs(low) or 1.0)


def products(axis: LambdaAxis, setting: Setting) -> Array:
    """The powers of ten that lr x lambda takes on the map, but not in its very corners, and at most six of them."""
    if setting.name != "lr" or not setting.log or axis.low == axis.high:
        return np.empty(0)
    ends = np.log10([axis.low * np.nanmin(setting.place), axis.high * np.nanmax(setting.place)])
    margin = 0.1 * (ends[1] - ends[0])
    powers = np.arange(np.ceil(ends[0] + margin), np.floor(ends[1] - margin) + 1)
    return np.asarray(10.0 ** powers[:: max(1, -(-len(powers) // MOST_LINES))])


def line_ends(numbers: SettingsMap) -> Array:
    """Lambda where each product's line enters the map, above or on the left, and where it leaves it, (lines, 2)."""
    axis, rates = numbers.points.axis, numbers.setting.place
    start = np.maximum(axis.low, numbers.products / np.nanmax(rates))
    return np.stack([start, np.minimum(axis.high, numbers.products / np.nanmin(rates))], axis=1)


def draw_settings(numbers: SettingsMap, theme: Theme) -> go.Figure:
    """Above the profile over all candidates, below the map, whose colours span the same losses as the upper axis."""
    drawn, chosen = numbers.points, numbers.selected
    titles = [loss_title("validation", numbers.metric), _short(numbers.setting.name, 2 * LABEL_WIDTH)]
    figure = lambda_panels(theme, titles, drawn.axis, height=270)
    _add_lines(figure, numbers)
    shown = thin(drawn.x, [chosen], HOVER_POINTS // 3)
    members = numbers.profile[thin(drawn.x[numbers.profile], limit=HOVER_POINTS // 3)]
    for penalty in drawn.penalties():
        own = shown[(drawn.penalty[shown] == penalty) & np.isfinite(numbers.loss[shown])]
        _add_penalty(figure, numbers, own, members[drawn.penalty[members] == penalty], penalty)
    lost = shown[~np.isfinite(numbers.loss[shown])]
    if len(lost):
        line = {"width": 2, "color": [style_of(penalty).color for penalty in drawn.penalty[lost]]}
        marker = {"symbol": "x-thin", "size": 8, "line": line}
        _add(figure, numbers, lost, "diverged", 2, {"showlegend": True, "marker": marker})
    for row, y in ((1, numbers.loss), (2, numbers.setting.place)):
        add_mark(figure, "selected", drawn.x[chosen], y[chosen], drawn.text[chosen], row=row)
    _count_above(figure, numbers)
    figure.update_yaxes(**_loss_axis(*numbers.focus), row=1, col=1)
    figure.update_yaxes(**_setting_axis(numbers.setting), row=2, col=1)
    figure.update_xaxes(showgrid=False, row=2, col=1).update_yaxes(showgrid=False, row=2, col=1)
    return figure.update_layout(coloraxis=_colours(numbers), margin_b=BELOW)


def _add_penalty(figure: go.Figure, numbers: SettingsMap, own: Index, members: Index, penalty: str) -> None:
    """A penalty's candidates: pale with the profile over them, and on the map in the colour of their loss."""
    style = style_of(penalty)
    marker = {"symbol": style.symbol, "color": style.color, "size": 8}
    line = {"color": style.color, "width": 2, "dash": style.dash}
    joined = {"mode": "lines+markers", "showlegend": True, "line": line, "marker": marker}
    loss = np.log10(numbers.loss[own]) if spans_decades(np.array(numbers.focus)) else numbers.loss[own]
    # Without an outline either end of the colours would be lost on one of the two grounds.
    coloured = marker | {"color": rounded(loss), "coloraxis": "coloraxis", "line": {"width": 1, "color": NEUTRAL}}
    _add(figure, numbers, own, penalty, 1, {"marker": marker | {"size": 6, "opacity": 0.55}})
    _add(figure, numbers, members, penalty, 1, joined)
    _add(figure, numbers, own, penalty, 2, {"marker": coloured})


def _add(figure: go.Figure, numbers: SettingsMap, own: Index, name: str, row: int, drawing: dict[str, Any]) -> None:
    """Candidates in the upper panel by their loss, or on the map by their setting."""
    y = numbers.loss if row == 1 else numbers.setting.place
    figure.add_scatter(
        **({"mode": "markers", "showlegend": False} | drawing),
        x=rounded(numbers.points.x[own]),
        y=rounded(y[own]),
        name=words(name),
        legendgroup=name,
        customdata=[number(loss, 4) for loss in numbers.loss[own]],
        hovertext=[numbers.points.text[index] for index in own],
        hovertemplate="%{hovertext}<br>validation loss %{customdata}<extra></extra>",
        row=row,
        col=1,
    )


def _add_lines(figure: go.Figure, numbers: SettingsMap) -> None:
    """Dotted lines of equal lr x lambda, each interrupted by its value near its lower end, and what they mean."""
    if not len(numbers.products):
        return
    ends = np.log10(line_ends(numbers))
    # Plotly places annotations by the logarithm on logarithmic axes.
    labels = ends @ [0.25, 0.75]
    gap = LABEL_ROOM * np.log10(numbers.points.axis.high / numbers.points.axis.low)
    before, behind = np.maximum(labels - gap, ends[:, 0]), np.minimum(labels + gap, ends[:, 1])
    empty = np.full(len(ends), np.nan)  # NaN parts a line from the next one
    x = 10 ** np.column_stack([ends[:, 0], before, empty, behind, ends[:, 1], empty])
    y = numbers.products[:, None] / x
    line = {"color": NEUTRAL, "width": 1, "dash": "dot"}
    points = {"x": rounded(x.ravel()), "y": rounded(y.ravel()), "mode": "lines", "hoverinfo": "skip"}
    figure.add_scatter(
        **points, name=f"equal lr x {numbers.points.axis.name}", legendrank=1001, line=line, row=2, col=1
    )
    for product, place in zip(numbers.products, labels, strict=True):
        at = {"x": place, "y": np.log10(product) - place, "font": {"size": 11}}
        figure.add_annotation(text=tick(product), **at, showarrow=False, row=2, col=1)
    if numbers.decoupled:
        add_note(figure, DECOUPLED, row=2, left=True)
        figure.layout.annotations[-1].update(align="left")
        figure.update_layout(yaxis_domain=[0.57, 1], yaxis2_domain=[0, 0.43])


def _count_above(figure: go.Figure, numbers: SettingsMap) -> None:
    """How many candidates are too bad for the upper panel."""
    finite = np.isfinite(numbers.loss)
    above = int((finite & (numbers.loss > numbers.focus[1])).sum())
    diverged = int((~finite).sum())
    outside = Focus(*numbers.focus, log=False, above=above, below=0).outside()
    add_note(figure, ", ".join(each for each in (outside, f"{diverged} diverged" * (diverged > 0)) if each))


def _loss_axis(low: float, high: float) -> dict[str, Any]:
    ends, scale = np.array([low, high]), {}
    if spans_decades(ends):
        ends, scale = np.log10(ends), log_axis(ends)
    margin = 0.08 * (ends[1] - ends[0])
    return scale | {"range": [float(ends[0] - margin), float(ends[1] + margin)]}


def _setting_axis(setting: Setting) -> dict[str, Any]:
    """A logarithmic axis, a plain one, or one whose places are named, every other one where they are many."""
    if setting.log:
        return lambda_axis(setting.place[np.isfinite(setting.place)]).layout()
    if not setting.texts:
        return {}
    named = range(0, len(setting.texts), 1 + (len(setting.texts) - 1) // MOST_TICKS)
    texts = [_short(setting.texts[place]) for place in named]
    return {"tickvals": list(named), "ticktext": texts, "range": [-0.5, len(setting.texts) - 0.5]}


def _short(text: str, width: int = LABEL_WIDTH) -> str:
    return escape(text if len(text) <= width else f"{text[: width - 1]}…")


def _colours(numbers: SettingsMap) -> dict[str, Any]:
    """The map's colours and their bar, below the figure so that a phone has room; worse losses have the last colour."""
    ends, many = np.array(numbers.focus), spans_decades(np.array(numbers.focus))
    low, high = np.log10(ends) if many else ends
    ticks = np.linspace(low, high, 4)
    texts = [tick(float(f"{value:.3g}")) for value in (10**ticks if many else ticks)]
    texts[-1] = f"{'≥ ' if (numbers.loss > ends[1]).any() else ''}{texts[-1]}"
    bar = {"orientation": "h", "thickness": 12, "len": 0.9, "yref": "container", "y": 0, "yanchor": "bottom"}
    title = {"text": loss_title("validation", numbers.metric).replace("<br>", " "), "side": "bottom"}
    bar |= {"title": title | {"font": {"size": 12}}, "tickvals": ticks.tolist(), "ticktext": texts, "outlinewidth": 0}
    return {"colorscale": "Cividis", "cmin": low, "cmax": high, "colorbar": bar}


SETTINGS_MAP = Figure(
    "settings",
    settings_map,
    draw_settings,
    title="Lambda and the other settings",
    question="What can each lambda do once the other settings are tuned to it, and where are the good candidates?",
    needs="It needs a setting searched beside lambda, such as lr.",
)
