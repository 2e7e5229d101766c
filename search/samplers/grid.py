"""A grid, which the search space lays out itself: Optuna is asked with fixed values, and only finishes what is left."""

from search.samplers.base import Sampler
from search.samplers.random import make

GRID = Sampler("grid", make)
