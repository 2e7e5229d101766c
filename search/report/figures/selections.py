"""How stable the selection is: what each split and seed chooses by itself, or each turn of a rotation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from search.core.text import words
from search.report.draw import add_mark, lambda_panels
from search.report.figures.base import Figure
from search.report.labels import rounded
from search.report.placed import Placed
from search.report.theme import Theme, style_of
from search.report.view import StudyView
from search.verdict.stability import picks


class Selections(NamedTuple):
    """How many of the `replicates`, which are called `repeated`, select each candidate: `votes` (candidates,)."""

    points: Placed
    votes: NDArray[np.intp]
    replicates: int
    selected: int
    repeated: str


def selections(view: StudyView) -> Selections | None:
    """What every replicate selects by its own validation loss, in a rotation every fold's search without the fold.

    Ties go to the larger lambda; None with a single replicate.
    """
    if view.selected is None or view.results.validation.shape[1] < 2:
        return None
    case = view.comparison
    rotated = None if case is None or case.inner is None else case.picked
    picked = picks(view.results) if rotated is None else rotated.ravel()
    votes = np.bincount(picked, minlength=len(view.results))
    return Selections(view.placed, votes, len(picked), view.selected, view.repeated)


def draw_selections(numbers: Selections, theme: Theme) -> go.Figure:
    """A stem for every candidate that a replicate selects, as high as the number that do."""
    drawn = numbers.points
    figure = lambda_panels(theme, [f"{numbers.repeated} that<br>select it"], drawn.axis, height=280)
    for penalty in drawn.penalties():
        own = np.flatnonzero((numbers.votes > 0) & (drawn.penalty == penalty))
        if len(own):
            _add_stems(figure, numbers, own, penalty)
    chosen = numbers.selected
    add_mark(figure, "selected", drawn.x[chosen], 0.0, f"{drawn.text[chosen]}<br>over all {numbers.repeated}")
    most = int(numbers.votes.max())
    figure.update_yaxes(range=[-0.12 * most, 1.15 * most], tick0=0, dtick=1 + most // 6)
    return figure


def _add_stems(figure: go.Figure, numbers: Selections, own: NDArray[np.intp], penalty: str) -> None:
    style, votes, repeated = style_of(penalty), numbers.votes[own].astype(float), numbers.repeated
    figure.add_scatter(
        x=rounded(numbers.points.x[own]),
        y=rounded(votes),
        mode="markers",
        name=words(penalty),
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
        hovertemplate=f"%{{hovertext}}<br>selected by %{{y:d}} of {numbers.replicates} {repeated}<extra></extra>",
    )


SELECTIONS = Figure(
    "stability",
    selections,
    draw_selections,
    title="Stability of the selection",
    question="Would another split or seed have chosen another penalty or lambda?",
    needs="It needs two replicates.",
)
