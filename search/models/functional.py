"""Many fits of one module in one call: stacked by `torch.func`, or one after the other."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from search.models.base import Parameters
from search.models.randomness import seeded
from search.models.stackable import Stackable


class Fits(NamedTuple):
    """Stacked parameters and buffers (replicates, candidates, ...), and the replicates' rows (replicates, rows, ...).

    `seeds` (replicates,) and `step` are what dropout draws from; in evaluation None.
    """

    parameters: Parameters
    buffers: Parameters
    x: Tensor
    seeds: Tensor | None
    step: int = 0


def stacked(module: nn.Module, fits: Fits) -> Tensor:
    """The outputs (replicates, candidates, rows, ...) in one pass; all candidates of a replicate share its rows."""
    seeds = fits.x.new_zeros(len(fits.x), dtype=torch.int64) if fits.seeds is None else fits.seeds

    def one(parameters: Parameters, buffers: Parameters, x: Tensor, seed: Tensor) -> Tensor:
        return _call(module, (parameters, buffers), x, None if fits.seeds is None else seed, fits.step)

    candidates: Callable[..., Tensor] = torch.vmap(one, in_dims=(0, 0, None, None))
    if len(fits.x) > 1:
        return torch.vmap(candidates)(fits.parameters, fits.buffers, fits.x, seeds)
    # A second vmap costs even where it has nothing to do.
    parameters, buffers = ({name: value[0] for name, value in each.items()} for each in fits[:2])
    return candidates(parameters, buffers, fits.x[0], seeds[0])[None]


def looped(module: nn.Module, fits: Fits) -> Tensor:
    """The same fit by fit; what a module changes in its buffers stays changed in the fit's own."""
    replicates, candidates = next(iter(fits.parameters.values())).shape[:2]
    outputs = []
    for replicate in range(replicates):
        seed = None if fits.seeds is None else fits.seeds[replicate]
        for candidate in range(candidates):
            state = [{name: value[replicate, candidate] for name, value in each.items()} for each in fits[:2]]
            # For random numbers that are not dropout's.
            with nullcontext() if seed is None else seeded(hash((int(seed), fits.step)), fits.x.device):
                outputs.append(_call(module, (state[0], state[1]), fits.x[replicate].clone(), seed, fits.step))
    return torch.stack(outputs).reshape(replicates, candidates, *outputs[0].shape)


def _call(module: nn.Module, state: tuple[Parameters, Parameters], x: Tensor, seed: Tensor | None, step: int) -> Tensor:
    with Stackable(seed, step):
        return cast(Tensor, torch.func.functional_call(module, state, (x,)))
