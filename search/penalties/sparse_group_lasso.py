"""The sparse group lasso: whole features leave the model, and of those that stay single weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from search.penalties.base import ConvexParts, Parameter, Penalty, Prior, Style, per_fit
from search.penalties.elastic_net import L1_RATIO, soft_threshold
from search.penalties.group_lasso import group_norms, group_prox, group_residual

if TYPE_CHECKING:
    from torch import Tensor

BISECTIONS = 100


@dataclass(frozen=True)
class SparseGroupLasso(Penalty):
    """Omega(w) = l1_ratio * sum |w| + (1 - l1_ratio) * sum sqrt(units) * ||w_feature||_2 (Simon et al. 2013)."""

    l1_ratio: float | Tensor
    name: ClassVar[str] = "sparse_group_lasso"
    style: ClassVar[Style] = Style("#b8860b", "star-diamond", "longdashdot")
    parameters: ClassVar[tuple[Parameter, ...]] = (L1_RATIO,)
    elementwise: ClassVar[bool] = False

    def value(self, weight: Tensor, lambda_: Tensor) -> Tensor:
        groups = group_norms(weight).sum((-2, -1)) * math.sqrt(weight.shape[-2])
        return lambda_ * (self.l1_ratio * weight.abs().sum((-2, -1)) + (1 - self.l1_ratio) * groups)

    def prox_(self, weight: Tensor, lambda_: Tensor, step: Tensor | float) -> None:
        l1, group = self._strengths(lambda_)
        weight.copy_(group_prox(weight, l1 * step, group * step))

    def residual(self, weight: Tensor, gradient: Tensor, lambda_: Tensor) -> Tensor:
        return group_residual(weight, gradient, *self._strengths(lambda_))

    def lambda_max(self, gradient: Tensor) -> Tensor:
        """The root of ||soft(g, lambda l1_ratio)|| = lambda (1 - l1_ratio) sqrt(units) of each group, by bisection."""
        share = gradient.new_zeros(()) + self.l1_ratio
        low = gradient.new_zeros(gradient.shape[:-2])
        high = gradient.abs().amax((-2, -1)) / share.clamp(min=1e-12)
        high = high.minimum(group_norms(gradient).amax((-2, -1)) / (1 - share).clamp(min=1e-12))
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            l1, group = self._strengths(middle)
            left = group_norms(soft_threshold(gradient, l1)) - group * math.sqrt(gradient.shape[-2])
            zero = left.amax((-2, -1)) <= 0
            low, high = low.where(zero, middle), middle.where(zero, high)
        return high

    def prior(self, lambda_: float, rows: int, noise_variance: float) -> Prior | None:
        return Prior("laplace_multivariate_laplace", float("nan"))

    def convex_parts(self, lambda_: float) -> ConvexParts | None:
        share = float(self.l1_ratio)
        return ConvexParts(lambda_ * share, lambda_ * (1 - share), 0.0)

    def _strengths(self, lambda_: Tensor) -> tuple[Tensor, Tensor]:
        """The strengths of the l1 and of the group part, to act on weights."""
        return per_fit(lambda_ * self.l1_ratio), per_fit(lambda_ * (1 - self.l1_ratio))
