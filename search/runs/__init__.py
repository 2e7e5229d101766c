"""The loop of a study, and what confirms it: the computing arm put together.

Imports training, space, samplers, data, models, the ledger, settings and core.
"""

from search.runs.loop import Run
from search.runs.tracker import Progress, Stage

__all__ = ["Progress", "Run", "Stage"]
