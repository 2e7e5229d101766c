"""The contract of a penalty: one file brings all that the rest of the house needs to know of it.

The files here are formulas on tensors and import no torch, so that also those rooms can read names, labels, colours and
parameters that have no torch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class Style(NamedTuple):
    """How a penalty is drawn: colour (contrast of 3 to 1 on white and on black), marker symbol and line dash."""

    color: str
    symbol: str
    dash: str


@dataclass(frozen=True)
class Parameter:
    """A number that a penalty has besides lambda, and how it is searched where a study file does not say.

    `default` is a range (low, high), or one fixed value. `valid` says which values there are, `accepts` decides.
    """

    name: str
    default: tuple[float, ...]
    accepts: Callable[[float], bool]
    valid: str
    description: str
    log: bool = False


@dataclass(frozen=True, slots=True)
class Prior:
    """The prior whose maximum a posteriori estimate the penalised fit is; `scale` is the family's usual one.

    `flat` (scale infinite), `normal` (standard deviation), `laplace` (diversity), `multivariate_laplace` (a group's
    density is proportional to exp(-||w_g|| / scale)), `laplace_normal` and `laplace_multivariate_laplace` (the product
    of both; no single scale: NaN).
    """

    family: str
    scale: float


class ConvexParts(NamedTuple):
    """A convex penalty as l1 * sum |w| + group * sum sqrt(units) ||w_feature||_2 + ridge / 2 * sum w^2."""

    l1: float
    group: float
    ridge: float


class Penalty(ABC):
    """lambda * Omega(w), or a function of both, of a weight of shape (..., units, features).

    Everything before the last two axes is a batch of fits. `lambda_` is a tensor that broadcasts against the batch
    axes, a parameter is a number or such a tensor, `step` a number or a tensor that broadcasts against the weight: one
    step a fit, or, for a penalty that is `elementwise`, one a coordinate.

    The penalty is smooth + rest: `smooth_gradient` goes into the gradient, the rest has a proximal map. What acts on
    weights in training, with a name that ends in _ as torch's own, changes them in place: they are walked every step.
    """

    name: ClassVar[str]
    style: ClassVar[Style]
    parameters: ClassVar[tuple[Parameter, ...]] = ()
    elementwise: ClassVar[bool] = True

    @abstractmethod
    def value(self, weight: Tensor, lambda_: Tensor) -> Tensor:
        """The penalty, shape (...). Its autograd gradient is the subgradient with the least norm at zero."""

    def smooth_gradient(self, weight: Tensor, lambda_: Tensor) -> Tensor | None:
        """The gradient of the smooth part, in the weight's shape; None where there is no such part."""
        return None

    def decay_(self, weight: Tensor, lambda_: Tensor, step: Tensor | float) -> None:
        """A step down the smooth part: weight <- weight - step * smooth gradient."""
        gradient = self.smooth_gradient(weight, lambda_)
        if gradient is not None:
            weight -= gradient * step

    def prox_(self, weight: Tensor, lambda_: Tensor, step: Tensor | float) -> None:
        """The rest's proximal map: weight <- argmin_u 1/2 ||u - weight||^2 + step * rest(u), with exact zeros.

        Nothing to do without a rest.
        """
        return

    @abstractmethod
    def residual(self, weight: Tensor, gradient: Tensor, lambda_: Tensor) -> Tensor:
        """Distance (largest entry or group norm) of 0 from gradient + subdifferential of the penalty, shape (...).

        `gradient` is that of the loss alone. Zero exactly at the stationary points of loss + penalty.
        """

    @abstractmethod
    def lambda_max(self, gradient: Tensor) -> Tensor:
        """The smallest lambda at which w = 0 is optimal, from the loss's gradient at w = 0, shape (...).

        Where no finite lambda gives w = 0 (l2; elastic_net with l1_ratio below 0.001) glmnet's convention: as if the
        l1 part had the share 0.001 (Friedman, Hastie, Tibshirani 2010, section 2.5). For `none` it is zero.
        """

    @abstractmethod
    def prior(self, lambda_: float, rows: int, noise_variance: float) -> Prior | None:
        """The prior under which the fit with this lambda is the maximum a posteriori estimate; None without one.

        For the loss 1/2 squared error averaged over `rows`: -log prior(w) = rows * penalty(w) / noise_variance +
        constant.
        """

    def convex_parts(self, lambda_: float) -> ConvexParts | None:
        """What the exact solvers minimise; None for a penalty that they cannot, such as one that is not convex."""
        return None

    def strengths(self, lambda_: float) -> tuple[float, ...]:
        """Numbers of which none is smaller where this penalty penalises every weight vector at least as much."""
        return tuple(self.convex_parts(lambda_) or (lambda_,))


def per_fit(value: Tensor) -> Tensor:
    """A number of every fit, shape (...), as (..., 1, 1), to act on weights of shape (..., units, features)."""
    return value[..., None, None]
