"""Squared loss where all is known: a linear population, exact l2 and l1 fits for every lambda, and their true risk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import lars_path


@dataclass(frozen=True)
class Population:
    """y = x @ weight + bias + noise * e, x ~ N(0, I); e is standard normal, or Student's t scaled to variance 1."""

    weight: np.ndarray
    bias: float
    noise: float
    dof: float | None = None

    def draw(self, rng, rows):
        """Inputs (rows, features) and targets (rows,)."""
        x = rng.normal(size=(rows, len(self.weight)))
        return x, x @ self.weight + self.bias + self.noise * self._errors(rng, rows)

    def _errors(self, rng, rows):
        if self.dof is None:
            return rng.normal(size=rows)
        return rng.standard_t(self.dof, size=rows) * np.sqrt((self.dof - 2) / self.dof)

    def risk(self, fits):
        """Expected squared error on a new row, shape (candidates,)."""
        distance = np.square(fits.weights - self.weight).sum(axis=-1)
        return distance + np.square(fits.biases - self.bias) + self.noise**2


@dataclass(frozen=True)
class Fits:
    """One training set's fits: weights (candidates, features), biases (candidates,), and two scores (candidates,).

    `gcv` is the generalised cross-validation score, `evidence` the log marginal likelihood; NaN where there is none.
    """

    weights: np.ndarray
    biases: np.ndarray
    gcv: np.ndarray
    evidence: np.ndarray

    def losses(self, x, y):
        """Squared errors (candidates, rows)."""
        return np.square(self.weights @ x.T + self.biases[:, None] - y)


def ridge(x, y, lambdas):
    """Minimises 1/2 mean squared error + lambda/2 |w|^2 for every lambda > 0; lambda = 0: the least norm (first)."""
    n, centre, level = len(y), x.mean(axis=0), y.mean()
    left, values, right = np.linalg.svd(x - centre, full_matrices=False)
    kept = values > values[0] * max(x.shape) * np.finfo(float).eps
    left, values, right = left[:, kept], values[kept], right[kept]
    projected = left.T @ (y - level)
    factor = values**2 / (values**2 + n * lambdas[:, None])  # (candidates, rank)
    weights = (factor * projected / values) @ right
    outside = max(np.square(y - level).sum() - np.square(projected).sum(), 0.0)
    residual = np.square((1 - factor) * projected).sum(axis=1) + outside
    return Fits(
        weights,
        level - weights @ centre,
        generalised_cross_validation(residual, 1 + factor.sum(axis=1), n),
        _evidence(values, projected, outside, n, lambdas),
    )


def generalised_cross_validation(residual, dof, n):
    """n RSS / (n - degrees of freedom)^2 (Golub, Heath, Wahba 1979); NaN where no degree of freedom is left."""
    left = n - dof
    return np.where(left > 1e-6, n * residual / np.maximum(left, 1e-6) ** 2, np.nan)


def _evidence(values, projected, outside, n, lambdas):
    """Log marginal likelihood of the centred targets, up to a constant, at its best noise variance s^2.

    Prior w ~ N(0, s^2 / (n lambda)), so the covariance is s^2 (I + X X' / (n lambda)) (MacKay 1992).
    """
    found = np.full(len(lambdas), np.nan)
    positive = lambdas > 0
    stretch = 1 + values**2 / (n * lambdas[positive, None])
    variance = (np.square(projected) / stretch).sum(axis=1) + outside
    found[positive] = -0.5 * (n - 1) * np.log(variance / (n - 1)) - 0.5 * np.log(stretch).sum(axis=1)
    return found


def lasso(x, y, lambdas):
    """Minimises 1/2 mean squared error + lambda |w|_1 for every lambda > 0 by least angle regression.

    Between two knots of the path the weights are linear in lambda. For lambda = 0 (first): the least norm. The degrees
    of freedom are the nonzero weights (Zou, Hastie, Tibshirani 2007).
    """
    n, centre, level = len(y), x.mean(axis=0), y.mean()
    knots, _, path = lars_path(x - centre, y - level, method="lasso")
    least_norm = ridge(x, y, np.zeros(1)).weights
    between = np.stack([np.interp(lambdas[1:], knots[::-1], weight[::-1]) for weight in path], axis=1)
    weights = np.concatenate([least_norm, between])
    biases = level - weights @ centre
    residual = np.square(weights @ x.T + biases[:, None] - y).sum(axis=1)
    dof = np.append(min(n, x.shape[1] + 1), 1 + (between != 0).sum(axis=1))
    return Fits(weights, biases, generalised_cross_validation(residual, dof, n), np.full(len(lambdas), np.nan))


def orthogonal(population, rng, rows, lambdas):
    """Fits on `rows` rows whose inputs are orthogonal, centred and of variance 1: first l2, then l1, each lambda once.

    Then the least squares weights are N(w0, noise^2 / rows), independent of each other and of the bias, and everything
    is a function of them: l2 divides them by 1 + lambda, l1 moves them by lambda towards 0.
    """
    error = population.noise / np.sqrt(rows)
    free = population.weight + error * rng.normal(size=len(population.weight))
    shrunk = free / (1 + lambdas[:, None])
    thresholded = np.sign(free) * np.maximum(np.abs(free) - lambdas[1:, None], 0.0)
    weights = np.concatenate([shrunk, thresholded])
    nothing = np.full(len(weights), np.nan)
    return Fits(weights, np.full(len(weights), population.bias + error * rng.normal()), nothing, nothing)
