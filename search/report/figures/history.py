"""The search's history: did its later choices still help on rows that it never saw, or did it overtune?"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from search.core.arrays import Array, Index
from search.core.choice import tied
from search.core.text import number, words
from search.report.draw import add_note, panels, set_focus
from search.report.figures.base import Figure
from search.report.focus import focus
from search.report.labels import hover, loss_title, rounded
from search.report.placed import HOVER_POINTS, thin
from search.report.theme import NEUTRAL, Theme, in_order, style_of
from search.report.view import StudyView

INCUMBENT: Final = {"validation": "solid", "test": "dash"}  # grey: the colours are the penalties'


class History(NamedTuple):
    """The completed trials in their order, and the incumbent: the lowest validation loss so far. All (trials,).

    `test` is the incumbent's test loss, None while the test rows are sealed. `overtuning` is what the last incumbent
    loses on the test rows against the best of all incumbents (Schneider, Bischl, Feurer 2025), 0 if it is the best.
    """

    trial: NDArray[np.int64]
    penalty: Any
    text: list[str]
    loss: Array
    incumbent: Array
    test: Array | None
    overtuning: float | None
    metric: str | None


def history(view: StudyView) -> History | None:
    """The search's history; None with fewer than two complete trials."""
    results, place = view.results, view.study.complete
    if len(place) < 2:
        return None
    trials = view.study.trials
    numbers = trials.loc[trials["state"] == "complete", "trial"].to_numpy(np.int64)
    loss = results.validation_loss[place]
    best = _incumbents(loss)
    test = None if results.test_loss is None else results.test_loss[place][best]
    comparable = test is not None and np.isfinite(test).all()
    return History(
        trial=numbers,
        penalty=results.penalty[place],
        text=[hover(results.candidates[index], trial) for index, trial in zip(place, numbers.tolist(), strict=True)],
        loss=loss,
        incumbent=loss[best],
        test=test,
        overtuning=float(test[-1] - test.min()) if test is not None and comparable else None,
        metric=view.metric,
    )


def _incumbents(loss: Array) -> Index:
    """Position of the lowest loss so far, the first one of equals, (trials,)."""
    lowest = np.minimum.accumulate(loss)
    new = np.concatenate([[True], ~tied(lowest[:-1], lowest[1:])])
    return np.maximum.accumulate(np.where(new, np.arange(len(loss)), 0))


def draw_history(numbers: History, theme: Theme) -> go.Figure:
    """Above all trials, below the incumbent's losses on a scale of their own."""
    titles = [loss_title("validation", numbers.metric), "loss of the<br>best so far"]
    figure = panels(theme, titles)
    _add_trials(figure, numbers)
    _add_incumbent(figure, numbers, "validation", numbers.incumbent)
    if numbers.test is not None:
        _add_incumbent(figure, numbers, "test", numbers.test)
    known = [numbers.incumbent] if numbers.test is None else [numbers.incumbent, numbers.test]
    set_focus(figure, focus(numbers.loss, keep=numbers.incumbent[-1:].tolist()))
    set_focus(figure, focus(np.concatenate(known), keep=[each[-1] for each in known]), row=2)
    if numbers.overtuning is not None:
        add_note(figure, f"overtuning {number(numbers.overtuning)}", row=2, left=True)
    figure.update_xaxes(title_text="trial", row=2, col=1)
    return figure


def _add_trials(figure: go.Figure, numbers: History) -> None:
    shown = thin(numbers.trial.astype(float), limit=HOVER_POINTS - 600)
    for penalty in in_order(numbers.penalty):
        own = shown[(numbers.penalty[shown] == penalty) & np.isfinite(numbers.loss[shown])]
        if len(own):
            style = style_of(penalty)
            figure.add_scatter(
                x=numbers.trial[own].tolist(),
                y=rounded(numbers.loss[own]),
                mode="markers",
                name=words(penalty),
                marker={"symbol": style.symbol, "size": 7, "color": style.color},
                hovertext=[numbers.text[index] for index in own],
                hovertemplate="%{hovertext}<br>validation loss %{y:.4~g}<extra></extra>",
                row=1,
                col=1,
            )


def _add_incumbent(figure: go.Figure, numbers: History, kind: str, values: Array) -> None:
    """Steps: drawn where the incumbent changes, and at the end."""
    changes = np.flatnonzero(values[1:] != values[:-1]) + 1
    own = np.union1d(changes, [0, len(values) - 1])
    own = own[np.isfinite(values[own])]
    figure.add_scatter(
        x=numbers.trial[own].tolist(),
        y=rounded(values[own]),
        mode="lines+markers",
        name=f"best so far, {kind}",
        line={"color": NEUTRAL, "width": 2, "shape": "hv", "dash": INCUMBENT[kind]},
        marker={"size": 5},
        hovertemplate=f"{kind} loss of the best until trial %{{x}}: %{{y:.4~g}}<extra></extra>",
        row=2,
        col=1,
    )


HISTORY = Figure(
    "history",
    history,
    draw_history,
    title="History of the search",
    question="Did the search still find something better, also on rows that it never saw?",
    needs="It needs two complete trials.",
)
