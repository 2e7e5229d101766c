"""Two classes where all is known: a logistic population, l2 fits for every lambda, and their true risk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import expit, log_expit, ndtr

STEPS = 50
NODES = 80


@dataclass(frozen=True)
class LogisticPopulation:
    """P(y = 1 | x) = 1 / (1 + exp(-(x @ weight + bias))), x ~ N(0, I)."""

    weight: np.ndarray
    bias: float

    def draw(self, rng, rows):
        """Inputs (rows, features) and classes 0 or 1 (rows,)."""
        x = rng.normal(size=(rows, len(self.weight)))
        return x, (rng.random(rows) < expit(x @ self.weight + self.bias)).astype(float)

    def log_loss_risk(self, weights, biases):
        """Expected cross-entropy of every candidate, E log(1 + exp(s)) - E P(y = 1) s for the score s.

        The score and the true score t are jointly normal: both terms are integrals over one normal variable.
        """
        node, mass = normal_nodes()
        slope, _ = self._score_given_truth(weights)
        spread = np.linalg.norm(weights, axis=1)
        softplus = -log_expit(-(biases[:, None] + spread[:, None] * node)) @ mass
        return softplus - (expit(self._true_score(node)) * (biases[:, None] + slope[:, None] * node)) @ mass

    def error_risk(self, weights, biases):
        """Expected share of wrong classes of every candidate; the class is 1 where the score is above 0."""
        node, mass = normal_nodes()
        slope, rest = self._score_given_truth(weights)
        positive = ndtr((biases[:, None] + slope[:, None] * node) / rest[:, None])
        chance = expit(self._true_score(node))
        return (chance * (1 - positive) + (1 - chance) * positive) @ mass

    def _true_score(self, node):
        return self.bias + np.linalg.norm(self.weight) * node

    def _score_given_truth(self, weights):
        """Score = bias + slope * z + rest * (another standard normal), where z is the standardised true score."""
        slope = weights @ self.weight / np.linalg.norm(self.weight)
        return slope, np.sqrt(np.maximum(np.square(weights).sum(axis=1) - slope**2, 1e-12))


def normal_nodes():
    """Gauss-Hermite nodes and weights of a standard normal variable."""
    node, mass = hermegauss(NODES)
    return node, mass / mass.sum()


def logistic_ridge(x, y, lambdas):
    """Weights (candidates, features) and biases (candidates,): mean cross-entropy + lambda/2 |w|^2 at its minimum.

    Newton's method on all lambdas at once, each step halved where it would not descend.
    """
    design = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    ridge = lambdas[:, None] * np.append(np.ones(x.shape[1]), 0.0)  # (candidates, features + 1)
    solution = np.zeros_like(ridge)
    for _ in range(STEPS):
        chance = expit(solution @ design.T)  # (candidates, rows)
        slope = (chance - y) @ design / len(y) + ridge * solution
        if np.abs(slope).max() < 1e-10:
            break
        curvature = np.einsum("cr,ri,rj->cij", chance * (1 - chance), design, design, optimize=True) / len(y)
        curvature += ridge[:, :, None] * np.eye(design.shape[1])
        step = np.linalg.solve(curvature, slope[..., None])[..., 0]
        solution = _descend(solution, step, design, y, ridge)
    return solution[:, :-1], solution[:, -1]


def _descend(solution, step, design, y, ridge):
    """The Newton step, halved for those candidates whose objective it would raise."""
    start, share = _objective(solution, design, y, ridge), np.ones((len(solution), 1))
    for _ in range(30):
        worse = _objective(solution - share * step, design, y, ridge) > start + 1e-12
        if not worse.any():
            break
        share[worse] /= 2
    return solution - share * step


def _objective(solution, design, y, ridge):
    return log_losses(solution @ design.T, y).mean(axis=1) + 0.5 * (ridge * solution**2).sum(axis=1)


def log_losses(scores, y):
    """Cross-entropy of scores (candidates, rows)."""
    return -log_expit(np.where(y > 0, scores, -scores))


def error_losses(scores, y):
    """1 where the class is wrong, else 0, of scores (candidates, rows)."""
    return ((scores > 0) != (y > 0)).astype(float)
