"""Whether fits of a module can train as one batch: found out by trying both ways on a few rows."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from search.core.text import one_line
from search.models.base import Parameters
from search.models.functional import Fits, looped, stacked

TOLERANCE = 1e-4
# What torch's errors say, and what to say of them.
REASONS = (
    (r"\.item\(\)|data-dependent", "its forward depends on the values of its tensors"),
    (r"in-?place|output with shape .* broadcast", "its forward writes in place"),
    (r"randomness|random operation", "its forward draws random numbers of its own"),
    (r"(?:rule not implemented for|batching rule for) (aten::\w+)", r"\1 has no batched form"),
)


def why_not_stacked(module: nn.Module, start: Callable[[int], tuple[Parameters, Parameters]], x: Tensor) -> str | None:
    """Why fits of the module cannot train as one batch; None where they can.

    `start(seed)` gives a fit's parameters and buffers; `x` (rows, ...) are some rows. Tried on two replicates of two
    candidates: outputs and gradients of one pass against those of one fit after the other.
    """
    for each in module.modules():
        if getattr(each, "running_mean", None) is not None:
            return f"{type(each).__name__} keeps running statistics"
    fits = _four_fits(start, x)
    before = fits.x.clone()
    alone = _outcome(module, looped, fits)
    changed = _changed(module, start, fits)
    if changed is not None:
        return changed
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="There is a performance drop")
            together = _outcome(module, stacked, fits)
    except Exception as error:  # whatever a module does that vmap does not allow
        return _reason(error)
    if not torch.equal(before, fits.x):
        return "its forward writes into its input"
    same = all(_close(one, other) for one, other in zip(alone, together, strict=True))
    return None if same else "stacked it gives other numbers"


def _four_fits(start: Callable[[int], tuple[Parameters, Parameters]], x: Tensor) -> Fits:
    starts = [start(seed) for seed in range(4)]
    parameters, buffers = (
        {
            name: torch.stack([single(each[part][name]) for each in starts]).reshape(2, 2, *value.shape)
            for name, value in starts[0][part].items()
        }
        for part in (0, 1)
    )
    return Fits(parameters, buffers, torch.stack([x, x.flip(0)]), torch.arange(2))


def single(value: Tensor) -> Tensor:
    """Numbers with a fraction as float32, whole ones as they are; on the CPU."""
    return value.cpu().float() if value.is_floating_point() else value.cpu()


def _outcome(module: nn.Module, run: Callable[[nn.Module, Fits], Tensor], fits: Fits) -> list[Tensor]:
    """Outputs in evaluation and in training, and the gradients."""
    module.eval()
    with torch.no_grad():
        outputs = run(module, fits._replace(seeds=None))
    module.train()
    leaves = {name: value.clone().requires_grad_() for name, value in fits.parameters.items()}
    trained = run(module, fits._replace(parameters=leaves))
    found = torch.autograd.grad(trained.square().sum(), list(leaves.values()), allow_unused=True)
    return [outputs, trained.detach(), *(each for each in found if each is not None)]


def _changed(module: nn.Module, start: Callable[[int], tuple[Parameters, Parameters]], fits: Fits) -> str | None:
    for name, value in start(0)[1].items():
        if not torch.equal(single(value), fits.buffers[name][0, 0]):
            owner = module.get_submodule(name.rpartition(".")[0])
            return f"{type(owner).__name__} changes {name} in training"
    return None


def _close(one: Tensor, other: Tensor) -> bool:
    scale = float(one.abs().max()) if one.numel() else 0.0
    return one.shape == other.shape and float((one - other).abs().max()) <= TOLERANCE * scale


def _reason(error: Exception) -> str:
    text = one_line(error)
    for pattern, reason in REASONS:
        if (found := re.search(pattern, text, re.IGNORECASE)) is not None:
            return found.expand(reason)
    return f"{type(error).__name__}: {text[:120]}"
