"""The marginal likelihood."""

from __future__ import annotations

from search.core.results import Results
from search.verdict.rules.base import Options, Rule, best_score


def pick(results: Results, options: Options) -> int | None:
    """The highest probability of the training data, with the penalty read as a prior (linear, squared loss)."""
    return best_score(results, "evidence", -1.0)


EVIDENCE = Rule("evidence", "evidence", pick)
