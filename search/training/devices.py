"""Where a study trains: on one device, or on all GPUs of a machine."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import torch

from search.core.errors import UserError

if TYPE_CHECKING:
    from search.settings import Training


def gpus() -> tuple[torch.device, ...]:
    """The machine's GPUs that torch may use."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return tuple(torch.device("cuda", number) for number in range(count))


def resolve_devices(training: Training) -> tuple[torch.device, ...]:
    """The devices that share a batch: all GPUs for `cuda:all`, else one.

    `auto` is cuda, then mps, then cpu; mps only for float32. UserError where the device named is not there.
    """
    name, every = training.device, gpus()
    single = training.dtype == "float32" and training.optimizer != "exact"
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available() and single,
        "cpu": True,
        "cuda:all": bool(every),
    }
    valid = [each for each, is_there in there.items() if is_there]
    if name not in {"auto", *valid}:
        raise UserError(
            f'training.device: "{name}" is not available on this machine (mps: for float32, not exact); '
            f"valid here: {', '.join(('auto', *valid))}"
        )
    return every if name == "cuda:all" else (torch.device(valid[0] if name == "auto" else name),)


def resolve_device(training: Training) -> torch.device:
    """The first of them, which what cannot be divided trains on."""
    return resolve_devices(training)[0]


def device_notes(training: Training) -> tuple[str, ...]:
    """A line for people where several devices share a batch; UserError as for `resolve_devices`."""
    devices = resolve_devices(training)
    if len(devices) == 1:
        return ()
    names = Counter(torch.cuda.get_device_name(each) if each.type == "cuda" else each.type for each in devices)
    return (f"each batch is divided among {', '.join(f'{count} x {name}' for name, count in names.items())}",)
