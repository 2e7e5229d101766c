"""The judging arm: losses in, verdict out; neither torch nor optuna."""

from search.verdict.evidence import Evidence, Sweep
from search.verdict.judge import judge
from search.verdict.record import Verdict
from search.verdict.text import describe

__all__ = ["Evidence", "Sweep", "Verdict", "describe", "judge"]
