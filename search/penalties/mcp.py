"""The minimax concave penalty: like l1 on small weights, and no pull at all on large ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from search.penalties.base import Parameter, Penalty, Prior, Style, per_fit
from search.penalties.elastic_net import soft_threshold

if TYPE_CHECKING:
    from torch import Tensor

GAMMA = Parameter(
    "gamma",
    (3.0,),
    accepts=lambda gamma: gamma > 1,
    valid="above 1",
    description="mcp: how far the penalty reaches, in units of lambda; it tends to l1 as gamma grows",
    log=True,
)


@dataclass(frozen=True)
class Mcp(Penalty):
    """Sum over weights of lambda |w| - w^2 / (2 gamma) where |w| <= gamma lambda, else gamma lambda^2 / 2 (Zhang 2010).

    Not lambda times a fixed function, and not convex: there is no exact solution, and no prior.
    """

    gamma: float | Tensor
    name: ClassVar[str] = "mcp"
    style: ClassVar[Style] = Style("#8c564b", "hexagon2", "dash")
    parameters: ClassVar[tuple[Parameter, ...]] = (GAMMA,)

    def value(self, weight: Tensor, lambda_: Tensor) -> Tensor:
        size, (lam, gamma) = weight.abs(), self._per_weight(lambda_)
        inside = lam * size - size.square() / (2 * gamma)
        return inside.where(size <= gamma * lam, gamma * lam.square() / 2).sum((-2, -1))

    def prox_(self, weight: Tensor, lambda_: Tensor, step: Tensor | float) -> None:
        """The firm threshold; with a step of gamma or more, where the objective is concave, the hard one."""
        size, (lam, gamma) = weight.abs(), self._per_weight(lambda_)
        steps = weight.new_zeros(()) + step
        stretch = 1 - (steps / gamma).clamp(max=1 - 1e-7)
        firm = (soft_threshold(weight, lam * steps) / stretch).where(size <= gamma * lam, weight)
        hard = weight.where(size > lam * (steps * gamma).sqrt(), 0.0)
        weight.copy_(firm.where(steps < gamma, hard))

    def residual(self, weight: Tensor, gradient: Tensor, lambda_: Tensor) -> Tensor:
        size, (lam, gamma) = weight.abs(), self._per_weight(lambda_)
        inside = (gradient + lam * weight.sign() - weight / gamma).abs()
        moving = inside.where(size <= gamma * lam, gradient.abs())
        return moving.where(weight != 0, (gradient.abs() - lam).clamp(min=0)).amax((-2, -1))

    def lambda_max(self, gradient: Tensor) -> Tensor:
        return gradient.abs().amax((-2, -1))

    def prior(self, lambda_: float, rows: int, noise_variance: float) -> Prior | None:
        return None

    def strengths(self, lambda_: float) -> tuple[float, ...]:
        return (lambda_, float(self.gamma))

    def _per_weight(self, lambda_: Tensor) -> tuple[Tensor, Tensor]:
        """Lambda and gamma, to act on weights."""
        return per_fit(lambda_), per_fit(lambda_.new_zeros(()) + self.gamma)
