"""Learning curves: the losses after epochs, of one candidate at a time, chosen by a slider."""

from __future__ import annotations

from textwrap import wrap
from typing import Any, Final, NamedTuple

import numpy as np
import plotly.graph_objects as go

from search.core.arrays import Array
from search.core.candidate import Candidate
from search.metrics import METRICS
from search.report.draw import bare, log_axis
from search.report.figures.base import Figure
from search.report.labels import escape, rounded
from search.report.placed import spans_decades, spread, thin
from search.report.theme import NEUTRAL, Theme, translucent
from search.report.view import StudyView

STEPS: Final = 60
EPOCHS: Final = 80
EXPLODED: Final = 10.0
LABEL_WIDTH: Final = 42  # letters
KINDS: Final = {"training": "#0072b2", "validation": "#d55e00"}


class Curves(NamedTuple):
    """Losses after the epochs (epochs,), of the candidates that the slider offers, each (candidates, epochs), NaN where
    a candidate's were not looked at.

    `mean`, `low` and `high` (the band over replicates) are by kind, "training" and "validation". The candidates are
    sorted by penalty and lambda; `labels` names them. `selected` is the selected candidate's place.
    """

    epochs: Array
    mean: dict[str, Array]
    low: dict[str, Array]
    high: dict[str, Array]
    labels: list[str]
    selected: int
    metric: str | None


def curves(view: StudyView) -> Curves | None:
    """The learning curves of up to 60 candidates; None for exact solutions, which have no epochs."""
    train, validation = view.results.train_curve, view.results.validation_curve
    if view.selected is None or train is None or validation is None or train.shape[2] < 2:
        return None
    chosen = _candidates(view)
    known = np.flatnonzero(~np.isnan(train[chosen]).all(axis=(0, 1)))
    if not len(known):
        return None
    epochs = known[np.unique(np.linspace(0, len(known) - 1, EPOCHS).round().astype(int))]
    kinds = {"training": train[chosen][..., epochs], "validation": validation[chosen][..., epochs]}
    spreads = {kind: [spread(each) for each in np.moveaxis(fits, 2, 0)] for kind, fits in kinds.items()}
    return Curves(
        epochs=epochs + 1.0,
        mean={kind: np.stack([each.mean for each in every], axis=1) for kind, every in spreads.items()},
        low={kind: np.stack([each.low for each in every], axis=1) for kind, every in spreads.items()},
        high={kind: np.stack([each.high for each in every], axis=1) for kind, every in spreads.items()},
        labels=[_label(view.results.candidates[index]) for index in chosen],
        selected=chosen.index(view.selected),
        metric=view.metric,
    )


def _label(candidate: Candidate) -> str:
    """A candidate above the slider, in lines that a phone has room for."""
    return "<br>".join(map(escape, wrap(", ".join(candidate.parts()), LABEL_WIDTH, break_on_hyphens=False)))


def _candidates(view: StudyView) -> list[int]:
    """Positions in the candidates' order: of many an even choice, and the selected one."""
    candidates = view.results.candidates
    order = sorted(range(len(candidates)), key=lambda place: candidates[place].sort_key)
    rank = np.argsort(order).astype(np.float64)
    return [int(index) for index in thin(rank, [view.selected], STEPS)]


def draw_curves(numbers: Curves, theme: Theme) -> go.Figure:
    """The curves of the slider's candidate over those of the selected one; all steps on one scale."""
    figure = bare(theme, height=470)
    for kind in KINDS:
        mean = numbers.mean[kind][numbers.selected]
        figure.add_scatter(
            x=rounded(numbers.epochs),
            y=rounded(mean),
            mode="lines",
            connectgaps=True,
            name="selected",
            legendgroup="selected",
            showlegend=kind == "training",
            line={"color": translucent(NEUTRAL, 0.9), "width": 1, "dash": "solid" if kind == "training" else "dot"},
            hovertemplate=f"selected, {kind}, epoch %{{x}}: %{{y:.4~g}}<extra></extra>",
        )
    for kind, color in KINDS.items():
        _add_kind(figure, numbers, kind, color)
    unit = "" if numbers.metric is None else f" ({METRICS[numbers.metric].label})"
    figure.update_xaxes(title_text="epoch")
    figure.update_yaxes(title_text=f"loss{unit}", **_scale(numbers))
    figure.update_layout(sliders=[_slider(numbers)])
    return figure


def _add_kind(figure: go.Figure, numbers: Curves, kind: str, color: str) -> None:
    x, band = _band(numbers, kind, numbers.selected)
    figure.add_scatter(
        x=x,
        y=band,
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=translucent(color, 0.18),
        showlegend=False,
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=rounded(numbers.epochs),
        y=rounded(numbers.mean[kind][numbers.selected]),
        mode="lines",
        connectgaps=True,
        name=kind,
        line={"color": color, "width": 2, "dash": "solid" if kind == "training" else "dash"},
        hovertemplate=f"{kind}, epoch %{{x}}: %{{y:.4~g}}<extra></extra>",
    )


def _band(numbers: Curves, kind: str, index: int) -> tuple[list[float | None], list[float | None]]:
    """The outline of the band; empty with a single replicate."""
    low, high = numbers.low[kind][index], numbers.high[kind][index]
    known = np.isfinite(low)
    x = numbers.epochs[known]
    return rounded(np.concatenate([x, x[::-1]])), rounded(np.concatenate([high[known], low[known][::-1]]))


def _slider(numbers: Curves) -> dict[str, Any]:
    """One step a candidate; a step replaces the four moving traces, so it needs no animation frames."""
    return {
        "active": numbers.selected,
        "currentvalue": {"xanchor": "left", "font": {"size": 12}},
        "pad": {"t": 54},
        "font": {"color": "rgba(0,0,0,0)", "size": 1},
        "ticklen": 0,
        "minorticklen": 0,
        "steps": [
            {"method": "restyle", "label": label, "args": [_step(numbers, index), [2, 3, 4, 5]]}
            for index, label in enumerate(numbers.labels)
        ],
    }


def _step(numbers: Curves, index: int) -> dict[str, Any]:
    x, y = [], []
    for kind in KINDS:
        band = _band(numbers, kind, index)
        x += [band[0], rounded(numbers.epochs)]
        y += [band[1], rounded(numbers.mean[kind][index])]
    return {"x": x, "y": y}


def _scale(numbers: Curves) -> dict[str, Any]:
    """One range for all steps: all of the selected candidate, and of the others what does not explode."""
    own = np.stack([each[numbers.selected] for each in numbers.mean.values()])
    values = np.stack(list(numbers.mean.values()))
    values = values[values <= EXPLODED * np.max(own[np.isfinite(own)], initial=0.0)]
    if not len(values):
        return {}
    low, high = float(values.min()), float(values.max())
    if spans_decades(values):
        ends = np.log10([low, high])
        return log_axis(values) | {"range": [float(ends[0]) - 0.1, float(ends[1]) + 0.1]}
    margin = 0.05 * (high - low) or 0.1
    return {"range": [low - margin, high + margin]}


CURVES = Figure(
    "curves",
    curves,
    draw_curves,
    title="Learning curves",
    question="Had the training come to its end, and does the validation loss rise again?",
    needs="It needs a training over epochs; exact solutions have none.",
)
