"""Gradients of stacked parameters: tensors, or products that nobody has multiplied out yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Product:
    """The gradient of a linear layer's weight: the slope of the loss in the layer's outputs, times its inputs.

    `slope` (replicates, candidates, units, rows); `inputs` (batch, features, rows), where the batch is that of the
    replicates, whose candidates share them, or of all fits.
    """

    slope: Tensor
    inputs: Tensor

    def dense(self) -> Tensor:
        """The gradient itself, (replicates, candidates, units, features)."""
        return torch.bmm(self._batched(self.slope), self.inputs.mT).view(*self.slope.shape[:3], -1)

    def descend(self, weight: Tensor, lr: float | Tensor) -> None:
        """Step down along the gradient, in place and in one pass over the weight; `lr` broadcasts against it."""
        matrices = weight.view(len(self.inputs), -1, weight.shape[-1])
        if isinstance(lr, Tensor):
            matrices.baddbmm_(self._batched(self.slope * -lr), self.inputs.mT)
        else:
            matrices.baddbmm_(self._batched(self.slope), self.inputs.mT, alpha=-lr)

    def _batched(self, slope: Tensor) -> Tensor:
        return slope.reshape(len(self.inputs), -1, slope.shape[-1])


Gradients = Mapping[str, Tensor | Product]


def dense(gradient: Tensor | Product) -> Tensor:
    """A gradient multiplied out."""
    return gradient if isinstance(gradient, Tensor) else gradient.dense()
