"""Weight decay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from search.penalties.base import Parameter, Prior, Style
from search.penalties.elastic_net import ElasticNet

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class L2(ElasticNet):
    """Omega(w) = 1/2 sum w^2: half the squared Frobenius norm; weight decay, ridge (Hoerl and Kennard 1970)."""

    l1_ratio: float | Tensor = 0.0
    name: ClassVar[str] = "l2"
    style: ClassVar[Style] = Style("#0072b2", "circle", "solid")
    parameters: ClassVar[tuple[Parameter, ...]] = ()

    def prox_(self, weight: Tensor, lambda_: Tensor, step: Tensor | float) -> None:
        return

    def prior(self, lambda_: float, rows: int, noise_variance: float) -> Prior | None:
        return Prior("normal", (noise_variance / (rows * lambda_)) ** 0.5)
