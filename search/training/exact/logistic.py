"""Cross-entropy: proximal Newton steps (Lee, Sun, Saunders 2014) around the quadratic solver."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot

from search.training.exact.problems import Problems
from search.training.exact.quadratic import minimize
from search.training.exact.solution import Limits, Terms

QUADRATIC_STEPS = 30
FORCING = 1e-2  # how exactly a Newton step's quadratic is solved, relative to the residual there
ARMIJO = 1e-4
HALVINGS = 30
ROUNDING = 1e-14


@dataclass(frozen=True, eq=False)
class Data:
    """Rows of m replicates: x (m, n, p), classes y (m, n), y as 0/1 columns (m, n, K), weights (m, n) of mean 1."""

    x: Tensor
    y: Tensor
    columns: Tensor
    weight: Tensor

    @classmethod
    def of(cls, x: Tensor, y: Tensor, outputs: int, weight: Tensor) -> Data:
        """The rows of classes y; one output means two classes."""
        columns = y[..., None] if outputs == 1 else one_hot(y, outputs)
        return cls(x, y, columns.to(x), weight)

    @property
    def binary(self) -> bool:
        """One logit for two classes, else one a class."""
        return self.columns.shape[2] == 1

    def take(self, which: Tensor) -> Data:
        """Some of the replicates."""
        return Data(self.x[which], self.y[which], self.columns[which], self.weight[which])

    def loss(self, logits: Tensor) -> Tensor:
        """Mean cross-entropy (m,) at logits (m, n, K)."""
        if self.binary:
            loss = binary_cross_entropy_with_logits(logits, self.columns, reduction="none")[..., 0]
        else:
            loss = cross_entropy(logits.mT, self.y, reduction="none")
        return (self.weight * loss).mean(1)

    def probabilities(self, logits: Tensor) -> Tensor:
        """The model's probabilities of the columns, (m, n, K)."""
        return logits.sigmoid() if self.binary else logits.softmax(2)


@dataclass(frozen=True, eq=False)
class Model:
    """Weights (m, K, p) and biases (m, K)."""

    weight: Tensor
    bias: Tensor

    def take(self, which: Tensor) -> Model:
        """Some of the replicates' models."""
        return Model(self.weight[which], self.bias[which])

    def logits(self, x: Tensor) -> Tensor:
        """Logits x w' + b, (m, n, K)."""
        return x @ self.weight.mT + self.bias[:, None]

    def moved(self, step: Model, size: Tensor) -> Model:
        """The model, `size` (m,) times a step further."""
        return Model(self.weight + size[:, None, None] * step.weight, self.bias + size[:, None] * step.bias)


def base_rates(data: Data) -> Model:
    """The optimum with all weights zero; a class without rows counts as half a row."""
    n = data.x.shape[1]
    share = ((data.weight[..., None] * data.columns).sum(1).clamp(0.5, n - 0.5)) / n
    bias = torch.logit(share) if data.binary else share.log()
    return Model(data.x.new_zeros(*bias.shape, data.x.shape[2]), bias)


def gradient(data: Data, model: Model) -> tuple[Tensor, Tensor]:
    """The loss's gradient with respect to weights (m, K, p) and biases (m, K)."""
    slope = data.weight[..., None] * (data.probabilities(model.logits(data.x)) - data.columns) / data.x.shape[1]
    return slope.mT @ data.x, slope.sum(1)


def relative_residual(data: Data, part: Terms, model: Model, scale: Tensor) -> Tensor:
    """The larger of the weights' optimality residual relative to `scale`, and the biases' gradient; (m,)."""
    slope, bias = gradient(data, model)
    strength = scale.new_full(scale.shape, part.lambda_)
    return torch.maximum(part.penalty.residual(model.weight, slope, strength) / scale, bias.abs().amax(1))


def proximal_newton(data: Data, part: Terms, start: Model, scale: Tensor, limits: Limits) -> tuple[Model, Tensor]:
    """The optimum of one candidate for all replicates, and the relative residual reached (m,)."""
    weight, bias = start.weight.clone(), start.bias.clone()
    error = relative_residual(data, part, start, scale)
    for _ in range(limits.steps):
        left = (error > limits.residual).nonzero()[:, 0]
        if not len(left):
            break
        rows, here, unit = data.take(left), Model(weight[left], bias[left]), scale[left]
        goal = unit * (FORCING * error[left]).clamp(max=FORCING, min=FORCING * limits.residual)
        step = newton_step(rows, part, here, goal)
        here = here.moved(step, backtrack(rows, part, here, step))
        weight[left], bias[left] = here.weight, here.bias
        error[left] = relative_residual(rows, part, here, unit)
    return Model(weight, bias), error


def newton_step(data: Data, part: Terms, model: Model, tolerance: Tensor) -> Model:
    """The step to the minimum of the quadratic model of the loss + the penalty; the bias is eliminated first."""
    slope, bias_slope = gradient(data, model)
    hessian, cross, corner = curvature(data, model)
    solved = torch.linalg.inv_ex(corner)[0]
    reduced = hessian - cross.mT @ solved @ cross
    shifted = slope - (cross.mT @ solved @ bias_slope[..., None]).view_as(slope)
    linear = (reduced @ model.weight.flatten(1)[..., None]).view_as(slope) - shifted
    target = solve_quadratic(reduced, linear, part, model.weight, tolerance)
    step = target - model.weight
    bias = -solved @ (bias_slope[..., None] + cross @ step.flatten(1)[..., None])
    return Model(step, bias[..., 0])


def solve_quadratic(matrix: Tensor, linear: Tensor, part: Terms, start: Tensor, tolerance: Tensor) -> Tensor:
    """The quadratic model's minimum (m, K, p); without groups every weight is a group of its own."""
    grouped = part.grouped(linear.shape[1])
    shape = linear.shape if grouped else (len(linear), 1, linear[0].numel())
    l1, group = (part.l1, part.group) if grouped else (0.0, part.l1 + part.group)
    ridge, strength, mixed = (tolerance.new_full(tolerance.shape, each) for each in (part.ridge, group, l1))
    problems = Problems.on(matrix, linear.reshape(shape), ridge, strength, mixed if l1 else None)
    return minimize(problems, start.reshape(shape), tolerance, QUADRATIC_STEPS).view_as(linear)


def curvature(data: Data, model: Model) -> tuple[Tensor, Tensor, Tensor]:
    """The loss's Hessian in blocks: weights (m, K p, K p), biases by weights (m, K, K p), biases (m, K, K).

    Softmax does not see a common shift of all biases. Curvature 1 in that direction, which nothing else in the Newton
    step has a part in, makes the last block invertible and changes no step.
    """
    likely = data.probabilities(model.logits(data.x))
    share = data.weight[..., None] * likely / data.x.shape[1]
    if data.binary:
        inner = (share * (1 - likely))[..., None]
    else:
        inner = share.diag_embed() - share[..., None] * likely[:, :, None]  # (m, n, K, K)
    rows = [(inner[:, :, k, :, None] * data.x[:, :, None]).flatten(2) for k in range(inner.shape[2])]  # (m, n, K p)
    weights = torch.cat([data.x.mT @ row for row in rows], 1)
    corner = inner.sum(1) if data.binary else inner.sum(1) + 1 / inner.shape[2]
    return weights, torch.stack([row.sum(1) for row in rows], 1), corner


def backtrack(data: Data, part: Terms, model: Model, step: Model) -> Tensor:
    """The first of 1, 1/2, 1/4, ... with a sufficient decrease of the objective, (m,); Lee et al. equation 2.13."""
    slope, bias_slope = gradient(data, model)

    def penalty(weight: Tensor) -> Tensor:
        return part.penalty.value(weight, weight.new_full(weight.shape[:1], part.lambda_))

    def objective(size: Tensor) -> Tensor:
        there = model.moved(step, size)
        return data.loss(there.logits(data.x)) + penalty(there.weight)

    size = torch.ones_like(slope[:, 0, 0])
    start = objective(0 * size)
    linear = (slope * step.weight).sum((1, 2)) + (bias_slope * step.bias).sum(1)
    expected = linear + penalty(model.weight + step.weight) - penalty(model.weight)
    for _ in range(HALVINGS):
        short = objective(size) > start + ARMIJO * size * expected + ROUNDING * start.abs()
        if not short.any():
            break
        size = torch.where(short, size / 2, size)
    return size
