"""Training, validation and test loss against lambda: the first thing that a reader wants to see."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import plotly.graph_objects as go

from search.core.arrays import Array, Flags
from search.core.means import fit_means
from search.core.text import words
from search.report.axis import RANK
from search.report.draw import (
    add_band_name,
    add_candidates,
    add_mark,
    add_note,
    add_patch,
    lambda_panels,
    set_focus,
)
from search.report.figures.base import Figure
from search.report.figures.nonzero import Counts, nonzero_counts
from search.report.focus import focus
from search.report.labels import loss_title, rounded
from search.report.placed import HOVER_POINTS, Placed, Spread, spread, thin
from search.report.theme import NEUTRAL, Theme, style_of, translucent
from search.report.view import StudyView
from search.verdict.record import SetPart

LANE: Final = 0.04


class LossCurves(NamedTuple):
    """The losses of all candidates, "training", "validation" and, where it is open, "test", each over replicates.

    `selected` and `best` (on test) are positions. `confidence_set` is the verdict's, `members` its candidates; both
    are None without a verdict. `truth` is the exact risk, (candidates,), where the law of the data is known.
    `one_se` is the lowest validation loss and one standard error of it, `counts` the weights that are not zero;
    `repeated` is what the fits of a candidate are called.
    """

    points: Placed
    losses: dict[str, Spread]
    truth: Array | None
    selected: int
    best: int | None
    confidence_set: tuple[SetPart, ...]
    members: Flags | None
    metric: str | None
    one_se: float
    counts: Counts | None
    repeated: str


def losses(view: StudyView) -> LossCurves | None:
    """All losses against lambda; None without a complete trial."""
    if view.selected is None:
        return None
    results, verdict = view.results, view.verdict
    spreads = {} if results.train_loss is None else {"training": spread(results.train_loss)}
    spreads["validation"] = spread(fit_means(results.validation), results.validation_loss)
    if results.test is not None:
        spreads["test"] = spread(fit_means(results.test), results.test_loss)
    return LossCurves(
        points=view.placed,
        losses=spreads,
        truth=results.criteria.get("true_risk"),
        selected=view.selected,
        best=view.best_on_test,
        confidence_set=() if verdict is None else verdict.confidence_set,
        members=None if view.comparison is None else view.comparison.members[: len(results)],
        metric=view.metric,
        one_se=float(results.validation_loss.min() + results.validation_se[results.validation_loss.argmin()]),
        counts=nonzero_counts(view),
        repeated=view.repeated,
    )


def draw_losses(numbers: LossCurves, theme: Theme) -> go.Figure:
    """One panel a loss, a line a penalty; filled markers are in the confidence set, as are the bars at the bottom."""
    drawn = numbers.points
    titles = [loss_title(kind, numbers.metric) for kind in numbers.losses]
    figure = lambda_panels(theme, titles, drawn.axis, lines=2)
    shown = thin(drawn.x, [numbers.selected, numbers.best], HOVER_POINTS // len(numbers.losses))
    judged = list(numbers.losses)[-1]
    for row, (kind, each) in enumerate(numbers.losses.items(), start=1):
        filled = numbers.members if kind == judged else None
        keep = [each.mean[index] for index in (numbers.selected, numbers.best) if index is not None]
        view = set_focus(figure, focus(each.mean, keep=keep, bands=each), row=row, line=int(row == 1))
        add_candidates(figure, drawn, each, shown, row=row, what=f"{kind} loss", view=view, filled=filled)
        _add_marks(figure, numbers, each, row)
    _add_one_se(figure, numbers)
    _add_counts(figure, numbers.counts)
    add_band_name(figure, numbers.losses.values(), numbers.repeated)
    if numbers.truth is not None:
        _add_truth(figure, numbers, numbers.truth, len(numbers.losses))
    _shade(figure, numbers, len(numbers.losses))
    return figure


def _add_marks(figure: go.Figure, numbers: LossCurves, each: Spread, row: int) -> None:
    for mark, index in (("best on test", numbers.best), ("selected", numbers.selected)):
        if index is not None:
            drawn = numbers.points
            add_mark(figure, mark, drawn.x[index], each.mean[index], drawn.text[index], row=row)


def _add_one_se(figure: go.Figure, numbers: LossCurves) -> None:
    """The line below which a candidate is within one standard error of the lowest validation loss."""
    if np.isfinite(numbers.one_se):
        figure.add_scatter(
            x=rounded(10 ** np.array(numbers.points.axis.layout()["range"])),
            y=rounded([numbers.one_se] * 2),
            mode="lines",
            name="one standard error",
            line={"color": NEUTRAL, "width": 1.5, "dash": "dash"},
            hovertemplate="lowest validation loss and one standard error of it: %{y:.4~g}<extra></extra>",
            row=list(numbers.losses).index("validation") + 1,
            col=1,
        )


def _add_counts(figure: go.Figure, counts: Counts | None) -> None:
    """The numbers of weights that are not zero along the top, as cv.glmnet's plot has them."""
    if counts is None:
        return
    add_note(figure, f"nonzero weights, {words(counts.penalty)}:", line=1, left=True)
    for strength, text in zip(counts.lambda_, counts.texts, strict=True):
        add_note(figure, text)
        # Plotly places annotations by the logarithm on logarithmic axes.
        figure.layout.annotations[-1].update(x=float(np.log10(strength)), xref="x", xanchor="center")


def _add_truth(figure: go.Figure, numbers: LossCurves, truth: Array, row: int) -> None:
    for penalty in sorted(numbers.points.smooth):
        own = np.flatnonzero((numbers.points.penalty == penalty) & np.isfinite(truth))
        own = own[np.argsort(numbers.points.x[own])]
        figure.add_scatter(
            x=rounded(numbers.points.x[own]),
            y=rounded(truth[own]),
            mode="lines",
            name="true risk",
            legendgroup="true risk",
            showlegend=penalty == min(numbers.points.smooth),
            line={"color": NEUTRAL, "width": 1, "dash": "dot"},
            hovertemplate="true risk %{y:.4~g}<extra></extra>",
            row=row,
            col=1,
        )


def _shade(figure: go.Figure, numbers: LossCurves, row: int) -> None:
    """The confidence set's ranges of lambda as bars at the bottom, in a lane for each penalty."""
    axis = numbers.points.axis
    if numbers.confidence_set and axis.name != RANK:
        add_patch(figure, "confidence set", NEUTRAL, bar=True)
    for lane, part in enumerate(numbers.confidence_set if axis.name != RANK else ()):
        low, high = axis.place(np.array([part.lambda_low, part.lambda_high]))
        figure.add_vrect(
            low / 1.06,
            high * 1.06,
            y0=LANE * lane,
            y1=LANE * (lane + 0.7),
            fillcolor=translucent(style_of(part.penalty).color, 0.9),
            line_width=0,
            layer="below",
            row=row,
            col=1,
        )


LOSSES = Figure(
    "losses",
    losses,
    draw_losses,
    title="Loss against lambda",
    question="How do the training, validation and test loss depend on the penalty and its strength?",
    needs="It needs a complete trial.",
)
