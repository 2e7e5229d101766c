"""The batched training function: the only optimisation loop.

Imports models, penalties, metrics, data, settings and core.
"""

from search.training.batch import Observer
from search.training.train import resolve_device, train

__all__ = ["Observer", "resolve_device", "train"]
