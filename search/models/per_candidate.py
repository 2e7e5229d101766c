"""Settings that differ between the candidates of a stack."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from search.core.candidate import Candidate
    from search.settings import Settings


class PerCandidate:
    """A searchable setting of every candidate of a stack, by name: a number where all agree, else one for each.

    Where candidates differ it is a tensor (candidates, 1, ...), so that it broadcasts against a tensor of `ndim` axes
    that begin with (replicates, candidates).
    """

    def __init__(self, settings: Settings, candidates: Sequence[Candidate], like: Tensor) -> None:
        def number(name: str) -> float | Tensor:
            values = [float(settings.setting(name, candidate)) for candidate in candidates]
            return values[0] if len(set(values)) == 1 else like.new_tensor(values)

        self._number = cache(number)

    def __call__(self, name: str, ndim: int) -> float | Tensor:
        """The setting for a tensor of `ndim` axes."""
        value = self._number(name)
        return value.reshape(-1, *[1] * (ndim - 2)) if isinstance(value, Tensor) else value
