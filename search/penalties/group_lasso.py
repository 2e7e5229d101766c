"""The group lasso: whole input features leave the model together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from search.penalties.base import ConvexParts, Penalty, Prior, Style, per_fit
from search.penalties.elastic_net import soft_threshold

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class GroupLasso(Penalty):
    """Omega(w) = sum over features of sqrt(units) * ||w_feature||_2 (Yuan and Lin 2006).

    A group is one input feature's weights to all units of its layer: a column of the (units, features) weight.
    """

    name: ClassVar[str] = "group_lasso"
    style: ClassVar[Style] = Style("#cc79a7", "pentagon", "longdash")
    elementwise: ClassVar[bool] = False

    def value(self, weight: Tensor, lambda_: Tensor) -> Tensor:
        return lambda_ * group_norms(weight).sum((-2, -1)) * math.sqrt(weight.shape[-2])

    def prox_(self, weight: Tensor, lambda_: Tensor, step: Tensor | float) -> None:
        weight.copy_(group_prox(weight, None, per_fit(lambda_) * step))

    def residual(self, weight: Tensor, gradient: Tensor, lambda_: Tensor) -> Tensor:
        return group_residual(weight, gradient, None, per_fit(lambda_))

    def lambda_max(self, gradient: Tensor) -> Tensor:
        return group_norms(gradient).amax((-2, -1)) / math.sqrt(gradient.shape[-2])

    def prior(self, lambda_: float, rows: int, noise_variance: float) -> Prior | None:
        # The scale is that of a group of one weight; a group of k weights has this scale divided by sqrt(k).
        return Prior("multivariate_laplace", noise_variance / (rows * lambda_))

    def convex_parts(self, lambda_: float) -> ConvexParts | None:
        return ConvexParts(0.0, lambda_, 0.0)


def group_norms(weight: Tensor) -> Tensor:
    """||w_feature||_2 of every feature, (..., units, features) -> (..., 1, features)."""
    if weight.shape[-2] == 1:
        return weight.abs()
    norms: Tensor = weight.mT.contiguous().norm(dim=-1)[..., None, :]  # along the last axis torch is ten times as fast
    return norms


def group_prox(weight: Tensor, l1: Tensor | float | None, group: Tensor | float) -> Tensor:
    """The proximal map of l1 * sum |w| + group * sum sqrt(units) ||w_feature||: soft thresholds, then shorter groups.

    Strengths are numbers or broadcast against the weight; l1 is None without an l1 part. (Simon, Friedman, Hastie,
    Tibshirani 2013, section 3.1.)
    """
    soft = weight if l1 is None else soft_threshold(weight, l1)
    norm = group_norms(soft)
    threshold = group * math.sqrt(weight.shape[-2])
    kept = norm > threshold
    factor = 1 - threshold / norm.where(kept, 1.0)
    return soft * factor.where(kept, 0.0)


def group_residual(weight: Tensor, gradient: Tensor, l1: Tensor | float | None, group: Tensor) -> Tensor:
    """Distance of 0 from gradient + the same penalty's subdifferential: the largest group norm, shape (...)."""
    bound = group * math.sqrt(weight.shape[-2])
    norm = group_norms(weight)
    slope = gradient + bound * weight / norm.where(norm > 0, 1.0)
    if l1 is not None:
        # A weight that is zero in a group that is not takes any subgradient up to l1.
        slope = (slope + l1 * weight.sign()).where(weight != 0, soft_threshold(slope, l1))
        gradient = soft_threshold(gradient, l1)
    dropped = (group_norms(gradient) - bound).clamp(min=0)
    return group_norms(slope).where(norm > 0, dropped).amax((-2, -1))
