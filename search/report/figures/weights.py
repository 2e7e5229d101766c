"""How large the weights are, and how many are left, against lambda."""

from __future__ import annotations

from typing import NamedTuple

import plotly.graph_objects as go

from search.report.draw import add_candidates, add_mark, lambda_panels, logarithmic
from search.report.figures.base import Figure
from search.report.placed import HOVER_POINTS, Placed, Spread, spread, thin
from search.report.theme import Theme
from search.report.view import StudyView

TITLES = {"norm": "length of the weights<br>(l2 norm)", "nonzero": "weights that are<br>not zero, %"}


class Weights(NamedTuple):
    """The l2 norm of all weights, and the per cent of them that are not zero, over replicates."""

    points: Placed
    norm: Spread
    nonzero: Spread
    selected: int


def weights(view: StudyView) -> Weights | None:
    """Norm and sparsity against lambda; None without a complete trial."""
    norm, nonzero = view.results.weight_norm, view.results.nonzero
    if view.selected is None or norm is None or nonzero is None:
        return None
    return Weights(view.placed, spread(norm), spread(100 * nonzero), view.selected)


def draw_weights(numbers: Weights, theme: Theme) -> go.Figure:
    """A panel for the norm, and one for the share of weights that are not zero."""
    drawn = numbers.points
    figure = lambda_panels(theme, list(TITLES.values()), drawn.axis)
    shown = thin(drawn.x, [numbers.selected], HOVER_POINTS // 2)
    for row, (each, what) in enumerate(((numbers.norm, "norm"), (numbers.nonzero, "not zero, %:")), start=1):
        add_candidates(figure, drawn, each, shown, row=row, what=what)
        index = numbers.selected
        add_mark(figure, "selected", drawn.x[index], each.mean[index], drawn.text[index], row=row)
    logarithmic(figure, 1, numbers.norm.mean)
    figure.update_yaxes(range=[-4, 104], row=2, col=1)
    return figure


WEIGHTS = Figure(
    "weights",
    weights,
    draw_weights,
    title="Weights against lambda",
    question="What does the penalty do to the weights: how short do they get, and how many are zero?",
    needs="It needs a complete trial of a model whose weights are known.",
)
