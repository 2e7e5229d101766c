"""While a user's module runs: its dropout draws the replicate's masks, and its layers take the form that stacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any, Final

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor
from torch.overrides import TorchFunctionMode

from search.models.layers import CELLS, attention, plain, recurrent
from search.models.randomness import DROPOUT, uniform

# How many of the last axes are kept or dropped as a whole.
DROPOUTS: Final = {F.dropout: 0, torch.dropout: 0, F.dropout1d: 1, F.dropout2d: 2, F.dropout3d: 3}
RECURRENT: Final = {getattr(torch, name): name for name in CELLS}
# torch's own code, with a check that finds nobody listening: so the calls inside of it are heard one by one.
_ATTENTION_LAYER: Final = FunctionType(
    F.multi_head_attention_forward.__code__,
    {**vars(F), "has_torch_function": lambda _: False},
    argdefs=F.multi_head_attention_forward.__defaults__,
)


class Stackable(TorchFunctionMode):
    """Hears the torch functions that a module calls.

    The masks of its n-th dropout are functions of (seed, n, step, position), see `randomness`: all candidates of a
    replicate have the same. `seed` () and `step` are the replicate's; None in evaluation, where nothing is drawn.
    `widest` is the largest number of values of a tensor met so far, seen by one fit.
    """

    def __init__(self, seed: Tensor | None, step: int = 0) -> None:
        super().__init__()
        self.seed, self.step = seed, step
        self.dropouts = self.widest = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - torch's own signature
        found = self._call(func, args, dict(kwargs or {}))
        if isinstance(found, Tensor):
            self.widest = max(self.widest, found.numel())
        return found

    def _call(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401
        if self.seed is not None and func in DROPOUTS:
            return self._dropout(DROPOUTS[func], *args, **kwargs)
        if func is F.scaled_dot_product_attention and not kwargs.get("enable_gqa"):
            return attention(
                self._drop, *args, **{name: value for name, value in kwargs.items() if name != "enable_gqa"}
            )
        if func is F.multi_head_attention_forward:
            with self:
                return _ATTENTION_LAYER(*args, **kwargs)
        if func in RECURRENT and plain(args):
            return recurrent(RECURRENT[func], self._drop, args)
        return func(*args, **kwargs)

    def _dropout(
        self,
        whole: int,
        input: Tensor,
        p: float = 0.5,
        training: bool = True,
        inplace: bool = False,
        train: bool = True,
    ) -> Tensor:
        if not (training and train):
            return input
        return self._drop(input, p, min(whole, max(0, input.ndim - 2)))

    def _drop(self, x: Tensor, rate: float, whole: int = 0) -> Tensor:
        """Inverted dropout; the last `whole` axes share their draws."""
        if rate == 0 or self.seed is None:
            return x
        self.dropouts += 1
        shape = (*x.shape[: x.ndim - whole], *[1] * whole)
        draws = uniform(self.seed[None], DROPOUT + self.dropouts, self.step, shape)[0]
        return x * ((draws >= rate).to(x.dtype) / (1 - rate) if rate < 1 else 0.0)
