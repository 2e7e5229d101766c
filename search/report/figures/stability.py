"""The selection over replicates: what each split and seed would have chosen by itself."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from search.report.draw import add_mark, lambda_panels
from search.report.labels import penalty_name, rounded
from search.report.points import Points, points
from search.report.theme import PENALTY_STYLES, Theme
from search.report.view import StudyView
from search.verdict.rules import fit_losses, pick_lowest
from search.verdict.rules import points as rule_points


class Selections(NamedTuple):
    """How many of the `replicates` select each candidate by their own validation loss: `votes` (candidates,)."""

    points: Points
    votes: NDArray[np.intp]
    replicates: int
    selected: int


def selections(view: StudyView) -> Selections | None:
    """What every replicate selects, ties to the larger lambda; None with a single replicate."""
    if view.selected is None or view.validation.shape[1] < 2:
        return None
    losses = fit_losses(view.validation).T
    picks = pick_lowest(losses, rule_points(view.candidates).order)
    votes = np.bincount(picks, minlength=len(view.candidates))
    return Selections(points(view.candidates), votes, len(losses), view.selected)


def draw_selections(numbers: Selections, theme: Theme) -> go.Figure:
    """A stem for every candidate that a replicate selects, as high as the number that do."""
    drawn = numbers.points
    figure = lambda_panels(theme, ["replicates that<br>would select it"], drawn.axis, height=280)
    for penalty in drawn.penalties():
        own = np.flatnonzero((numbers.votes > 0) & (drawn.penalty == penalty))
        if len(own):
            _add_stems(figure, numbers, own, penalty)
    chosen = numbers.selected
    add_mark(figure, "selected", drawn.x[chosen], 0.0, f"{drawn.text[chosen]}<br>over all replicates")
    most = int(numbers.votes.max())
    figure.update_yaxes(range=[-0.12 * most, 1.15 * most], tick0=0, dtick=1 + most // 6)
    return figure


def _add_stems(figure: go.Figure, numbers: Selections, own: NDArray[np.intp], penalty: str) -> None:
    style, votes = PENALTY_STYLES[penalty], numbers.votes[own].astype(float)
    figure.add_scatter(
        x=rounded(numbers.points.x[own]),
        y=rounded(votes),
        mode="markers",
        name=penalty_name(penalty),
        marker={"symbol": style.symbol, "size": 9, "color": style.color},
        error_y={
            "symmetric": False,
            "array": [0.0] * len(own),
            "arrayminus": rounded(votes),
            "color": style.color,
            "thickness": 2,
            "width": 0,
        },
        hovertext=[numbers.points.text[index] for index in own],
        hovertemplate=f"%{{hovertext}}<br>selected by %{{y:d}} of {numbers.replicates} replicates<extra></extra>",
    )
