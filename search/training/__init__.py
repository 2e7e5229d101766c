"""The batched training function: the only optimisation loop."""

from search.training.train import Watch, resolve_device, train

__all__ = ["Watch", "resolve_device", "train"]
