"""The lowest validation loss."""

from __future__ import annotations

from search.core.results import Results
from search.verdict.rules.base import Options, Rule


def pick(results: Results, options: Options) -> int:
    """The candidate with the lowest validation loss; among ties the one with the largest lambda."""
    return results.lowest(results.validation_loss)


ARGMIN = Rule("argmin", "lowest loss", pick)
