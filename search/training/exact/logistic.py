"""Cross-entropy: proximal Newton steps (Lee, Sun, Saunders 2014) around the quadratic solver.

A step needs the inputs three times: for the Hessian, and once for the logits and once for the gradient where it ends,
which are those that the next one starts from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot

from search.training.exact.block import Block
from search.training.exact.problems import SHIFT, Problems
from search.training.exact.quadratic import minimize
from search.training.exact.solution import Limits, Terms
from search.training.exact.working import Columns

QUADRATIC_STEPS = 30
FORCING = 1e-2  # how exactly a Newton step's quadratic is solved, relative to the residual there
ARMIJO = 1e-4
HALVINGS = 30
ROUNDING = 1e-14
DEAR = 2e7  # multiplications of a Hessian from which on it serves for several steps
NEAR = 0.2  # share of a ridge by which that of a factor may differ
CONTRACTION = 0.2  # what such a step must multiply the residual by, or less; else the next one has a new Hessian


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
        if len(which) == len(self.x):
            return self
        return Data(self.x[which], self.y[which], self.columns[which], self.weight[which])

    def loss(self, logits: Tensor) -> Tensor:
        """Mean cross-entropy (m,) at logits (m, n, K)."""
        if self.binary:
            loss = binary_cross_entropy_with_logits(logits, self.columns, reduction="none")[..., 0]
        else:
            loss = cross_entropy(logits.mT, self.y, reduction="none")
        return (self.weight * loss).mean(1)

    def pull(self, likely: Tensor) -> Tensor:
        """What the rows pull their logits by, minus the loss's gradient with respect to them, (m, n, K)."""
        return self.weight[..., None] * (self.columns - likely) / self.x.shape[1]

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


@dataclass(frozen=True, eq=False)
class Point:
    """A model, and what the rows say of it.

    `likely` (m, n, K) are the probabilities, `loss` (m,) is the mean cross-entropy, `slope` (m, K, p) and `bias_slope`
    (m, K) are its gradient with respect to weights and biases.
    """

    model: Model
    likely: Tensor
    loss: Tensor
    slope: Tensor
    bias_slope: Tensor

    @classmethod
    def at(cls, data: Data, model: Model) -> Point:
        """The point with this model."""
        logits = model.logits(data.x)
        likely = data.probabilities(logits)
        pull = data.pull(likely)
        return cls(model, likely, data.loss(logits), -pull.mT @ data.x, -pull.sum(1))

    def take(self, which: Tensor) -> Point:
        """Some of the replicates' points."""
        if len(which) == len(self.loss):
            return self
        rest = (self.likely[which], self.loss[which], self.slope[which], self.bias_slope[which])
        return Point(self.model.take(which), *rest)

    def put(self, which: Tensor, other: Point) -> Point:
        """With those of some of the replicates exchanged."""
        if len(which) == len(self.loss):
            return other
        mine, new = (
            (one.model.weight, one.model.bias, one.likely, one.loss, one.slope, one.bias_slope) for one in (self, other)
        )
        weight, bias, *rest = (old.index_copy(0, which, each) for old, each in zip(mine, new, strict=True))
        return Point(Model(weight, bias), *rest)

    def on(self, columns: Columns) -> Point:
        """The same on some of the features, outside of which no weight is other than zero."""
        model = Model(columns.gather(self.model.weight), self.model.bias)
        return replace(self, model=model, slope=columns.gather(self.slope))

    def spread(self, columns: Columns, data: Data) -> Point:
        """The same on all features, where this is `on` some."""
        model = Model(columns.spread(self.model.weight), self.model.bias)
        return replace(self, model=model, slope=-data.pull(self.likely).mT @ data.x)

    def residual(self, part: Terms, scale: Tensor) -> Tensor:
        """The larger of the weights' optimality residual relative to `scale`, and the biases' gradient; (m,)."""
        strength = scale.new_full(scale.shape, part.lambda_)
        weights = part.penalty.residual(self.model.weight, self.slope, strength) / scale
        return torch.maximum(weights, self.bias_slope.abs().amax(1))

    def penalty(self, part: Terms) -> Tensor:
        """The candidate's penalty, (m,)."""
        return part.penalty.value(self.model.weight, self.loss.new_full(self.loss.shape, part.lambda_))


@dataclass(frozen=True, eq=False)
class Curvature:
    """The loss's Hessian: of the weights with the biases eliminated (m, K p, K p), biases by weights (m, K, K p), and
    the inverse of the biases' own (m, K, K).
    """

    weights: Tensor
    cross: Tensor
    biases: Tensor

    @classmethod
    def at(cls, data: Data, likely: Tensor) -> Curvature:
        """Where the columns have these probabilities (m, n, K).

        Softmax does not see a common shift of all biases. Curvature in that direction, which nothing else in the
        Newton step has a part in, makes the last block invertible and changes no step. It is as large as that of the
        other directions, which next to 1 would be lost to rounding where classes are all but separated.
        """
        (m, n, outputs), features = likely.shape, data.x.shape[2]
        share = data.weight[..., None] * likely / n
        if data.binary:
            inner = (share * (1 - likely))[..., None]
        else:
            inner = share.diag_embed() - share[..., None] * likely[:, :, None]  # (m, n, K, K)
        weights = data.x.new_empty(m, outputs, features, outputs, features)
        for k in range(outputs):  # the block of k and l is symmetric, and that of l and k
            rows = (inner[:, :, k, k:, None] * data.x[:, :, None]).flatten(2)
            weights[:, k, :, k:] = (data.x.mT @ rows).view(m, features, outputs - k, features)
            weights[:, k + 1 :, :, k] = weights[:, k, :, k + 1 :].transpose(1, 2)
        cross = (inner.flatten(2).mT @ data.x).view(m, outputs, outputs * features)
        corner = inner.sum(1)
        if not data.binary:
            size = corner.diagonal(dim1=1, dim2=2).amax(1).clamp(min=torch.finfo(corner.dtype).tiny)
            corner = corner + size[:, None, None] / outputs
        biases = torch.linalg.inv_ex(corner)[0]
        return cls(weights.view(m, outputs * features, -1).baddbmm_(cross.mT @ biases, cross, alpha=-1), cross, biases)

    def take(self, which: Tensor) -> Curvature:
        """That of some of the replicates."""
        if len(which) == len(self.cross):
            return self
        return Curvature(self.weights[which], self.cross[which], self.biases[which])


def base_rates(data: Data) -> Point:
    """The optimum with all weights zero; a class without rows counts as half a row."""
    n = data.x.shape[1]
    share = ((data.weight[..., None] * data.columns).sum(1).clamp(0.5, n - 0.5)) / n
    bias = torch.logit(share) if data.binary else share.log()
    return Point.at(data, Model(data.x.new_zeros(*bias.shape, data.x.shape[2]), bias))


@dataclass(frozen=True, eq=False)
class Local:
    """The quadratic model of the loss + one candidate's penalty.

    Without zeros `lower` is the Cholesky factor of its matrix, or of that with a `ridge` nearby.
    """

    curved: Curvature
    part: Terms
    lower: Tensor | None
    ridge: float

    @classmethod
    def of(cls, curved: Curvature, part: Terms) -> Local:
        """With this curvature."""
        if part.sparse:
            return cls(curved, part, None, part.ridge)
        matrix = curved.weights.clone()
        own = matrix.diagonal(dim1=1, dim2=2)
        own.add_(part.ridge + SHIFT * own.amax(1, keepdim=True))
        return cls(curved, part, torch.linalg.cholesky_ex(matrix)[0], part.ridge)

    def of_next(self, part: Terms) -> Local:
        """With another candidate's penalty; a factor serves for several."""
        if self.lower is None or part.sparse or abs(part.ridge - self.ridge) > NEAR * part.ridge:
            return Local.of(self.curved, part)
        return replace(self, part=part)

    def take(self, which: Tensor) -> Local:
        """That of some of the replicates."""
        if len(which) == len(self.curved.cross):
            return self
        lower = None if self.lower is None else self.lower[which]
        return replace(self, curved=self.curved.take(which), lower=lower)

    def step(self, point: Point, tolerance: Tensor) -> Model:
        """The step from a point to the model's minimum."""
        weight, bias_slope = point.model.weight, point.bias_slope[..., None]
        across = self.curved.cross.mT @ self.curved.biases
        slope = point.slope - (across @ bias_slope).view_as(weight)
        if self.lower is None:
            linear = (self.curved.weights @ weight.flatten(1)[..., None]).view_as(slope) - slope
            step = solve_quadratic(self.curved.weights, linear, self.part, weight, tolerance) - weight
        else:
            right = (slope + self.part.ridge * weight).flatten(1)[..., None]
            step = -torch.cholesky_solve(right, self.lower).view_as(weight)
            if step.shape[1] > 1:
                step = step - step.mean(1, keepdim=True)  # softmax does not see it: all that is there is rounding
        bias = -self.curved.biases @ bias_slope - across.mT @ step.flatten(1)[..., None]
        return Model(step, bias[..., 0])


def proximal_newton(
    data: Data, part: Terms, point: Point, scale: Tensor, limits: Limits, known: Local | None = None
) -> tuple[Point, Local | None, Tensor]:
    """The optimum of one candidate for all replicates, a model near it, and the relative residual reached (m,).

    Where a Hessian is dear, steps go on with a `known` one for as long as they multiply the residual by no more than
    CONTRACTION.
    """
    error = point.residual(part, scale)
    local = known.of_next(part) if known is not None and dear(data) else None
    stuck = torch.zeros_like(error, dtype=torch.bool)
    for _ in range(limits.steps):
        left = ((error > limits.residual) & ~stuck).nonzero()[:, 0]
        if not len(left):
            break
        fresh = local is None
        if local is None:
            local = Local.of(Curvature.at(data, point.likely), part)
        rows, here, unit = data.take(left), point.take(left), scale[left]
        goal = unit * (FORCING * error[left]).clamp(max=FORCING, min=FORCING * limits.residual)
        here, moved = backtracked(rows, part, here, local.take(left).step(here, goal))
        now, known = here.residual(part, unit), local
        if fresh:
            stuck = stuck.index_copy(0, left, ~moved)
        if not dear(data) or (now > (CONTRACTION * error[left]).clamp(min=limits.residual)).any():
            local = None
        point, error = point.put(left, here), error.index_copy(0, left, now)
    return point, known, error


def dear(data: Data) -> bool:
    """Whether a Hessian costs much more than what else there is in a step."""
    return data.x.shape[1] * (data.x.shape[2] * data.columns.shape[2]) ** 2 > DEAR


def solve_quadratic(matrix: Tensor, linear: Tensor, part: Terms, start: Tensor, tolerance: Tensor) -> Tensor:
    """The quadratic model's minimum (m, K, p); without ties every weight is a group of its own."""
    block = Block.of([part], linear, linear.shape[1])
    shape = linear.shape if block.tied else (len(linear), 1, linear[0].numel())
    ridge, group, l1 = (each.expand(len(linear)) for each in (block.ridge, block.group, block.l1))
    problems = Problems.on(matrix, linear.reshape(shape), ridge, group, l1 if part.l1 and block.tied else None)
    return minimize(problems, start.reshape(shape), tolerance, QUADRATIC_STEPS).view_as(linear)


def backtracked(data: Data, part: Terms, point: Point, step: Model) -> tuple[Point, Tensor]:
    """The first of 1, 1/2, 1/4, ... of a step with a sufficient decrease of the objective; Lee et al. equation 2.13.

    Where none of them has one, as where rounding has made the step itself, the point stays; (m,) says which moved.
    """
    before = point.penalty(part)
    start, size, new = point.loss + before, torch.ones_like(before), point
    enough = torch.zeros_like(before, dtype=torch.bool)
    linear = (point.slope * step.weight).sum((1, 2)) + (point.bias_slope * step.bias).sum(1)
    expected = None
    for _ in range(HALVINGS):
        new = Point.at(data, point.model.moved(step, size))
        after = new.penalty(part)
        expected = linear + after - before if expected is None else expected
        enough = new.loss + after <= start + ARMIJO * size * expected + ROUNDING * start.abs()  # not of NaN
        if enough.all():
            return new, enough
        size = torch.where(enough, size, size / 2)
    moved = enough.nonzero()[:, 0]
    return (point.put(moved, new.take(moved)) if len(moved) else point), enough
