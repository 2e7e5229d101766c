"""A study in Python and in notebooks: what its ledger holds, its verdict, and its figures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from search.records import Array
from search.report.view import StudyView
from search.verdict import Verdict

if TYPE_CHECKING:
    import pandas as pd

    from search.ledger import StudyLedger
    from search.report.gallery import Gallery
    from search.settings import Settings


class StudyLosses(NamedTuple):
    """The loss of every held-out row, for the distinct complete candidates in the order of `LoadedStudy.candidates`.

    `validation` has shape (candidates, replicates, validation rows), `test` (candidates, fits, test rows); `test` is
    None as long as the test rows are sealed, and where there are none.
    """

    validation: Array
    test: Array | None


@dataclass(frozen=True)
class LoadedStudy:
    """A study as it was when it was loaded."""

    view: StudyView

    @property
    def name(self) -> str:
        """The study's name."""
        return self.view.name

    @property
    def trials(self) -> pd.DataFrame:
        """One row a trial in any state, with the columns of an export."""
        return self.view.trials

    @property
    def candidates(self) -> pd.DataFrame:
        """The complete trials, each distinct candidate once."""
        return self.view.candidates

    @property
    def losses(self) -> StudyLosses:
        """The losses of the candidates."""
        return StudyLosses(self.view.validation, self.view.test)

    @property
    def verdict(self) -> Verdict | None:
        """The verdict; None as long as the test rows are sealed."""
        return self.view.verdict

    @cached_property
    def figures(self) -> Gallery:
        """Name -> plotly figure, drawn when it is asked for; those that do not apply are not in it."""
        from search.report.gallery import Gallery

        return Gallery(self.view)

    def __repr__(self) -> str:
        return f"<study {self.name!r}: {len(self.trials)} trials>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the verdict's sentence, the leading trials, and the main figure."""
        from search.report.answer import answer_of
        from search.report.tables import leading_trials

        main = next(iter(self.figures.values()), None)
        parts = [f"<h3>{escape(self.name)}</h3>", f"<p>{escape(answer_of(self.view).sentence)}</p>"]
        parts.append(leading_trials(self.view).to_html(index=False, escape=True, border=0))
        return "".join(parts + ([] if main is None else [main.to_html(full_html=False, include_plotlyjs=True)]))


def load(name: str, storage: str | None = None) -> LoadedStudy:
    """A study of the storage (default `runs/ledger.journal`), for Python and notebooks; opens nothing that is sealed.

    Raises `UserError` for a storage or a study that is not there.
    """
    from search.ledger import StudyLedger, open_storage

    return LoadedStudy(view_of(StudyLedger.load(open_storage(storage, create=False), name)))


def view_of(ledger: StudyLedger, settings: Settings | None = None) -> StudyView:
    """The view of a study, with its verdict where that opens nothing that is sealed.

    Confidence and tolerance are those of `settings`, by default of the study file that it was last run with.
    """
    from search.settings import Settings
    from search.verdict.study import judge_study

    if ledger.selected() is None or (ledger.sealed and ledger.has_test()):
        return StudyView.of(ledger)
    asked = (settings or Settings.parse(ledger.settings)).verdict
    return StudyView.of(ledger, judge_study(ledger, confidence=asked.confidence, tolerance=asked.tolerance))
