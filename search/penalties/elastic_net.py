"""The elastic net: l1 and l2 in one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from search.penalties.base import ConvexParts, Parameter, Penalty, Prior, Style, per_fit

if TYPE_CHECKING:
    from torch import Tensor

GLMNET_LEAST_L1_SHARE = 1e-3
L1_RATIO = Parameter(
    "l1_ratio",
    (0.05, 0.95),
    accepts=lambda share: 0 <= share <= 1,
    valid="from 0 to 1 (all l1)",
    description="elastic_net, sparse_group_lasso: share of l1, 0 to 1",
)


@dataclass(frozen=True)
class ElasticNet(Penalty):
    """Omega(w) = l1_ratio * sum |w| + (1 - l1_ratio) / 2 * sum w^2 (Zou and Hastie 2005, scikit-learn's form)."""

    l1_ratio: float | Tensor
    name: ClassVar[str] = "elastic_net"
    style: ClassVar[Style] = Style("#009e73", "diamond", "dashdot")
    parameters: ClassVar[tuple[Parameter, ...]] = (L1_RATIO,)

    def value(self, weight: Tensor, lambda_: Tensor) -> Tensor:
        l1, l2 = weight.abs().sum((-2, -1)), weight.square().sum((-2, -1))
        return lambda_ * (self.l1_ratio * l1 + (1 - self.l1_ratio) / 2 * l2)

    def smooth_gradient(self, weight: Tensor, lambda_: Tensor) -> Tensor | None:
        return per_fit(lambda_ * (1 - self.l1_ratio)) * weight

    def decay_(self, weight: Tensor, lambda_: Tensor, step: Tensor | float) -> None:
        weight *= 1 - per_fit(lambda_ * (1 - self.l1_ratio)) * step  # the same in one pass

    def prox_(self, weight: Tensor, lambda_: Tensor, step: Tensor | float) -> None:
        weight -= clipped(weight, per_fit(lambda_ * self.l1_ratio) * step)

    def residual(self, weight: Tensor, gradient: Tensor, lambda_: Tensor) -> Tensor:
        l1, l2 = per_fit(lambda_ * self.l1_ratio), per_fit(lambda_ * (1 - self.l1_ratio))
        slope = gradient + l2 * weight
        active = (slope + l1 * weight.sign()).abs()
        return active.where(weight != 0, (slope.abs() - l1).clamp(min=0)).amax((-2, -1))

    def lambda_max(self, gradient: Tensor) -> Tensor:
        share = gradient.new_zeros(()) + self.l1_ratio
        return gradient.abs().amax((-2, -1)) / share.clamp(min=GLMNET_LEAST_L1_SHARE)

    def prior(self, lambda_: float, rows: int, noise_variance: float) -> Prior | None:
        return Prior("laplace_normal", float("nan"))

    def convex_parts(self, lambda_: float) -> ConvexParts | None:
        share = float(self.l1_ratio)
        return ConvexParts(lambda_ * share, 0.0, lambda_ * (1 - share))


def soft_threshold(weight: Tensor, threshold: Tensor | float) -> Tensor:
    """W moved towards zero by the threshold, and no further than zero."""
    return weight - clipped(weight, threshold)


def clipped(weight: Tensor, bound: Tensor | float) -> Tensor:
    """W no further from zero than the bound: what a soft threshold takes away."""
    # Not clamp: with both bounds at once, where they broadcast, it takes three times as long on a CPU.
    return weight.clamp_min(-bound).clamp_max_(bound)
