"""What a run leaves for optuna-dashboard: the verdict as the study's note and attribute."""

from __future__ import annotations

import warnings
from html import escape
from typing import TYPE_CHECKING, Final

from search.ledger.note import read_note, write_note
from search.report.answer import answer_of
from search.report.view import StudyView

if TYPE_CHECKING:
    from search.ledger import Ledger

VERDICT: Final = "verdict"


def publish(ledger: Ledger, view: StudyView) -> None:
    """Bring the study's note and its attribute "verdict" up to date by one write; none where nothing has changed.

    `view` decides what is shown: that of a sealed study holds no test loss. Figures are drawn when the dashboard asks.
    """
    study, note, sentence = ledger.study(), note_of(view), answer_of(view).sentence
    if study.user_attrs.get(VERDICT) == sentence and read_note(study) == note:
        return
    with ledger.storage.one_write(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*set_metric_names is experimental")
        if view.study.settings:  # somebody else's objective has its own name
            study.set_metric_names(["validation loss"])
        study.set_user_attr(VERDICT, sentence)
        write_note(study, note)


def note_of(view: StudyView) -> str:
    """The verdict as Markdown, the answer first."""
    answer = answer_of(view)
    lines = [
        f"**{escape(answer.sentence, quote=False)}**",
        "",
        *(f"- {escape(line, quote=False)}" for line in answer.basis),
    ]
    if answer.warnings:
        lines += ["", "Warnings:", "", *(f"- {escape(message, quote=False)}" for message in answer.warnings)]
    return "\n".join(lines)
