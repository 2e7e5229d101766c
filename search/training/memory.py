"""Bytes that a computation needs, measured by running a small one: what chunks of a batch are cut by."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from search.core.memory import SHARE_OF_FREE, usable_memory
from search.models.randomness import TURN


def peak_bytes(work: Callable[[], None]) -> int:
    """The largest number of bytes that tensors made by `work` held at once, on whatever device it runs."""
    meter = _StorageMeter()
    with TURN, meter:  # torch notes for the whole process that somebody counts
        work()
    return meter.peak


def usable_bytes(device: torch.device) -> int:
    """Half of the memory that is free on the device: the other half is for what is not measured."""
    if device.type not in {"cuda", "mps"}:
        return usable_memory()
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)
        free -= torch.cuda.memory_allocated(device)
    else:
        free = torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    return int(float(free) * SHARE_OF_FREE)


def is_out_of_memory(error: Exception) -> bool:
    """Whether an allocation failed; that of a CPU is a plain `RuntimeError` of torch's."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


class _StorageMeter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts every storage that an operation returns, until the storage is freed."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = 0
        self.peak = 0
        self._seen: weakref.WeakKeyDictionary[torch.UntypedStorage, bool] = weakref.WeakKeyDictionary()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing here is compiled: torch would import its compiler, a second, only to keep it away from this mode."""
        return False

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Any,  # noqa: ANN401 - torch's own signature
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._count(leaf.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        if storage in self._seen:
            return
        self._seen[storage] = True
        size = storage.nbytes()
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._free, size)

    def _free(self, size: int) -> None:
        self.now -= size
