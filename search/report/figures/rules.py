"""Other rules to choose by: what each would have chosen, and what that costs on the test rows."""

from __future__ import annotations

from textwrap import wrap
from typing import Final, NamedTuple

import numpy as np
import plotly.graph_objects as go

from search.core.arrays import Array
from search.core.candidate import Candidate
from search.core.text import number, words
from search.report.draw import add_note, bare
from search.report.figures.base import Figure
from search.report.focus import focus
from search.report.labels import escape, loss_title, rounded
from search.report.theme import NEUTRAL, Theme, in_order, style_of
from search.report.view import StudyView
from search.verdict.rules import RULES

LABEL_WIDTH: Final = 20  # letters in a line beside the dots, so that a phone has room for both
LINE_HEIGHT: Final = 19
FIRM: Final = "\u00a0"

NEAR: Final = 2.0  # times the lowest loss: what costs no more is always drawn to scale


class RuleLosses(NamedTuple):
    """Each rule with its choice and that one's test loss and regret (rules,), and the lowest test loss of all."""

    rules: list[str]
    choices: list[Candidate]
    test_loss: Array
    regret: Array
    lowest: float
    metric: str | None


def rules(view: StudyView) -> RuleLosses | None:
    """The verdict's rules, the cheapest first; None without opened test rows."""
    verdict = view.verdict
    if verdict is None or verdict.best_on_test is None or verdict.best_on_test.test_loss is None:
        return None
    found = [rule for rule in verdict.rules if rule.test_loss is not None and rule.regret is not None]
    if not found:
        return None
    found.sort(key=lambda rule: rule.test_loss or 0.0)
    return RuleLosses(
        rules=[rule.rule for rule in found],
        choices=[rule.candidate for rule in found],
        test_loss=np.array([rule.test_loss for rule in found], float),
        regret=np.array([rule.regret for rule in found], float),
        lowest=verdict.best_on_test.test_loss,
        metric=view.metric,
    )


def draw_rules(numbers: RuleLosses, theme: Theme) -> go.Figure:
    """A dot a rule, named with its choice; a line at the lowest test loss."""
    near = numbers.test_loss[numbers.test_loss <= NEAR * numbers.lowest]
    view = focus(numbers.test_loss, keep=[numbers.lowest, *near])
    labels = [_label(*each) for each in zip(numbers.rules, numbers.choices, strict=True)]
    rows = ["<br>".join(lines) for lines in labels]
    figure = bare(theme, height=150 + (LINE_HEIGHT * max(map(len, labels)) + 4) * len(labels), lines=1)
    for penalty in in_order(choice.penalty for choice in numbers.choices):
        own = [i for i, choice in enumerate(numbers.choices) if choice.penalty == penalty]
        style = style_of(penalty)
        inside = numbers.test_loss[own] <= view.high
        figure.add_scatter(
            x=rounded(view.edged(numbers.test_loss[own])),
            y=[rows[i] for i in own],
            mode="markers",
            name=words(penalty),
            marker={
                "symbol": np.where(inside, style.symbol, "triangle-right").tolist(),
                "size": 12,
                "color": style.color,
            },
            customdata=[number(loss, 4) for loss in numbers.test_loss[own]],
            hovertext=[f"{escape(numbers.choices[i])}<br>regret {number(numbers.regret[i])}" for i in own],
            hovertemplate="%{hovertext}<br>test loss %{customdata}<extra></extra>",
        )
    figure.add_scatter(
        x=rounded([numbers.lowest] * len(rows)),
        y=rows,
        mode="lines",
        name="lowest of all",
        line={"color": NEUTRAL, "width": 2, "dash": "dot"},
        hoverinfo="skip",
    )
    figure.update_yaxes(categoryorder="array", categoryarray=rows[::-1])
    figure.update_xaxes(title_text=loss_title("test", numbers.metric), nticks=3, **view.axis())
    add_note(figure, view.outside("rule").replace("above", "further right"))
    return figure


def _label(rule: str, choice: Candidate) -> list[str]:
    """The rule, then its choice, in lines that break between parameters, and within one where it is too long."""
    parts = ", ".join(part if len(part) >= LABEL_WIDTH else part.replace(" ", FIRM) for part in choice.parts())
    return [
        *wrap(RULES[rule].label, LABEL_WIDTH, break_on_hyphens=False),
        *(escape(line.replace(FIRM, " ")) for line in wrap(parts, LABEL_WIDTH, break_on_hyphens=False)),
    ]


RULE_LOSSES = Figure(
    "rules",
    rules,
    draw_rules,
    title="Rules compared",
    question="What would other rules have chosen, and how well does choosing like that do on the test rows?",
    needs="It needs opened test rows.",
)
