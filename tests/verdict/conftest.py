"""A law of data whose truth is known in closed form, for the tests of the verdict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from scipy import stats

SHRINKAGE = np.linspace(0.0, 1.6, 17)


@dataclass(frozen=True)
class Law:
    """y = x + noise, x ~ N(0, 1); candidate k predicts shrinkage[k] * x with squared loss."""

    shrinkage: np.ndarray
    noise: float = 1.0

    @property
    def risk(self):
        return (1 - self.shrinkage) ** 2 + self.noise**2

    def losses(self, rng, rows, *, dof=None):
        x = rng.normal(size=rows)
        noise = rng.normal(size=rows) if dof is None else rng.standard_t(dof, size=rows) / np.sqrt(dof / (dof - 2))
        return (x + self.noise * noise - self.shrinkage[:, None] * x) ** 2

    def frame(self):
        """As if shrinkage 1.6 were lambda 0 and less shrinkage more lambda."""
        penalty = np.where(self.shrinkage == self.shrinkage.max(), "none", "l2")
        return pd.DataFrame({"penalty": penalty, "lambda": self.shrinkage.max() - self.shrinkage})


@pytest.fixture(scope="session")
def law():
    return Law(SHRINKAGE)


def at_least(hits, share):
    """Whether so many hits are what one expects of at least this share, less three binomial standard deviations."""
    return np.mean(hits) >= share - 3 * np.sqrt(share * (1 - share) / len(hits))


@pytest.fixture(scope="session")
def holds():
    return at_least


def freedom(values):
    """Degrees of freedom of the means of values (..., rows): as if there were rows / kurtosis rows, 2 to rows - 1."""
    rows = values.shape[-1]
    return np.clip(rows / stats.kurtosis(values, axis=-1, fisher=False) - 1, min(2, rows - 1), rows - 1)


@pytest.fixture(scope="session")
def dof_of():
    return freedom
