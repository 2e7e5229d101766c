"""How the learning rate changes over the steps of a training: a factor of the rate that the study file names."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from search.settings import Training


def schedule_factor(training: Training, step: int, steps: float | Tensor) -> float | Tensor:
    """The factor for a step, counted from 0, of a training of that many steps: a number, or one for each candidate.

    `constant`: 1. `cosine`: the first `warmup` share of the steps rises linearly to 1, the others fall along half a
    cosine (1 + cos(pi t / T)) / 2, t = 0 ... T - 1, as torch's `CosineAnnealingLR` does (Loshchilov, Hutter 2017).
    """
    if training.schedule == "constant":
        return 1.0
    each = torch.as_tensor(steps, dtype=torch.float64)
    rising = (training.warmup * each).ceil()
    falling = (1 + (math.pi * (step - rising) / (each - rising)).cos()) / 2
    factor = torch.where(step < rising, (step + 1) / rising, falling).clamp(min=0)
    return factor.to(steps) if isinstance(steps, Tensor) else float(factor)
