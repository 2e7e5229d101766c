"""Generalised cross-validation."""

from __future__ import annotations

from search.core.results import Results
from search.verdict.rules.base import Options, Rule, best_score


def pick(results: Results, options: Options) -> int | None:
    """The lowest generalised cross-validation score: a formula instead of validation rows (linear, squared loss)."""
    return best_score(results, "gcv", 1.0)


GCV = Rule("gcv", "generalised cross-validation", pick)
