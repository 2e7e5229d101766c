"""The search's history: did its later choices still help on rows that it never saw, or did it overtune?"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from search.records import Array
from search.report.draw import Index, logarithmic, panels
from search.report.labels import loss_title, penalty_name, rounded, short
from search.report.points import HOVER_POINTS, points, thin
from search.report.theme import PENALTY_STYLES, Theme
from search.report.view import StudyView
from search.verdict.rules import mean_losses

PARAMETERS: Final = ["penalty", "lambda", "l1_ratio"]
INCUMBENT: Final = {"validation": "#0072b2", "test": "#d55e00"}


class History(NamedTuple):
    """The completed trials in their order, and the incumbent: the lowest validation loss so far. All (trials,).

    `test` is the incumbent's test loss, None while the test rows are sealed. `overtuning` is what the last incumbent
    loses on the test rows against the best of all incumbents (Schneider, Bischl, Feurer 2025), 0 if it is the best.
    """

    trial: NDArray[np.int64]
    penalty: NDArray[np.str_]
    text: list[str]
    loss: Array
    incumbent: Array
    test: Array | None
    overtuning: float | None
    metric: str | None


def history(view: StudyView) -> History | None:
    """The search's history; None with fewer than two complete trials."""
    frame = view.trials[view.trials["state"] == "complete"].reset_index(drop=True)
    if len(frame) < 2:
        return None
    loss = frame["validation_loss"].to_numpy(np.float64)
    best = _incumbents(loss)
    test = None if view.test is None else mean_losses(view.test)[_candidate_of(view, frame)][best]
    comparable = test is not None and np.isfinite(test).all()
    return History(
        trial=frame["trial"].to_numpy(np.int64),
        penalty=frame["penalty"].to_numpy(dtype=str),
        text=points(frame).text,
        loss=loss,
        incumbent=loss[best],
        test=test,
        overtuning=float(test[-1] - test.min()) if test is not None and comparable else None,
        metric=view.metric,
    )


def _incumbents(loss: Array) -> Index:
    """Position of the lowest loss so far, the first one of equals, (trials,)."""
    lowest = np.minimum.accumulate(loss)
    new = np.concatenate([[True], lowest[1:] < lowest[:-1]])
    return np.maximum.accumulate(np.where(new, np.arange(len(loss)), 0))


def _candidate_of(view: StudyView, frame: pd.DataFrame) -> Index:
    """Position of each trial's candidate."""
    known = {key: place for place, key in enumerate(_keys(view.candidates))}
    return np.array([known[key] for key in _keys(frame)], dtype=np.intp)


def _keys(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    return [tuple(map(str, row)) for row in frame[PARAMETERS].itertuples(index=False)]


def draw_history(numbers: History, theme: Theme) -> go.Figure:
    """Above all trials, below the incumbent's losses on a scale of their own."""
    titles = [loss_title("validation", numbers.metric), "loss of the<br>best so far"]
    figure = panels(theme, titles)
    _add_trials(figure, numbers)
    _add_incumbent(figure, numbers, "validation", numbers.incumbent)
    if numbers.test is not None:
        _add_incumbent(figure, numbers, "test", numbers.test)
    logarithmic(figure, 1, numbers.loss)
    logarithmic(figure, 2, numbers.incumbent, *([] if numbers.test is None else [numbers.test]))
    if numbers.overtuning is not None:
        text = f"overtuning {short(numbers.overtuning)}"
        figure.add_annotation(
            text=text, x=1, y=1, xref="x2 domain", yref="y2 domain", xanchor="right", yanchor="top", showarrow=False
        )
    figure.update_xaxes(title_text="trial", row=2, col=1)
    return figure


def _add_trials(figure: go.Figure, numbers: History) -> None:
    shown = thin(numbers.trial.astype(float), limit=HOVER_POINTS - 600)
    for penalty in PENALTY_STYLES:
        own = shown[(numbers.penalty[shown] == penalty) & np.isfinite(numbers.loss[shown])]
        if len(own):
            style = PENALTY_STYLES[penalty]
            figure.add_scatter(
                x=numbers.trial[own].tolist(),
                y=rounded(numbers.loss[own]),
                mode="markers",
                name=penalty_name(penalty),
                marker={"symbol": style.symbol, "size": 7, "color": style.color},
                hovertext=[numbers.text[index] for index in own],
                hovertemplate="%{hovertext}<br>validation loss %{y:.4~g}<extra></extra>",
                row=1,
                col=1,
            )


def _add_incumbent(figure: go.Figure, numbers: History, kind: str, values: Array) -> None:
    """Steps: drawn where the incumbent changes, and at the end."""
    changes = np.flatnonzero(np.diff(values, prepend=np.nan) != 0)
    own = np.union1d(changes, [len(values) - 1])
    own = own[np.isfinite(values[own])]
    figure.add_scatter(
        x=numbers.trial[own].tolist(),
        y=rounded(values[own]),
        mode="lines+markers",
        name=kind,
        line={"color": INCUMBENT[kind], "width": 2, "shape": "hv", "dash": "solid" if kind == "validation" else "dash"},
        marker={"size": 5},
        hovertemplate=f"{kind} loss of the best until trial %{{x}}: %{{y:.4~g}}<extra></extra>",
        row=2,
        col=1,
    )
