"""The most penalty within the tolerance."""

from __future__ import annotations

from search.core.results import Results
from search.verdict.rules.base import Options, Rule, most_penalised, trained


def pick(results: Results, options: Options) -> int | None:
    """The most penalised candidate whose validation loss exceeds the lowest by at most that share of the lowest."""
    if not trained(results):
        return None
    return most_penalised(results, options.tolerance * abs(float(results.validation_loss.min())))


TOLERANCE = Rule("tolerance", "within tolerance", pick)
