"""The loop of a study, and the sweep that confirms it: the computing arm put together.

Imports training, space, samplers, data, models, the ledger, settings and core.
"""

from search.runs.loop import Progress, Run

__all__ = ["Progress", "Run"]
