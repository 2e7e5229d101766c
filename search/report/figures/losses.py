"""Training, validation and test loss against lambda: the first thing that a reader wants to see."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import plotly.graph_objects as go

from search.records import Array, Flags
from search.report.draw import add_candidates, add_mark, add_patch, lambda_panels, logarithmic
from search.report.labels import loss_title, rounded
from search.report.points import HOVER_POINTS, Points, Spread, fit_means, points, spread, thin
from search.report.theme import NEUTRAL, PENALTY_STYLES, Theme, translucent
from search.report.view import StudyView
from search.verdict.record import SetPart
from search.verdict.rules import mean_losses

LANE: Final = 0.04


class Losses(NamedTuple):
    """The losses of all candidates, "training", "validation" and, where it is open, "test", each over replicates.

    `selected` and `best` (on test) are positions. `confidence_set` is the verdict's, `members` its candidates; both
    are None without a verdict. `truth` is the exact risk, (candidates,), where the law of the data is known.
    """

    points: Points
    losses: dict[str, Spread]
    truth: Array | None
    selected: int
    best: int | None
    confidence_set: tuple[SetPart, ...]
    members: Flags | None
    metric: str | None


def losses(view: StudyView) -> Losses | None:
    """All losses against lambda; None without a complete trial."""
    if view.selected is None:
        return None
    spreads = {"training": spread(np.stack([outcome.train_loss for outcome in view.outcomes]))}
    spreads["validation"] = spread(fit_means(view.validation), mean_losses(view.validation))
    if view.test is not None:
        spreads["test"] = spread(fit_means(view.test), mean_losses(view.test))
    verdict = view.verdict
    return Losses(
        points=points(view.candidates),
        losses=spreads,
        truth=_truth(view),
        selected=view.selected,
        best=best_on_test(view),
        confidence_set=() if verdict is None else verdict.confidence_set,
        members=None if verdict is None else _members(view, verdict.confidence_set),
        metric=view.metric,
    )


def best_on_test(view: StudyView) -> int | None:
    """Position of the verdict's best candidate on the test rows."""
    if view.verdict is None or view.verdict.best_on_test is None:
        return None
    return int(np.flatnonzero(view.candidates["trial"] == view.verdict.best_on_test.trial)[0])


def _members(view: StudyView, parts: tuple[SetPart, ...]) -> Flags:
    trials = [trial for part in parts for trial in part.trials]
    return view.candidates["trial"].isin(trials).to_numpy(dtype=bool)


def _truth(view: StudyView) -> Array | None:
    """The exact risks that the computing arm kept as the fact "true_risk", aligned with the fact "trials"."""
    if "true_risk" not in view.facts:
        return None
    known = dict(zip(view.facts["trials"], view.facts["true_risk"], strict=True))
    return view.candidates["trial"].map(known).to_numpy(np.float64)


def draw_losses(numbers: Losses, theme: Theme) -> go.Figure:
    """One panel a loss, a line a penalty; filled markers are in the confidence set, which is shaded."""
    drawn = numbers.points
    figure = lambda_panels(theme, [loss_title(kind, numbers.metric) for kind in numbers.losses], drawn.axis)
    shown = thin(drawn.x, [numbers.selected, numbers.best], HOVER_POINTS // len(numbers.losses))
    judged = list(numbers.losses)[-1]
    for row, (kind, each) in enumerate(numbers.losses.items(), start=1):
        filled = numbers.members if kind == judged else None
        add_candidates(figure, drawn, each, shown, row=row, what=f"{kind} loss", filled=filled)
        logarithmic(figure, row, each.mean)
        _add_marks(figure, numbers, each, row)
    if numbers.truth is not None:
        _add_truth(figure, numbers, numbers.truth, len(numbers.losses))
    _shade(figure, numbers, len(numbers.losses))
    return figure


def _add_marks(figure: go.Figure, numbers: Losses, each: Spread, row: int) -> None:
    for mark, index in (("best on test", numbers.best), ("selected", numbers.selected)):
        if index is not None:
            drawn = numbers.points
            add_mark(figure, mark, drawn.x[index], each.mean[index], drawn.text[index], row=row)


def _add_truth(figure: go.Figure, numbers: Losses, truth: Array, row: int) -> None:
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


def _shade(figure: go.Figure, numbers: Losses, row: int) -> None:
    """The confidence set's range of lambda, lightly, and as a bar at the bottom in a lane for each penalty."""
    axis = numbers.points.axis
    if numbers.confidence_set:
        add_patch(figure, "confidence set (shaded, filled)", translucent(NEUTRAL, 0.4))
    for lane, part in enumerate(numbers.confidence_set):
        low, high = axis.place(np.array([part.lambda_low, part.lambda_high]))
        color = PENALTY_STYLES[part.penalty].color
        bottom = LANE * lane
        for opacity, ends in ((0.1, (0, 1)), (0.9, (bottom, bottom + 0.7 * LANE))):
            figure.add_vrect(
                low / 1.06,
                high * 1.06,
                y0=ends[0],
                y1=ends[1],
                fillcolor=translucent(color, opacity),
                line_width=0,
                layer="below",
                row=row,
                col=1,
            )
