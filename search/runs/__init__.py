"""The loop of a study, and what confirms it: the computing arm put together.

Imports training, space, samplers, data, models, the ledger, settings and core.
"""

from search.runs.loop import Progress, Run

__all__ = ["Progress", "Run"]
