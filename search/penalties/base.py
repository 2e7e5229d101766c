"""The contract of a penalty."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Prior:
    """The prior whose maximum a posteriori estimate the penalised fit is; `scale` is the family's usual one.

    `flat` (scale infinite), `normal` (standard deviation), `laplace` (diversity), `multivariate_laplace` (a group's
    density is proportional to exp(-||w_g|| / scale)), `laplace_normal` (the product of both; no single scale: NaN).
    """

    family: str
    scale: float


class Penalty(ABC):
    """Omega(w) of a weight of shape (..., units, features); everything before the last two axes is a batch of fits.

    Omega = smooth + rest: `smooth` is differentiable and goes into the gradient, the rest has a proximal map. A
    strength (lambda, or a step times lambda) is a tensor that broadcasts against the batch axes.
    """

    name: ClassVar[str]

    @abstractmethod
    def value(self, weight: Tensor) -> Tensor:
        """Omega(w), shape (...). Its autograd gradient is the subgradient with the least norm at zero."""

    @abstractmethod
    def smooth(self, weight: Tensor) -> Tensor:
        """The differentiable part of Omega(w), shape (...)."""

    def smooth_gradient(self, weight: Tensor, strength: Tensor) -> Tensor | None:
        """The gradient of the smooth part times strength, in the weight's shape; None where there is no such part."""
        return None

    @abstractmethod
    def prox(self, weight: Tensor, strength: Tensor) -> Tensor:
        """argmin_u 1/2 ||u - w||^2 + strength * rest(u), where Omega = smooth + rest; its zeros are exact."""

    @abstractmethod
    def residual(self, weight: Tensor, gradient: Tensor, strength: Tensor) -> Tensor:
        """Distance (largest entry or group norm) of 0 from gradient + strength * subdifferential of Omega, shape (...).

        `gradient` is that of the loss alone. Zero exactly at the optimum of loss + strength * Omega.
        """

    @abstractmethod
    def lambda_max(self, gradient: Tensor) -> Tensor:
        """The smallest lambda at which w = 0 is optimal, from the loss's gradient at w = 0, shape (...).

        Where no finite lambda gives w = 0 (l2; elastic_net with l1_ratio below 0.001) glmnet's convention: as if the
        l1 part had the share 0.001 (Friedman, Hastie, Tibshirani 2010, section 2.5). For `none` it is zero.
        """

    @abstractmethod
    def prior(self, lambda_: float, rows: int, noise_variance: float) -> Prior:
        """The prior under which the fit with this lambda is the maximum a posteriori estimate.

        For the loss 1/2 squared error averaged over `rows`: -log prior(w) = rows * lambda * Omega(w) /
        noise_variance + constant.
        """


def per_fit(strength: Tensor) -> Tensor:
    """A strength of shape (...) as (..., 1, 1), to act on weights of shape (..., units, features)."""
    return strength[..., None, None]
