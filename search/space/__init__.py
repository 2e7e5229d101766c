"""What may be searched, and the only place that knows Optuna's parameters.

Imports settings, samplers, penalties and core; the data's `Task` for an automatic range.
"""

from search.space.dimension import Dimension
from search.space.search_space import SearchSpace

__all__ = ["Dimension", "SearchSpace"]
