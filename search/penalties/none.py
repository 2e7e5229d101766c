"""No penalty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from search.penalties.base import ConvexParts, Penalty, Prior, Style

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class NoPenalty(Penalty):
    """Omega(w) = 0."""

    name: ClassVar[str] = "none"
    style: ClassVar[Style] = Style("#7f7f7f", "square", "dot")

    def value(self, weight: Tensor, lambda_: Tensor) -> Tensor:
        return weight.new_zeros(weight.shape[:-2])

    def residual(self, weight: Tensor, gradient: Tensor, lambda_: Tensor) -> Tensor:
        return gradient.abs().amax((-2, -1))

    def lambda_max(self, gradient: Tensor) -> Tensor:
        return gradient.new_zeros(gradient.shape[:-2])

    def prior(self, lambda_: float, rows: int, noise_variance: float) -> Prior | None:
        return Prior("flat", float("inf"))

    def convex_parts(self, lambda_: float) -> ConvexParts | None:
        return ConvexParts(0.0, 0.0, 0.0)
