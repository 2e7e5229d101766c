"""The records that every part of the pipeline shares: frozen, plain, without torch and without Optuna."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Flags = NDArray[np.bool_]

PENALTIES: Final = ("none", "l1", "l2", "elastic_net", "group_lasso")


class UserError(Exception):
    """What the user got wrong and can mend: one line that names the place and what would be valid.

    The command line prints it and ends with exit code 2; it never shows a traceback for it.
    """


@dataclass(frozen=True, slots=True)
class Candidate:
    """One point of the search space.

    `lambda_` is the strength of the penalty (0 for `none`); `l1_ratio` is set for `elastic_net` alone.
    """

    penalty: str
    lambda_: float = 0.0
    l1_ratio: float | None = None

    def params(self) -> dict[str, Any]:
        """The candidate as Optuna's parameters: `none` has no lambda, only `elastic_net` has an l1_ratio."""
        params: dict[str, Any] = {"penalty": self.penalty}
        if self.penalty != "none":
            params["lambda"] = self.lambda_
        if self.l1_ratio is not None:
            params["l1_ratio"] = self.l1_ratio
        return params

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Candidate:
        """The inverse of `params`."""
        return cls(params["penalty"], params.get("lambda", 0.0), params.get("l1_ratio"))

    def __str__(self) -> str:
        if self.penalty == "none":
            return "no penalty"
        ratio = "" if self.l1_ratio is None else f", l1_ratio {self.l1_ratio:.3g}"
        return f"{self.penalty}, lambda {self.lambda_:.4g}{ratio}"


@dataclass(frozen=True, slots=True)
class Replicate:
    """One (split, seed): which rows train and validate; which initialisation, row order and dropout masks.

    `split` is an index into the task's splits (or, for a refit, into its refits); `seed` is the number
    that everything random in the fit is drawn from, the same for every candidate.
    """

    split: int
    seed: int


@dataclass(frozen=True, slots=True)
class Losses:
    """The evaluation loss of every held-out row, for every fit of one candidate.

    `validation` has shape (replicates, validation rows): NaN where that fit did not hold out that row, infinity
    where the fit diverged. `test` has shape (fits that see the test rows, test rows): the replicates' own models,
    or the refitted ones; None as long as the seal is closed, or where there are no test rows.
    """

    validation: Array
    test: Array | None = None

    def __post_init__(self) -> None:
        if self.validation.ndim != 2 or (self.test is not None and self.test.ndim != 2):
            raise ValueError("losses have two axes: (replicates, rows)")

    def validation_loss(self) -> float:
        """Mean over replicates and the rows they held out: the value that Optuna sees."""
        return held_out_mean(self.validation)

    def validation_se(self) -> float:
        """Standard error of the validation loss: rows are the sample, each averaged over its replicates first."""
        return held_out_se(self.validation)


def held_out_mean(losses: Array) -> float:
    """Mean of (replicates, rows) losses over the entries that are not NaN; infinity if any of them is infinite."""
    return float(np.nanmean(losses, dtype=np.float64))


def held_out_se(losses: Array) -> float:
    """Standard error of the mean over rows of (replicates, rows) losses, NaN with fewer than two rows."""
    held = ~np.isnan(losses)
    count = held.sum(axis=0)
    rows = np.where(held, losses, 0.0).sum(axis=0, dtype=np.float64)[count > 0] / count[count > 0]
    if len(rows) < 2:
        return float("nan")
    if not np.isfinite(rows).all():
        return float("inf")
    return float(rows.std(ddof=1) / np.sqrt(len(rows)))


@dataclass(frozen=True, slots=True)
class Outcome:
    """One candidate's fits: what training returns and the ledger keeps.

    Per-fit arrays have the replicates as their first axis. `train_curve` and `validation_curve` have shape (replicates,
    epochs): the evaluation loss after each epoch, empty for the exact solver. `weights` has shape (fits, outputs,
    features) and `biases` (fits, outputs), the replicates' and then the refits', for linear models whose splits have
    the same columns; None for others.
    A fit that is `diverged` met NaN or infinity; one that is not `converged` missed the exact solver's gap.
    """

    candidate: Candidate
    losses: Losses
    train_loss: Array
    weight_norm: Array
    nonzero: Array
    diverged: Flags
    converged: Flags
    train_curve: Array
    validation_curve: Array
    weights: Array | None
    biases: Array | None
    epochs: int
    seconds: float
    pruned: bool = False
