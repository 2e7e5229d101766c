"""Coefficient paths: the weights of a linear model, one by one, against lambda."""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

import numpy as np
import plotly.graph_objects as go

from search.core.arrays import Array, Index
from search.core.results import Results
from search.core.text import words
from search.report.axis import LambdaAxis, lambda_axis
from search.report.draw import lambda_panels
from search.report.figures.base import Figure
from search.report.labels import escape, rounded
from search.report.theme import NEUTRAL, Theme, in_order, style_of, translucent
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

    They come from the dense grid, an even one with all else alike, where there is one, else from the trials.
    """
    results = view.evidence.grid or view.results
    if view.selected is None or results.weights is None:
        return None
    sound = np.isfinite(results.weights).all(axis=(1, 2, 3))
    if results.diverged is not None:
        sound &= ~results.diverged.any(axis=1)
    found = _by_penalty(results.take(np.flatnonzero(sound)))
    if not found:
        return None
    chosen = _largest(found)
    names = weight_names(view, results.weights)
    selected = view.results.candidates[view.selected]
    return Paths(
        axis=lambda_axis(np.concatenate([path.lambda_ for path in found.values()])),
        names=[names[index] for index in chosen],
        paths={penalty: path._replace(weights=path.weights[:, chosen]) for penalty, path in found.items()},
        selected=(selected.penalty, selected.lambda_),
    )


def _by_penalty(results: Results) -> dict[str, Path]:
    """Every penalty with two lambdas or more, led by `none`; of several other settings the most frequent ones alone."""
    found = {}
    for penalty in in_order(set(results.penalty) - {"none"}):
        own = _alike(results, np.flatnonzero(results.penalty == penalty))
        if len(set(results.lambda_[own])) > 1:
            found[penalty] = _path(results.take([*_start(results, own), *own]))
    return found


def _start(results: Results, own: Index) -> Index:
    """The candidate `none` that has the same other settings as the path: its lambda 0, where there is one."""
    settings = results.candidates[own[0]].others.items()
    none = np.flatnonzero(results.penalty == "none")
    return none[[results.candidates[place].others.items() <= settings for place in none]][:1]


def _alike(results: Results, own: Index) -> Index:
    """The candidates that differ in lambda alone, as many as there are."""
    rest = [results.candidates[place].replace(lambda_=1.0) for place in own]
    count = Counter(rest)
    most = max(rest, key=count.__getitem__, default=None)
    return own[[each == most for each in rest]]


def _path(results: Results) -> Path:
    order = np.argsort(results.lambda_, kind="stable")
    if len(order) > POINTS:
        order = order[np.linspace(0, len(order) - 1, POINTS).round().astype(int)]
    assert results.weights is not None
    rows = results.weights[order].mean(axis=1, dtype=np.float64).reshape(len(order), -1)
    return Path(results.lambda_[order], rows)


def _largest(found: dict[str, Path]) -> list[int]:
    """The coefficients with the largest absolute value anywhere with a penalty, in their own order."""
    size = np.max([np.abs(path.weights[path.lambda_ > 0]).max(axis=0) for path in found.values()], axis=0)
    return sorted(np.argsort(-size, kind="stable")[:LARGEST].tolist())


def weight_names(view: StudyView, weights: Array) -> list[str]:
    """Feature names, from the evidence where the computing arm kept them, with the output where there are several."""
    outputs, count = weights.shape[2:]
    features = [str(name) for name in view.evidence.features] or [f"feature {each}" for each in range(1, count + 1)]
    if outputs == 1:
        return features
    kept = view.study.coefficients
    names = [f"output {each}" for each in range(1, outputs + 1)] if kept is None else kept.outputs
    return [f"{feature}, {output}" for output in names for feature in features]


def draw_paths(numbers: Paths, theme: Theme) -> go.Figure:
    """A panel a penalty, a line a coefficient; a line across marks the selected lambda."""
    titles = [f"weight<br>({words(penalty)})" for penalty in numbers.paths]
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
        line={"color": translucent(style_of(penalty).color, 0.7), "width": 1.5},
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


PATHS = Figure(
    "paths",
    paths,
    draw_paths,
    title="Coefficient paths",
    question="Which features keep their weight as lambda grows?",
    needs="It needs a linear model and two lambdas of one penalty.",
)
