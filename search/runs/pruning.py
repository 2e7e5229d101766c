"""Optuna's pruner, watching a batch while it trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from optuna import Trial


@dataclass(frozen=True)
class Pruning:
    """Lets Optuna's pruner see every candidate's validation loss, and stop it (`search.training.Observer`)."""

    trials: Sequence[Trial]
    per: Literal["epoch", "replicate"]

    def __call__(self, step: int, losses: Mapping[int, float]) -> set[int]:
        """Report every candidate's validation loss, then ask about each."""
        for index, loss in losses.items():
            self.trials[index].report(loss, step)
        return {index for index in losses if self.trials[index].should_prune()}
