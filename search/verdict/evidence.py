"""What a verdict can use beyond the losses: all of it optional, each part enabling one more figure or warning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from search.records import Array, Flags


@dataclass(frozen=True, slots=True)
class Sweep:
    """A confirming sweep: a dense lambda grid and the search's finalists, all trained on fresh seeds.

    `test` (swept, replicates, rows) and `candidates` with the columns penalty, lambda (and l1_ratio), a row each.
    Finalists are those that are among the search's candidates.
    """

    test: Array
    candidates: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Evidence:
    """Optional inputs of `judge`.

    `exact_test` has the shape of `test`: the losses of the exact solutions. `openings` lists how many trials were
    complete at each earlier opening of the test rows, `trials` how many are now. `lambda_range` gives the searched
    (low, high) of each penalty, `train_curves` (candidates, epochs) the training loss after each epoch,
    `baseline_loss` the training loss of predicting one constant.
    """

    sweep: Sweep | None = None
    exact_test: Array | None = None
    openings: tuple[int, ...] = ()
    trials: int = 0
    lambda_range: Mapping[str, tuple[float, float]] | None = None
    train_curves: Array | None = None
    baseline_loss: float | None = None


def finalists(swept: pd.DataFrame, candidates: pd.DataFrame) -> Flags:
    """Which swept candidates the search had evaluated too, shape (swept,)."""
    columns = [name for name in ("penalty", "lambda", "l1_ratio") if name in swept and name in candidates]
    known = pd.MultiIndex.from_frame(candidates[columns])
    return pd.MultiIndex.from_frame(swept[columns]).isin(known)
