"""How large the weights are, and how many are left, against lambda."""

from __future__ import annotations

from typing import NamedTuple

import plotly.graph_objects as go

from search.report.draw import add_band_name, add_candidates, add_mark, lambda_panels, set_focus
from search.report.figures.base import Figure
from search.report.focus import Focus, focus
from search.report.placed import HOVER_POINTS, Placed, Spread, spread, thin
from search.report.theme import Theme
from search.report.view import StudyView

TITLES = {"norm": "length of the weights<br>(l2 norm)", "nonzero": "weights that are<br>not zero, %"}
SHARES = Focus(-4, 104, log=False, above=0, below=0)


class Weights(NamedTuple):
    """The l2 norm of all weights, and the per cent of them that are not zero, over what is `repeated`."""

    points: Placed
    norm: Spread
    nonzero: Spread
    selected: int
    repeated: str


def weights(view: StudyView) -> Weights | None:
    """Norm and sparsity against lambda; None without a complete trial."""
    norm, nonzero = view.results.weight_norm, view.results.nonzero
    if view.selected is None or norm is None or nonzero is None:
        return None
    return Weights(view.placed, spread(norm), spread(100 * nonzero), view.selected, view.repeated)


def draw_weights(numbers: Weights, theme: Theme) -> go.Figure:
    """A panel for the norm, and one for the share of weights that are not zero."""
    drawn = numbers.points
    figure = lambda_panels(theme, list(TITLES.values()), drawn.axis)
    shown = thin(drawn.x, [numbers.selected], HOVER_POINTS // 2)
    index = numbers.selected
    ranges = (focus(numbers.norm.mean, keep=[numbers.norm.mean[index]], bands=numbers.norm), SHARES)
    for row, (each, what) in enumerate(((numbers.norm, "norm"), (numbers.nonzero, "not zero, %:")), start=1):
        view = set_focus(figure, ranges[row - 1], row=row)
        add_candidates(figure, drawn, each, shown, row=row, what=what, view=view)
        add_mark(figure, "selected", drawn.x[index], each.mean[index], drawn.text[index], row=row)
    add_band_name(figure, [numbers.norm, numbers.nonzero], numbers.repeated)
    return figure


WEIGHTS = Figure(
    "weights",
    weights,
    draw_weights,
    title="Weights against lambda",
    question="What does the penalty do to the weights: how short do they get, and how many are zero?",
    needs="It needs a complete trial of a model whose weights are known.",
)
