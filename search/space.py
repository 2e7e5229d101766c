"""The search space: the only place with Optuna's parameter names and ranges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from search.records import Candidate, UserError
from search.settings import Range

if TYPE_CHECKING:
    from optuna import Trial
    from torch import Tensor

    from search.data.task import Split, Task
    from search.settings import Settings

DECADES = 4.0
DECADES_MORE_FEATURES_THAN_ROWS = 2.0
RATIOS_IN_A_GRID = 3


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """Penalties, and the range or the values of lambda and of elastic_net's l1_ratio, all resolved to numbers."""

    penalties: tuple[str, ...]
    lambda_: Range | tuple[float, ...]
    l1_ratio: Range | tuple[float, ...]

    @classmethod
    def of(cls, settings: Settings, task: Task) -> SearchSpace:
        """The study file's space; `lambda = "auto"` takes its range from the training rows, see `auto_range`."""
        space = settings.space
        lambda_ = auto_range(task, settings) if space.lambda_ == "auto" else space.lambda_
        return cls(space.penalty, lambda_, space.l1_ratio)

    def suggest(self, trial: Trial) -> Candidate:
        """One candidate: the penalty first, then what this penalty has (define by run)."""
        penalty = trial.suggest_categorical("penalty", self.penalties)
        if penalty == "none":
            return Candidate("none")
        lambda_ = _suggest(trial, "lambda", self.lambda_, log=True)
        ratio = _suggest(trial, "l1_ratio", self.l1_ratio, log=False) if penalty == "elastic_net" else None
        return Candidate(penalty, lambda_, ratio)

    def grid(self, count: int) -> list[Candidate]:
        """The candidates of a grid: `count` of them, evenly over a range of lambda; all of them for lists of values.

        Every penalty gets the same share; elastic_net's is spread over three ratios where l1_ratio is a range.
        `UserError` where lists of values make more than `count`.
        """
        strengths = [penalty for penalty in self.penalties if penalty != "none"]
        candidates = [Candidate("none")] if "none" in self.penalties else []
        shares = np.array_split(np.arange(count - len(candidates)), max(1, len(strengths)))
        for penalty, share in zip(strengths, shares, strict=False):
            candidates += self._penalty_grid(penalty, len(share))
        if len(candidates) > count:
            raise UserError(
                f"search.trials: the grid of all listed values has {len(candidates)} candidates, found {count}; "
                f"write trials = {len(candidates)}"
            )
        return candidates

    def _penalty_grid(self, penalty: str, count: int) -> list[Candidate]:
        if penalty != "elastic_net":
            return [Candidate(penalty, lambda_) for lambda_ in self._lambdas(count)]
        ratios = self.l1_ratio
        if isinstance(ratios, Range):
            points = RATIOS_IN_A_GRID if count >= 2 * RATIOS_IN_A_GRID else 1
            ratios = tuple(np.linspace(ratios.low, ratios.high, points + 2)[1:-1].tolist())
        shares = np.array_split(np.arange(count), len(ratios))
        return [
            Candidate(penalty, lambda_, ratio)
            for ratio, share in zip(ratios, shares, strict=True)
            for lambda_ in self._lambdas(len(share))
        ]

    def _lambdas(self, count: int) -> list[float]:
        if isinstance(self.lambda_, Range):
            low, high = self.lambda_.low, self.lambda_.high
            # Clipped, because the ends of geomspace may miss their numbers by a rounding error.
            return [float(each) for each in np.geomspace(low, high, count).clip(low, high)]
        return list(self.lambda_)


def _suggest(trial: Trial, name: str, over: Range | Sequence[float], *, log: bool) -> float:
    if isinstance(over, Range):
        return trial.suggest_float(name, over.low, over.high, log=log)
    return float(trial.suggest_categorical(name, list(over)))


def auto_range(task: Task, settings: Settings) -> Range:
    """The range of lambda from the data (glmnet's convention; Friedman, Hastie, Tibshirani 2010, section 2.5).

    Per penalty from lambda_max, the smallest lambda with all weights zero on some split's training rows, down four
    decades, or two where features outnumber rows; the range covers all penalties and splits.
    """
    ends = [
        _ends(split, task, penalty, ratio)
        for split in task.splits
        for penalty in settings.space.penalty
        if penalty != "none"
        for ratio in _ratio_ends(penalty, settings)
    ]
    if not ends:
        return Range(low=1.0, high=1.0 + 1e-9)
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    if not 0 < low < high < np.inf:
        raise UserError(
            'space.lambda: "auto" finds no range, because no input is related to the target at all; '
            "write { low = ..., high = ... }"
        )
    return Range(low=low, high=high)


def _ratio_ends(penalty: str, settings: Settings) -> tuple[float | None, ...]:
    if penalty != "elastic_net":
        return (None,)
    ratio = settings.space.l1_ratio
    return (ratio.low, ratio.high) if isinstance(ratio, Range) else (min(ratio), max(ratio))


def _ends(split: Split, task: Task, penalty: str, ratio: float | None) -> tuple[float, float]:
    from search.penalties import make_penalty

    x, residual = split.train.x, null_residual(split, task)
    gradient = residual.mT @ (x - x.mean(0)) / len(x)
    if penalty == "l2":
        # Ridge's lambda has the unit of x^2 whatever the unit of y; glmnet standardises y to the same end.
        gradient = gradient / residual.square().mean().sqrt()
    high = float(make_penalty(penalty, ratio).lambda_max(gradient))
    decades = DECADES if x.shape[1] <= len(x) else DECADES_MORE_FEATURES_THAN_ROWS
    return high / 10**decades, high


def null_residual(split: Split, task: Task) -> Tensor:
    """Prediction minus target of the model with a bias alone, (rows, outputs): the loss's slope in the output."""
    import torch

    y = split.train.y
    if task.kind == "multiclass":
        y = torch.nn.functional.one_hot(y, task.outputs).double()
    target = y.reshape(len(y), -1).double()
    return target.mean(0) - target
