"""Data that are taken as they are: a Dataset of torch, images, sequences of integers. Nothing is preprocessed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, TensorDataset

from search.core.errors import UserError
from search.core.text import one_line
from search.data.targets import Targets


@dataclass(frozen=True, eq=False)
class Ready:
    """Inputs (rows, ...) of any shape and type, and targets; no row is marked as a test row, or has a group or a time.

    `where` names the source in error messages.
    """

    where: str
    x: Tensor
    targets: Targets
    test: None = None
    groups: None = None
    times: None = None

    def __len__(self) -> int:
        return len(self.x)

    def notes(self) -> tuple[str, ...]:
        """What was made of the data."""
        shape = " x ".join(map(str, self.x.shape[1:]))
        kind = str(self.x.dtype).removeprefix("torch.")
        return (
            *self.targets.notes,
            f"the inputs are taken as they are: {len(self):,} rows of {shape} values, {kind}",
        )

    def fingerprint(self) -> str:
        """sha256 over types, shapes and values."""
        digest = hashlib.sha256(str([self.targets.kind, self.targets.names, self.targets.classes]).encode())
        for values in (self.x.contiguous().numpy(), np.ascontiguousarray(self.targets.y)):
            digest.update(f"{values.dtype} {values.shape}".encode())
            digest.update(values.data if values.size else b"")
        return digest.hexdigest()


def ready_arrays(found: object, where: str) -> tuple[Tensor, NDArray[Any]] | None:
    """Inputs and targets of what is taken as it is; None of what is a table.

    That is a `torch.utils.data.Dataset` of pairs (input, target), and a pair (X, y) with an X of more than two axes or
    a torch tensor of integers. `UserError` for inputs that are missing or infinite, and for rows of different shapes.
    """
    if isinstance(found, Dataset):
        x, y = _of_dataset(found, where)
    elif isinstance(found, tuple) and len(found) == 2 and _is_ready(found[0]):
        x, y = _tensor(found[0]), np.asarray(found[1])
    else:
        return None
    if x.ndim < 2 or not len(x) or len(x) != len(y):
        raise UserError(f"{where} gave X of shape {tuple(x.shape)} and {len(y)} targets; X needs (rows, ...)")
    # Not x.isfinite(), which is as large as the data.
    if x.is_floating_point() and not bool(torch.stack(torch.aminmax(x)).isfinite().all()):
        raise UserError(f"{where} gave inputs that are missing or infinite; data that are ready must be finite")
    return x, y


def _is_ready(inputs: object) -> bool:
    if isinstance(inputs, Tensor) and not inputs.is_floating_point():
        return inputs.dtype != torch.bool
    return isinstance(inputs, np.ndarray | Tensor) and inputs.ndim > 2


def _of_dataset(found: Dataset[Any], where: str) -> tuple[Tensor, NDArray[Any]]:
    if isinstance(found, TensorDataset) and len(found.tensors) == 2:
        return found.tensors[0].detach().cpu(), found.tensors[1].detach().cpu().numpy()
    try:
        rows = [found[index] for index in range(len(cast(Any, found)))]
        return torch.stack([_tensor(row[0]) for row in rows]), np.stack([np.asarray(row[1]) for row in rows])
    except (TypeError, ValueError, IndexError, RuntimeError) as error:
        raise UserError(
            f"{where} is a Dataset that cannot be read whole ({type(error).__name__}: {one_line(error)}); "
            "it needs a length, and pairs (input, target) with inputs of one shape"
        ) from error


def _tensor(values: object) -> Tensor:
    if isinstance(values, Tensor):
        return values.detach().cpu()
    array = np.asarray(values)
    return torch.from_numpy(array if array.flags.writeable else array.copy())
