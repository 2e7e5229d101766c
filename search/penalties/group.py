"""The group lasso: whole input features leave the model together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from search.penalties.base import Penalty, Prior, per_fit


@dataclass(frozen=True)
class GroupLasso(Penalty):
    """Omega(w) = sum over features of sqrt(units) * ||w_feature||_2 (Yuan and Lin 2006).

    A group is one input feature's weights to all units of its layer: a column of the (units, features) weight.
    """

    name: ClassVar[str] = "group_lasso"

    def value(self, weight: Tensor) -> Tensor:
        norms: Tensor = torch.linalg.vector_norm(weight, dim=-2)
        return norms.sum(-1) * math.sqrt(weight.shape[-2])

    def smooth(self, weight: Tensor) -> Tensor:
        return weight.new_zeros(weight.shape[:-2])

    def prox(self, weight: Tensor, strength: Tensor) -> Tensor:
        norm = torch.linalg.vector_norm(weight, dim=-2, keepdim=True)
        threshold = per_fit(strength) * math.sqrt(weight.shape[-2])
        kept = norm > threshold
        return weight * torch.where(kept, 1 - threshold / torch.where(kept, norm, 1.0), 0.0)

    def residual(self, weight: Tensor, gradient: Tensor, strength: Tensor) -> Tensor:
        bound = strength[..., None] * math.sqrt(weight.shape[-2])
        norm = torch.linalg.vector_norm(weight, dim=-2)
        slope = torch.linalg.vector_norm(gradient, dim=-2)
        direction = weight / torch.where(norm == 0, 1.0, norm)[..., None, :]
        active = torch.linalg.vector_norm(gradient + bound[..., None, :] * direction, dim=-2)
        return torch.where(norm == 0, (slope - bound).clamp(min=0), active).amax(-1)

    def lambda_max(self, gradient: Tensor) -> Tensor:
        norms: Tensor = torch.linalg.vector_norm(gradient, dim=-2)
        return norms.amax(-1) / math.sqrt(gradient.shape[-2])

    def prior(self, lambda_: float, rows: int, noise_variance: float) -> Prior:
        # The scale is that of a group of one weight; a group of k weights has this scale divided by sqrt(k).
        return Prior("multivariate_laplace", noise_variance / (rows * lambda_))
