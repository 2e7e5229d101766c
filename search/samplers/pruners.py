"""Optuna's pruners by their names in a study file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from optuna.pruners import BasePruner

# What each compares: nothing, the candidates' losses epoch by epoch, or replicate by replicate.
PRUNERS: Final[Mapping[str, Literal["epoch", "replicate"] | None]] = {
    "none": None,
    "median": "epoch",
    "halving": "epoch",
    "hyperband": "epoch",
    "wilcoxon": "replicate",
}


def make_pruner(name: str, epochs: int) -> BasePruner:
    """The pruner of that name for trainings of that many epochs."""
    from optuna import pruners

    if name == "median":
        return pruners.MedianPruner(n_warmup_steps=epochs // 10)
    if name == "halving":
        return pruners.SuccessiveHalvingPruner()
    if name == "hyperband":
        return pruners.HyperbandPruner(max_resource=epochs)
    return pruners.WilcoxonPruner() if name == "wilcoxon" else pruners.NopPruner()
