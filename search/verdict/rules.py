"""Rules that pick one candidate from validation losses (or a closed form), and what each of them costs on test rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from search.records import Array, Flags, held_out_se
from search.verdict.record import RuleResult

Index = NDArray[np.intp]

ROUNDING = 1e-12
PLATEAU_SHARE = 0.05


def compare_rules(
    validation: Array, test: Array | None, candidates: pd.DataFrame, *, tolerance: float
) -> tuple[RuleResult, ...]:
    """Every rule that applies, with its candidate, that candidate's test loss, and its regret.

    `validation` and `test` have shape (candidates, replicates, rows). The regret is the plain difference of mean test
    losses to the candidate with the lowest one, so it is never negative and, as that one was picked by its luck on the
    test rows too, a little too large. Test loss and regret are None without test rows. `gcv` (generalised
    cross-validation) and `evidence` (log marginal likelihood) apply where `candidates` has those columns.
    """
    found = points(candidates)
    picks = _validation_picks(validation, found, tolerance) | _closed_form_picks(candidates, found)
    risk = None if test is None else mean_losses(test)
    return tuple(_result(rule, found, index, risk) for rule, index in picks.items())


def _validation_picks(validation: Array, points: Points, tolerance: float) -> dict[str, int]:
    """Rule to candidate index; where every fit diverged nothing but argmin's tie-breaking is left."""
    means = mean_losses(validation)
    picks = {"argmin": points.lowest(means)}
    if np.isfinite(means).any():
        picks["one_standard_error"] = one_standard_error(validation, means, points)
        picks["first_plateau"] = first_plateau(means, points)
        picks["tolerance"] = within_tolerance(means, points, tolerance)
    return picks


def _closed_form_picks(candidates: pd.DataFrame, points: Points) -> dict[str, int]:
    """Lowest `gcv` and highest `evidence`, over the candidates that have one."""
    picks = {}
    for rule, sign in (("gcv", 1.0), ("evidence", -1.0)):
        if rule in candidates and candidates[rule].notna().any():
            score = sign * candidates[rule].to_numpy(dtype=np.float64, na_value=np.nan)
            picks[rule] = points.lowest(np.where(np.isnan(score), np.inf, score))
    return picks


def _result(rule: str, points: Points, index: int, risk: Array | None) -> RuleResult:
    """The rule's candidate with its test loss; no regret where no candidate's test loss is finite."""
    test_loss = None if risk is None else float(risk[index])
    regret = None if risk is None or not np.isfinite(risk).any() else float(risk[index] - risk.min())
    return RuleResult(rule, str(points.penalty[index]), float(points.lambda_[index]), test_loss, regret)


@dataclass(frozen=True)
class Points:
    """The candidates as arrays (candidates,): penalty, lambda (0 for `none`), l1_ratio (0 where there is none)."""

    penalty: NDArray[np.str_]
    lambda_: Array
    l1_ratio: Array

    @cached_property
    def order(self) -> Index:
        """Candidate indices from the largest lambda to the least: the order in which ties are broken."""
        return np.argsort(-self.lambda_, kind="stable")

    def lowest(self, losses: Array) -> int:
        """The candidate with the lowest loss (candidates,), ties to the larger lambda."""
        return int(pick_lowest(losses, self.order))

    def heavier(self, than: int) -> Flags:
        """Which candidates of the same penalty penalise every weight vector at least as much as candidate `than`.

        An elastic net is a pair of strengths, lambda * l1_ratio on sum |w| and lambda * (1 - l1_ratio) on
        1/2 sum w^2: both must be at least as large. For the other penalties it is lambda alone.
        """
        parts = self.lambda_[:, None] * np.stack([self.l1_ratio, 1.0 - self.l1_ratio], axis=-1)
        flags: Flags = (self.penalty == self.penalty[than]) & (parts >= parts[than] * (1 - ROUNDING)).all(axis=-1)
        return flags

    def path(self, losses: Array) -> Flags:
        """The candidates with the penalty that has the lowest loss, and `none` as its lambda = 0.

        `none` starts every penalty's path, so where `none` has the lowest loss the best of the others counts.
        """
        none = self.penalty == "none"
        best = self.lowest(losses if none.all() else np.where(none, np.inf, losses))
        flags: Flags = (self.penalty == self.penalty[best]) | none
        return flags


def points(candidates: pd.DataFrame) -> Points:
    """The candidates of a frame with the columns penalty, lambda and, where there is one, l1_ratio."""
    penalty = candidates["penalty"].to_numpy(dtype=str)
    lambdas = candidates["lambda"].to_numpy(dtype=np.float64, na_value=np.nan)
    ratio = np.zeros(len(candidates))
    if "l1_ratio" in candidates:
        ratio = np.nan_to_num(candidates["l1_ratio"].to_numpy(dtype=np.float64, na_value=0.0))
    return Points(penalty, np.where(penalty == "none", 0.0, lambdas), ratio)


def mean_losses(losses: Array) -> Array:
    """Mean loss of every candidate, (candidates, replicates, rows) -> (candidates,): over the entries that are not NaN.

    A candidate with an infinite entry (a fit that diverged) has an infinite mean.
    """
    held = ~np.isnan(losses)
    means: Array = losses.sum(axis=(1, 2), where=held, dtype=np.float64) / held.sum(axis=(1, 2))
    return means


def fit_losses(losses: Array) -> Array:
    """Mean loss of every fit that held out rows, (candidates, replicates, rows) -> (candidates, such replicates)."""
    held = ~np.isnan(losses)
    counts = held.sum(axis=2)
    used = counts[0] > 0
    means: Array = losses.sum(axis=2, where=held, dtype=np.float64)[:, used] / counts[:, used]
    return means


def pick_lowest(losses: Array, order: Index) -> Index:
    """Index of the lowest loss along the last axis, (..., candidates) -> (...); ties go to the first in `order`."""
    ranked = losses[..., order]
    best = ranked.min(axis=-1, keepdims=True)
    picked: Index = order[(ranked <= best + ROUNDING * np.abs(best)).argmax(axis=-1)]
    return picked


def argmin(means: Array, candidates: pd.DataFrame) -> int:
    """The candidate with the lowest validation loss; among ties the one with the largest lambda."""
    return points(candidates).lowest(means)


def one_standard_error(validation: Array, means: Array, points: Points) -> int:
    """The most penalised candidate whose validation loss is within one standard error of the lowest.

    The standard error is that of the lowest loss itself, over rows (Breiman, Friedman, Olshen, Stone 1984; Hastie,
    Tibshirani, Friedman 2009, section 7.10). The rule moves along `Points.heavier` alone, so never to less penalty.
    With one row there is no standard error, and the rule is argmin.
    """
    best = points.lowest(means)
    return _most_penalised(means, points, float(np.nan_to_num(held_out_se(validation[best]))))


def within_tolerance(means: Array, points: Points, tolerance: float) -> int:
    """The most penalised candidate whose validation loss exceeds the lowest by at most that share of the lowest."""
    return _most_penalised(means, points, tolerance * abs(float(means.min())))


def _most_penalised(means: Array, points: Points, slack: float) -> int:
    """The largest lambda, from the lowest loss on towards more penalty, with a loss within `slack` of the lowest."""
    best = points.lowest(means)
    onward = points.path(means) if points.penalty[best] == "none" else points.heavier(best)
    allowed = onward & (means <= means[best] + slack)
    return int(points.order[allowed[points.order]][0])


def first_plateau(means: Array, points: Points) -> int:
    """The first lambda, in ascending order, at which the loss has dropped and stagnates from there on.

    Stagnates: what is left of the drop is at most 5 % of the whole drop,
    loss(lambda) - lowest <= 0.05 * (loss(least lambda) - lowest), along the penalty with the lowest loss, starting at
    `none` where it was tried. Shares of the whole drop, not steps between neighbours, so that the rule does not depend
    on how finely lambda was tried. Where the least penalty is already the best, it is the answer.
    """
    ascending = points.order[::-1]
    ascending = ascending[(points.path(means) & np.isfinite(means))[ascending]]
    left = means[ascending] - means[ascending].min()
    return int(ascending[(left <= PLATEAU_SHARE * left[0]).argmax()])
