"""The judging arm: results in, verdict out; neither torch nor optuna. Imports core and the penalties' registry."""

from search.core.evidence import Evidence
from search.verdict.comparison import Comparison
from search.verdict.judge import judge, verdict_of
from search.verdict.record import Verdict
from search.verdict.text import describe

__all__ = ["Comparison", "Evidence", "Verdict", "describe", "judge", "verdict_of"]
