"""Random numbers that belong to a replicate: the same on every device, whatever the fit is batched with.

They are a function of (seed, stream, step, position), computed by SplitMix64 (Steele, Lea, Flood 2014): no state to
carry, so a thousand replicates draw theirs in one tensor operation.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from threading import RLock
from typing import Final

import torch
from torch import Tensor

GOLDEN = 0x9E3779B97F4A7C15 - 2**64
MIX_1 = 0xBF58476D1CE4E5B9 - 2**64
MIX_2 = 0x94D049BB133111EB - 2**64

ROW_ORDER, DROPOUT = 1, 2
TURN: Final = RLock()  # for what belongs to the whole process: threads that train on other devices take turns


def random_bits(seeds: Tensor, stream: int, step: int, count: int) -> Tensor:
    """64 random bits, int64, of shape (replicates, count), from seeds (replicates,), int64."""
    key = _mix(_mix(seeds + _times_golden(stream)) + _times_golden(step + 1))
    counter = torch.arange(1, count + 1, device=seeds.device)
    return _mix(key[:, None] + counter * GOLDEN)


def uniform(seeds: Tensor, stream: int, step: int, shape: tuple[int, ...]) -> Tensor:
    """Uniform float32 numbers in [0, 1), of shape (replicates, *shape)."""
    bits = random_bits(seeds, stream, step, prod(shape))
    return (_shift(bits, 40).to(torch.float32) / 2**24).reshape(-1, *shape)


def permutations(seeds: Tensor, step: int, count: int) -> Tensor:
    """A random order of `count` rows for every replicate, int64, of shape (replicates, count)."""
    return random_bits(seeds, ROW_ORDER, step, count).argsort(dim=1, stable=True)


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Within the block torch's own numbers follow from the seed; what is drawn after it knows nothing of the block.

    Those of the CPU and of the device; without one, those of every accelerator too. One thread at a time: the
    generators are the process's.
    """
    accelerator = [device] if device is not None and device.type == "cuda" else []
    with TURN, torch.random.fork_rng(devices=accelerator):
        _seed_torch(seed, device)
        yield


def _seed_torch(seed: int, device: torch.device | None) -> None:
    """Where the device is known, its generator and the CPU's alone.

    `torch.manual_seed` notes the seed for every accelerator that might come, with a trace of the stack, which takes a
    hundred times as long.
    """
    if device is None or device.type not in {"cpu", "cuda"}:
        torch.manual_seed(seed)
        return
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index].manual_seed(seed)


def _mix(x: Tensor) -> Tensor:
    x = (x ^ _shift(x, 30)) * MIX_1
    x = (x ^ _shift(x, 27)) * MIX_2
    return x ^ _shift(x, 31)


def _shift(x: Tensor, places: int) -> Tensor:
    """A right shift that fills with zeros: torch's own repeats the sign."""
    return (x >> places) & ((1 << (64 - places)) - 1)


def _times_golden(count: int) -> int:
    """Count * GOLDEN, wrapped into a signed 64-bit integer as the tensors' products are."""
    return (count * GOLDEN + 2**63) % 2**64 - 2**63
