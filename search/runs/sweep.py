"""The confirming sweep, and what else a verdict rests on that only the computing arm can compute.

After the search a dense grid of lambda per penalty and the finalists are trained on fresh seeds, in one batch, and kept
outside of the trials: whether the best lambda was never tried is then measured and not guessed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from torch import from_numpy

from search.core.arrays import Array
from search.core.candidate import Candidate
from search.core.evidence import Facts
from search.core.results import Results
from search.settings import SETTINGS, Settings, has_exact_solution
from search.training import train
from search.training.criteria import baseline_loss, ridge_criteria

if TYPE_CHECKING:
    from search.data.task import Task, Truth
    from search.ledger import StudyLedger
    from search.space import SearchSpace

GRID = 24
FINALISTS = 8
FRESH = 1_000_003  # added to training.seed, so that no seed of the search comes back


def confirm(settings: Settings, task: Task, ledger: StudyLedger, space: SearchSpace) -> int:
    """Train and keep the sweep, the selected candidate's exact solution, and the facts; returns the fits trained."""
    trials = ledger.completed()
    selected = ledger.selected()
    if selected is None:
        return 0
    ranked = sorted(trials, key=lambda candidate: ledger.validation_loss(trials[candidate]))
    exact = exact_settings(settings)
    if exact is not None:
        ledger.keep_confirmation("exact", train(task, exact, [ledger.candidate(selected)]))
    ledger.keep_facts(_facts(settings, task, space, ledger, trials))
    swept = sweep_candidates(space, ranked)
    # Last, because it marks the confirmation as done.
    ledger.keep_confirmation("sweep", train(task, _fresh(settings), swept))
    return len(swept) * (len(task.splits) + len(task.refits)) * settings.training.seeds


def sweep_candidates(space: SearchSpace, ranked: list[Candidate]) -> list[Candidate]:
    """The finalists, best first, and for each penalty with a lambda a dense grid over the searched range.

    All else on the grid is as in the penalty's best candidate.
    """
    best: dict[str, Candidate] = {}
    for candidate in ranked:
        best.setdefault(candidate.penalty, candidate)
    finalists = [*ranked[:FINALISTS], *best.values()]
    low, high = space.lambda_.ends
    grid = [
        candidate.replace(lambda_=float(lambda_))
        for penalty, candidate in best.items()
        if penalty != "none" and low < high
        for lambda_ in np.geomspace(low, high, GRID)
    ]
    return list(dict.fromkeys([*finalists, *grid]))


def exact_settings(settings: Settings) -> Settings | None:
    """The same problem solved exactly; None where it is not convex, another objective, or solved exactly already."""
    training = settings.training
    if settings.model.kind != "linear" or training.optimizer == "exact" or training.apply == "decoupled":
        return None
    solvable = [name for name in settings.space.penalty if has_exact_solution(name)]
    if len(solvable) < len(settings.space.penalty) or settings.smooths_labels:
        return None
    unsearched = {f"space.{name}": None for name in SETTINGS}
    return settings.replace({"training.optimizer": "exact", "search.pruner": "none", **unsearched})


def _fresh(settings: Settings) -> Settings:
    return settings.replace({"training.seed": (settings.training.seed + FRESH) % 2**32, "search.pruner": "none"})


def _facts(
    settings: Settings, task: Task, space: SearchSpace, ledger: StudyLedger, trials: dict[Candidate, int]
) -> Facts:
    """What the verdict's rules and warnings need of the data; exact risks under the test rows' seal."""
    return Facts(
        features=tuple(task.features),
        lambda_range={penalty: space.lambda_.ends for penalty in space.penalties if penalty != "none"},
        baseline_loss=baseline_loss(task, settings.search.metric_for(task.kind)),
        trials=tuple(trials.values()),
        criteria=ridge_criteria(task, list(trials)) if settings.model.kind == "linear" else {},
        sealed_criteria=_true_risk(settings, task, ledger, trials),
    )


def _true_risk(settings: Settings, task: Task, ledger: StudyLedger, trials: dict[Candidate, int]) -> dict[str, Array]:
    """The exact risk of every candidate, averaged over its fits, where the law of the data is known."""
    if task.truth is None or settings.model.kind != "linear" or settings.search.metric_for(task.kind) != "mse":
        return {}
    draws = [split.draw for split in task.refits or task.splits for _ in range(settings.training.seeds)]
    return {"true_risk": true_risks(task.truth, ledger.results(list(trials.values())), draws).mean(axis=1)}


def true_risks(truth: Truth, results: Results, draws: list[int]) -> Array:
    """The exact risk of every fit that sees the test rows, (candidates, fits); `draws` says which law each is of."""
    assert results.weights is not None, "linear models keep their weights"
    assert results.biases is not None
    own = slice(results.weights.shape[1] - len(draws), None)  # the refits, where there are any
    weights, biases = (from_numpy(each[:, own, 0]).double() for each in (results.weights, results.biases))
    risks = [truth.risk(weights[:, fit], biases[:, fit], draw) for fit, draw in enumerate(draws)]
    return np.stack([risk.numpy() for risk in risks], axis=1)
