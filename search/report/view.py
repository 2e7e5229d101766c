"""What a report shows: a study as it stood at one moment, and its verdict."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from search.core.results import Results
from search.core.snapshot import Snapshot
from search.report.placed import Placed, placed
from search.settings import Settings
from search.verdict import Comparison, Verdict, verdict_of

if TYPE_CHECKING:
    from search.core.evidence import Evidence
    from search.verdict.record import Scope


@dataclass(frozen=True, eq=False)
class StudyView:
    """A study, its verdict, and the comparison that it was read from; neither while the test rows are sealed."""

    study: Snapshot
    comparison: Comparison | None = None
    verdict: Verdict | None = None

    def __repr__(self) -> str:
        return f"<view of study {self.study.name!r}, {'no verdict' if self.verdict is None else self.verdict.answer}>"

    @classmethod
    def judged(cls, study: Snapshot, *, confidence: float, tolerance: float, scope: Scope) -> StudyView:
        """The view of a study with its verdict."""
        comparison = Comparison.from_snapshot(study, confidence=confidence, tolerance=tolerance, scope=scope)
        return cls(study, comparison, verdict_of(comparison))

    @property
    def results(self) -> Results:
        """The complete trials, each candidate once."""
        return self.study.results

    @property
    def selected(self) -> int | None:
        """The selected candidate's position in the results."""
        return self.study.selected

    @property
    def evidence(self) -> Evidence:
        """What is known beside the losses."""
        return self.study.evidence

    @property
    def best_on_test(self) -> int | None:
        """Position of the verdict's best candidate on the test rows; None where it is one of the dense grid."""
        if self.verdict is None or self.verdict.best_on_test is None:
            return None
        return self.results.position.get(self.verdict.best_on_test.candidate)

    @property
    def repeated(self) -> str:
        """What the fits of a candidate are called: "folds" where the rows take turns, else "replicates"."""
        return "folds" if self.study.settings.get("split", {}).get("test_folds") else "replicates"

    @cached_property
    def placed(self) -> Placed:
        """The candidates on the lambda axis, as several figures draw them."""
        return placed(self.results)

    @cached_property
    def metric(self) -> str | None:
        """The name of the evaluation loss; None where neither the study file nor its source of data says it."""
        if not self.study.settings:
            return None
        settings = Settings.stored(self.study.settings)
        if settings.search.metric is not None:
            return settings.search.metric
        return None if settings.data.task is None else settings.search.metric_for(settings.data.task)
