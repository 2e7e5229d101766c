"""The figures of a report, in the order in which a reader asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import plotly.graph_objects as go

from search.report.figures.agreement import agreement, draw_agreement
from search.report.figures.curves import curves, draw_curves
from search.report.figures.gap import draw_gap, gap
from search.report.figures.history import draw_history, history
from search.report.figures.losses import draw_losses, losses
from search.report.figures.paths import draw_paths, paths
from search.report.figures.regret import draw_regret, regret
from search.report.figures.rules import draw_rules, rules
from search.report.figures.stability import draw_selections, selections
from search.report.figures.weights import draw_weights, weights
from search.report.theme import Theme
from search.report.view import StudyView

Compute = Callable[[StudyView], Any]
Draw = Callable[[Any, Theme], go.Figure]


class Entry(NamedTuple):
    """One figure: its numbers (None where it does not apply), its drawing, and the question that it answers.

    `needs` says, where the figure is left out, what it would take.
    """

    compute: Compute
    draw: Draw
    title: str
    question: str
    needs: str


FIGURES: Final[dict[str, Entry]] = {
    "losses": Entry(
        losses,
        draw_losses,
        "Loss against lambda",
        "How do the training, validation and test loss depend on the penalty and its strength?",
        "It needs a complete trial.",
    ),
    "regret": Entry(
        regret,
        draw_regret,
        "Regret",
        "Is another candidate surely better than the selected one, or could one be, by more than the tolerance?",
        "It needs a verdict whose bounds are finite.",
    ),
    "gap": Entry(
        gap,
        draw_gap,
        "What the regret is made of",
        "Where is something to be gained: with more validation rows, a finer search, or longer training?",
        "It needs opened test rows.",
    ),
    "weights": Entry(
        weights,
        draw_weights,
        "Weights against lambda",
        "What does the penalty do to the weights: how short do they get, and how many are zero?",
        "It needs a complete trial.",
    ),
    "paths": Entry(
        paths,
        draw_paths,
        "Coefficient paths",
        "Which features keep their weight as lambda grows?",
        "It needs a linear model and two lambdas of one penalty.",
    ),
    "curves": Entry(
        curves,
        draw_curves,
        "Learning curves",
        "Had the training come to its end, and does the validation loss rise again?",
        "It needs a training over epochs; exact solutions have none.",
    ),
    "stability": Entry(
        selections,
        draw_selections,
        "Selection over replicates",
        "Would another split or seed have chosen another penalty or lambda?",
        "It needs two replicates.",
    ),
    "rules": Entry(
        rules,
        draw_rules,
        "Rules compared",
        "What would other rules have chosen, and how well does that do on the test rows?",
        "It needs opened test rows.",
    ),
    "history": Entry(
        history,
        draw_history,
        "History of the search",
        "Did the search still find something better, also on rows that it never saw?",
        "It needs two complete trials.",
    ),
    "agreement": Entry(
        agreement,
        draw_agreement,
        "Validation against test loss",
        "Do the validation rows rank the candidates as the test rows do?",
        "It needs opened test rows and two candidates.",
    ),
}
