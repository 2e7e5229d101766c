"""Coefficient paths: the weights of a linear model, one by one, against lambda."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import plotly.graph_objects as go

from search.records import Array, Outcome
from search.report.axis import LambdaAxis, lambda_axis
from search.report.draw import lambda_panels
from search.report.labels import escape, penalty_name, rounded
from search.report.theme import NEUTRAL, PENALTY_STYLES, Theme, translucent
from search.report.view import StudyView

LARGEST: Final = 40
POINTS: Final = 60


class Path(NamedTuple):
    """One penalty's weights, means of replicates: lambda (points,), ascending, and weights (points, coefficients)."""

    lambda_: Array
    weights: Array


class Paths(NamedTuple):
    """The paths of the largest coefficients, by penalty, starting at `none` where it was tried.

    `selected` is the selected penalty and lambda.
    """

    axis: LambdaAxis
    names: list[str]
    paths: dict[str, Path]
    selected: tuple[str, float]


def paths(view: StudyView) -> Paths | None:
    """The coefficient paths; None for models that are not linear, and where no penalty has two lambdas.

    They come from the confirming sweep, an even grid with one l1_ratio, where there is one, else from the trials.
    """
    outcomes = [outcome for outcome in view.sweep or view.outcomes if not outcome.diverged.any()]
    if view.selected is None or not outcomes or outcomes[0].weights is None:
        return None
    found = _by_penalty(outcomes)
    if not found:
        return None
    chosen = _largest(found)
    names = _names(view, outcomes[0])
    selected = view.candidates.iloc[view.selected]
    return Paths(
        axis=lambda_axis(np.concatenate([path.lambda_ for path in found.values()])),
        names=[names[index] for index in chosen],
        paths={penalty: path._replace(weights=path.weights[:, chosen]) for penalty, path in found.items()},
        selected=(str(selected["penalty"]), float(selected["lambda"])),
    )


def _by_penalty(outcomes: Sequence[Outcome]) -> dict[str, Path]:
    """Every penalty with two lambdas or more, led by `none`; with several l1_ratios the most frequent one alone."""
    none = [outcome for outcome in outcomes if outcome.candidate.penalty == "none"][:1]
    found = {}
    for penalty in PENALTY_STYLES:
        own = _one_ratio([outcome for outcome in outcomes if outcome.candidate.penalty == penalty])
        if penalty != "none" and len({outcome.candidate.lambda_ for outcome in own}) > 1:
            found[penalty] = _path([*none, *own])
    return found


def _one_ratio(outcomes: list[Outcome]) -> list[Outcome]:
    ratios = [outcome.candidate.l1_ratio for outcome in outcomes]
    most = max(ratios, key=ratios.count, default=None)
    return [outcome for outcome in outcomes if outcome.candidate.l1_ratio == most]


def _path(outcomes: list[Outcome]) -> Path:
    ordered = sorted(outcomes, key=lambda outcome: outcome.candidate.lambda_)
    if len(ordered) > POINTS:
        ordered = [ordered[place] for place in np.linspace(0, len(ordered) - 1, POINTS).round().astype(int)]
    rows = [
        np.mean(outcome.weights, axis=0, dtype=np.float64).ravel() for outcome in ordered if outcome.weights is not None
    ]
    return Path(np.array([outcome.candidate.lambda_ for outcome in ordered]), np.stack(rows))


def _largest(found: dict[str, Path]) -> list[int]:
    """The coefficients with the largest absolute value anywhere with a penalty, in their own order."""
    size = np.max([np.abs(path.weights[path.lambda_ > 0]).max(axis=0) for path in found.values()], axis=0)
    return sorted(np.argsort(-size, kind="stable")[:LARGEST].tolist())


def _names(view: StudyView, outcome: Outcome) -> list[str]:
    """Feature names, from the facts where the computing arm kept them, with the output where there are several."""
    assert outcome.weights is not None
    outputs, count = outcome.weights.shape[1:]
    known = view.facts.get("features") or [f"feature {number}" for number in range(1, count + 1)]
    features = [str(name) for name in known]
    return [f if outputs == 1 else f"{f}, output {output}" for output in range(1, outputs + 1) for f in features]


def draw_paths(numbers: Paths, theme: Theme) -> go.Figure:
    """A panel a penalty, a line a coefficient; a line across marks the selected lambda."""
    titles = [f"weight<br>({penalty_name(penalty)})" for penalty in numbers.paths]
    figure = lambda_panels(theme, titles, numbers.axis)
    for row, (penalty, path) in enumerate(numbers.paths.items(), start=1):
        for name, values in zip(numbers.names, path.weights.T, strict=True):
            _add_line(figure, numbers.axis.place(path.lambda_), values, penalty, escape(name), row)
        figure.add_hline(0, line={"color": NEUTRAL, "width": 1}, row=row, col=1)
        if penalty == numbers.selected[0]:
            _mark_selected(figure, float(numbers.axis.place(np.array(numbers.selected[1]))), row)
    return figure


def _add_line(figure: go.Figure, x: Array, y: Array, penalty: str, name: str, row: int) -> None:
    figure.add_scatter(
        x=rounded(x),
        y=rounded(y),
        mode="lines",
        name=name,
        showlegend=False,
        line={"color": translucent(PENALTY_STYLES[penalty].color, 0.7), "width": 1.5},
        hovertemplate="%{fullData.name}<br>lambda %{x:.4~g}<br>weight %{y:.4~g}<extra></extra>",
        row=row,
        col=1,
    )


def _mark_selected(figure: go.Figure, x: float, row: int) -> None:
    figure.add_vline(x, line={"color": NEUTRAL, "width": 2, "dash": "dash"}, row=row, col=1)
    # Plotly places annotations, unlike shapes, by the logarithm on a logarithmic axis.
    figure.add_annotation(
        x=float(np.log10(x)), y=1, yref="y domain", yanchor="bottom", text="selected", showarrow=False, row=row, col=1
    )
