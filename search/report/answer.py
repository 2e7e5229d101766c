"""The verdict in words, in the parts that the page, the dashboard and a notebook show; without a verdict, why not."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from search.core.text import number
from search.report.view import StudyView
from search.verdict.text import sentences


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdict in parts: `kind` is "yes", "no", "cannot-tell" or "sealed", `short` goes into a title.

    `sentence` says what to do and what is sure, and whether that settles it.
    """

    kind: str
    short: str
    sentence: str
    basis: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def answer_of(view: StudyView) -> Answer:
    """The verdict in words; where there is none yet, what is known, why, and the command that gives one."""
    verdict = view.verdict
    if verdict is not None:
        first, second, *basis = sentences(verdict)
        messages = tuple(warning.message for warning in verdict.warnings)
        return Answer(verdict.answer.replace(" ", "-"), verdict.answer, f"{first} {second}", tuple(basis), messages)
    if view.selected is None:
        return Answer("sealed", "no trial yet", "No trial is complete yet, so nothing is selected.")
    chosen, loss = view.results.candidates[view.selected], view.results.validation_loss[view.selected]
    return Answer(
        "sealed",
        "no verdict yet",
        f"No verdict yet: the test rows are sealed. Selected so far: {chosen}, validation loss {number(loss, 4)}.",
        (
            f"{len(view.results)} candidates are complete. What this page shows comes from training and validation.",
            f"To open the test rows and get a verdict: {shlex.join(['lambda-search', 'verdict', view.study.name])}",
        ),
    )
