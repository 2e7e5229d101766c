"""Validation against test loss: do the rows that choose and the rows that judge agree on the candidates?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from search.core.arrays import Array, Flags, Index
from search.core.text import words
from search.report.draw import add_mark, add_note, bare, set_focus
from search.report.figures.base import Figure
from search.report.focus import focus
from search.report.labels import loss_title, rounded
from search.report.placed import HOVER_POINTS, Placed, thin
from search.report.theme import NEUTRAL, Theme, style_of
from search.report.view import StudyView


class Agreement(NamedTuple):
    """Validation and test loss of every candidate, infinite where a fit diverged, and their rank correlation.

    `correlation` is Spearman's, over the candidates with finite losses; None where there is none.
    """

    points: Placed
    validation: Array
    test: Array
    correlation: float | None
    selected: int
    best: int | None
    metric: str | None


def agreement(view: StudyView) -> Agreement | None:
    """The two losses of every candidate; None without opened test rows or with a single candidate."""
    validation, test = view.results.validation_loss, view.results.test_loss
    if view.selected is None or test is None or len(test) < 2:
        return None
    return Agreement(
        points=view.placed,
        validation=validation,
        test=test,
        correlation=rank_correlation(validation, test),
        selected=view.selected,
        best=view.best_on_test,
        metric=view.metric,
    )


def rank_correlation(one: Array, other: Array) -> float | None:
    """Spearman's rank correlation of the pairs that are finite; None where either does not vary."""
    both = np.isfinite(one) & np.isfinite(other)
    if both.sum() < 2 or np.ptp(one[both]) == 0 or np.ptp(other[both]) == 0:
        return None
    return float(np.corrcoef(_ranks(one[both]), _ranks(other[both]))[0, 1])


def _ranks(values: Array) -> Array:
    """The place of each value; equal ones share the mean of theirs. scipy.stats takes a second to import."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place])


def draw_agreement(numbers: Agreement, theme: Theme) -> go.Figure:
    """A dot a candidate; on the dotted line both losses are the same."""
    figure = bare(theme, height=480, lines=1)
    finite = np.isfinite(numbers.validation) & np.isfinite(numbers.test)
    shown = thin(numbers.validation, [numbers.selected, numbers.best], HOVER_POINTS)
    for penalty in numbers.points.penalties():
        _add_penalty(figure, numbers, shown[finite[shown] & (numbers.points.penalty[shown] == penalty)], penalty)
    for mark, index in (("best on test", numbers.best), ("selected", numbers.selected)):
        if index is not None and np.isfinite(numbers.validation[index]):
            add_mark(figure, mark, numbers.validation[index], numbers.test[index], numbers.points.text[index])
    _finish(figure, numbers, finite)
    return figure


def _add_penalty(figure: go.Figure, numbers: Agreement, own: Index, penalty: str) -> None:
    style = style_of(penalty)
    figure.add_scatter(
        x=rounded(numbers.validation[own]),
        y=rounded(numbers.test[own]),
        mode="markers",
        name=words(penalty),
        marker={"symbol": style.symbol, "size": 8, "color": style.color, "opacity": 0.8},
        hovertext=[numbers.points.text[index] for index in own],
        hovertemplate="%{hovertext}<br>validation loss %{x:.4~g}<br>test loss %{y:.4~g}<extra></extra>",
    )


def _finish(figure: go.Figure, numbers: Agreement, finite: Flags) -> None:
    """Axis titles with the correlation, the line of equal losses, and one range for both."""
    values = np.concatenate([numbers.validation[finite], numbers.test[finite]])
    if len(values):
        ends = rounded([values.min(), values.max()])
        line = {"color": NEUTRAL, "width": 1, "dash": "dot"}
        figure.add_scatter(x=ends, y=ends, mode="lines", line=line, name="equal", hoverinfo="skip")
    figure.update_xaxes(title_text=loss_title("validation", numbers.metric), nticks=5)
    figure.update_yaxes(title_text=loss_title("test", numbers.metric), nticks=8)
    view = focus(values, keep=[numbers.validation[numbers.selected], numbers.test[numbers.selected]])
    figure.update_xaxes(**view.axis())
    set_focus(figure, view)
    if numbers.correlation is not None:
        add_note(figure, f"rank correlation {numbers.correlation:.2f}", left=True)


AGREEMENT = Figure(
    "agreement",
    agreement,
    draw_agreement,
    title="Validation against test loss",
    question="Do the validation rows rank the candidates as the test rows do?",
    needs="It needs two candidates and opened test rows that are no validation rows too.",
)
