"""Squared loss: l2 and none by one singular value decomposition, the others along the path of lambdas.

Everything is on centred rows, so that the bias is out of the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from search.training.exact.path import sparse_path
from search.training.exact.solution import Limits, Terms, chunks, path_order, relative
from search.training.exact.working import LEAST
from search.training.reporting import Report

APART = 1e-4  # the least share of every column's square that those before it do not explain, for sums of squares to do
CACHED = 2**17  # numbers that are centred and multiplied at once


@dataclass(frozen=True, eq=False)
class Rows:
    """Inputs x (R, n, p) and targets y (R, n, K), what they are centred at, (R, p) and (R, K), and the root of each
    row's weight (R, n); None: 1.
    """

    x: Tensor
    y: Tensor
    middle: Tensor
    mean: Tensor
    root: Tensor | None

    @classmethod
    def of(cls, x: Tensor, y: Tensor, weight: Tensor | None) -> Rows:
        """The rows, whose weights (R, n) have mean 1."""
        middle, mean = weighted(x, weight).mean(1), weighted(y, weight).mean(1)
        return cls(x, y, middle, mean, None if weight is None else weight.sqrt())

    def take(self, at: Tensor) -> Rows:
        """Some of the replicates."""
        if len(at) == len(self.x):
            return self
        root = None if self.root is None else self.root[at]
        return Rows(self.x[at], self.y[at], self.middle[at], self.mean[at], root)

    def centred(self, some: slice = slice(None)) -> tuple[Tensor, Tensor]:
        """Some of the rows' x and y about their means, times the root of the weight."""
        root = None if self.root is None else self.root[:, some]
        x, y = self.x[:, some] - self.middle[:, None], self.y[:, some] - self.mean[:, None]
        return weighted(x, root), weighted(y, root)

    def reduced(self) -> tuple[Tensor, Tensor]:
        """No more than p + K centred rows with the same mean loss for every w: the R of (x, y) = QR, rescaled.

        R is the Cholesky factor of (x, y)'(x, y) where that is known to lose nothing, for less than a fourth of the
        work, and then no copy of the rows is made that would not stay in the cache.
        """
        (m, rows, features), outputs = self.x.shape, self.y.shape[2]
        side = features + outputs
        if rows <= side:
            return self.centred()
        square = self.x.new_zeros(m, side, side)
        size = max(side, CACHED // (m * side))
        for first in range(0, rows, size):
            part = torch.cat(self.centred(slice(first, first + size)), 2)
            square.baddbmm_(part.mT, part)
        lower, failed = torch.linalg.cholesky_ex(square)
        own = lower.diagonal(dim1=1, dim2=2).square() / square.diagonal(dim1=1, dim2=2)  # what no other column explains
        upper = lower.mT
        if failed.any() or not (own > APART).all():
            upper = torch.linalg.qr(torch.cat(self.centred(), 2), mode="r").R
        upper = upper * (side / rows) ** 0.5
        return upper[..., :features], upper[..., features:]


def weighted(values: Tensor, weight: Tensor | None) -> Tensor:
    """Values (R, n, ...) of the rows, each times its row's weight (R, n), if rows have any."""
    return values if weight is None else weight[..., None] * values


def solve_squared(rows: Rows, parts: Sequence[Terms], limits: Limits, report: Report) -> tuple[Tensor, Tensor]:
    """Weights (R, C, K, p) and relative duality gaps (R, C); see `solve`."""
    (replicates, count, features), outputs = rows.x.shape, rows.y.shape[2]
    weight = rows.x.new_zeros(replicates, len(parts), outputs, features)
    error = rows.x.new_zeros(replicates, len(parts))
    smooth = [i for i, part in enumerate(parts) if not part.sparse]
    rest = [i for i in path_order(parts) if parts[i].sparse]
    # The rows, and Gram matrices of working sets, which are hardly larger than twice the rows.
    width = min(features, 2 * count + 4 * LEAST)
    for at in chunks(replicates, count * features + 3 * width**2):
        x, y = rows.take(at).reduced()
        if smooth:
            ridge = x.new_tensor([parts[i].ridge for i in smooth])
            weight[at[:, None], smooth], error[at[:, None], smooth] = ridge_path(x, y, ridge, count)
            report(len(at) * len(smooth))
        if rest:
            path = [parts[i] for i in rest]
            weight[at[:, None], rest], error[at[:, None], rest] = sparse_path(x, y, path, limits.steps, report)
        for c in (~(error[at] <= limits.gap)).any(0).nonzero()[:, 0].tolist():
            error[at, c] = error[at, c].fmin(above_least_squares(x, y, weight[at, c], parts[c]))
    return weight, error


def above_least_squares(x: Tensor, y: Tensor, weight: Tensor, part: Terms) -> Tensor:
    """How far, (R,), a candidate's objective at weights (R, K, p) is above least squares', relative as a duality gap.

    A bound of the gap, as no penalty is negative. It is close where lambda is so small that rounding leaves nothing of
    the dual point. Each column has norm 1 here: what columns can explain does not depend on their units.
    """
    length = x.norm(dim=1, keepdim=True)
    left, values, _ = torch.linalg.svd(x / torch.where(length > 0, length, 1.0), full_matrices=False)
    kept = values > values[:, :1] * max(x.shape[1:]) * torch.finfo(x.dtype).eps
    residual = y - x @ weight.mT
    explained = (left * kept[:, None]).mT @ residual
    penalty = part.penalty.value(weight, weight.new_tensor(part.lambda_))
    excess = explained.square().sum((1, 2)) / (2 * x.shape[1]) + penalty
    return relative(excess, residual.square().sum((1, 2)) / (2 * x.shape[1]) + penalty, y)


def ridge_path(x: Tensor, y: Tensor, ridge: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    """l2 for every ridge (C,), and for 0 the least squares solution with the least norm: w = V s / (s^2 + n ridge) U'y.

    Singular values below max(rows, p) * eps of the largest are zero; `rows` are those before they were reduced.
    """
    left, values, right = torch.linalg.svd(x, full_matrices=False)
    kept = values > values[:, :1] * max(rows, x.shape[2]) * torch.finfo(x.dtype).eps
    safe = torch.where(kept, values, 1.0)
    shrunk = torch.where(kept[:, None], safe[:, None] / (safe.square()[:, None] + x.shape[1] * ridge[:, None]), 0.0)
    scaled = shrunk[..., None] * (left.mT @ y)[:, None]  # (R, C, rank, K)
    # einsum and not a broadcast product, which would copy x once a candidate.
    weight = torch.einsum("rcjk,rjp->rckp", scaled, right)
    residual = y[:, None] - torch.einsum("rnp,rckp->rcnk", x, weight)
    pulled = torch.einsum("rcnk,rnj->rckj", residual, left * kept[:, None])
    free = pulled.square().sum((-2, -1)) / (2 * x.shape[1])
    slope = ridge[:, None, None] * weight - torch.einsum("rcnk,rnp->rckp", residual, x) / x.shape[1]
    positive = torch.where(ridge > 0, ridge, 1.0)
    gap = torch.where(ridge > 0, slope.square().sum((-2, -1)) / (2 * positive), free)
    value = residual.square().sum((-2, -1)) / (2 * x.shape[1]) + ridge / 2 * weight.square().sum((-2, -1))
    return weight, relative(gap, value, y[:, None])
