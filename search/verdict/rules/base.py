"""What a rule is: a way to choose one candidate from what validation, or a formula, says of all of them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from search.core.arrays import Array, Flags
from search.core.candidate import Candidate
from search.core.choice import ROUNDING, preference
from search.core.results import Results
from search.penalties import strengths_of


class Options(NamedTuple):
    """What rules may depend on: the regret, relative to the risk, that does not matter."""

    tolerance: float


@dataclass(frozen=True)
class Rule:
    """A rule by its name and label. `pick` gives a candidate's position, None where it does not apply."""

    name: str
    label: str
    pick: Callable[[Results, Options], int | None]


def trained(results: Results) -> bool:
    """Whether any candidate has a finite validation loss; otherwise nothing but tie-breaking is left."""
    return bool(np.isfinite(results.validation_loss).any())


def heavier(results: Results, than: int) -> Flags:
    """Which candidates of the same penalty penalise every weight vector at least as much as candidate `than`.

    Each penalty says by which numbers; an elastic net's are its two strengths, on sum |w| and on 1/2 sum w^2.
    Candidates of which different numbers are known (one lacks its l1_ratio) cannot be compared.
    """
    every = _strengths(results.candidates)
    least = [each * (1 - ROUNDING) for each in every[than]]
    flags = results.penalty == results.penalty[than]
    for position in np.flatnonzero(flags):
        own = every[position]
        flags[position] = len(own) == len(least) and all(map(operator.ge, own, least))
    return np.asarray(flags)


@lru_cache(maxsize=4)
def _strengths(candidates: tuple[Candidate, ...]) -> list[tuple[float, ...]]:
    """The strengths of each candidate; known, as several rules ask on every turn of a rotation."""
    return [strengths_of(candidate) for candidate in candidates]


def path(results: Results, losses: Array) -> Flags:
    """The candidates with the penalty that has the lowest loss, and `none` as its lambda = 0.

    `none` starts every penalty's path, so where `none` has the lowest loss the best of the others counts.
    """
    none = results.penalty == "none"
    best = results.lowest(losses if none.all() else np.where(none, np.inf, losses))
    return np.asarray((results.penalty == results.penalty[best]) | none)


def most_penalised(results: Results, slack: float | Array) -> int:
    """The largest lambda, from the lowest loss on towards more penalty, with a loss within `slack` of the lowest.

    `slack` is one number, or one of each candidate.
    """
    means = results.validation_loss
    best = results.lowest(means)
    onward = path(results, means) if results.penalty[best] == "none" else heavier(results, best)
    order = preference(results.lambda_)
    return int(order[(onward & (means <= means[best] + slack))[order]][0])


def best_score(results: Results, criterion: str, sign: float) -> int | None:
    """The lowest of a criterion's scores times `sign`, over the candidates that have one."""
    score = results.criteria.get(criterion)
    if score is None or np.isnan(score).all():
        return None
    return results.lowest(np.where(np.isnan(score), np.inf, sign * score))
