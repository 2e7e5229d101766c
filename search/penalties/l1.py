"""The lasso's penalty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from search.penalties.base import Parameter, Prior, Style
from search.penalties.elastic_net import ElasticNet

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class L1(ElasticNet):
    """Omega(w) = sum |w| (Tibshirani 1996): an elastic net without its l2 part."""

    l1_ratio: float | Tensor = 1.0
    name: ClassVar[str] = "l1"
    style: ClassVar[Style] = Style("#d55e00", "triangle-up", "dash")
    parameters: ClassVar[tuple[Parameter, ...]] = ()

    def smooth_gradient(self, weight: Tensor, lambda_: Tensor) -> Tensor | None:
        return None

    def decay_(self, weight: Tensor, lambda_: Tensor, step: Tensor | float) -> None:
        return

    def prior(self, lambda_: float, rows: int, noise_variance: float) -> Prior | None:
        return Prior("laplace", noise_variance / (rows * lambda_))
