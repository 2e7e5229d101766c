"""The confirming sweep, and what else a verdict rests on that only the computing arm can compute.

After the search a dense grid of lambda per penalty and the finalists are trained on fresh seeds, in one batch, and kept
outside of the trials: whether the best lambda was never tried is then measured and not guessed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from torch import as_tensor, from_numpy

from search.records import Candidate, Outcome
from search.settings import Range, Settings
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
    """Train and keep the sweep, the selected candidate's exact solution, and the criteria; returns the fits trained."""
    done = ledger.done()
    numbers = sorted(done, key=lambda candidate: ledger.validation_loss(done[candidate]))
    if not numbers:
        return 0
    swept = sweep_candidates(space, numbers)
    exact = _exact(settings)
    if exact is not None:
        ledger.keep_confirmation("exact", train(task, exact, [ledger.candidate(_selected(ledger))]))
    ledger.keep_facts(_facts(settings, task, space, done), sealed=_truth(settings, task, ledger, done))
    # Last, because it marks the confirmation as done.
    ledger.keep_confirmation("sweep", train(task, _fresh(settings), swept))
    return len(swept) * (len(task.splits) + len(task.refits)) * settings.training.seeds


def sweep_candidates(space: SearchSpace, ranked: list[Candidate]) -> list[Candidate]:
    """The finalists, best first, and for each penalty with a lambda a dense grid over the searched range."""
    best: dict[str, Candidate] = {}
    for candidate in ranked:
        best.setdefault(candidate.penalty, candidate)
    finalists = [*ranked[:FINALISTS], *best.values()]
    low, high = _ends(space)
    grid = [
        Candidate(penalty, float(lambda_), best[penalty].l1_ratio)
        for penalty in best
        if penalty != "none" and low < high
        for lambda_ in np.geomspace(low, high, GRID)
    ]
    return list(dict.fromkeys([*finalists, *grid]))


def _ends(space: SearchSpace) -> tuple[float, float]:
    values = space.lambda_
    return (values.low, values.high) if isinstance(values, Range) else (min(values), max(values))


def _selected(ledger: StudyLedger) -> int:
    selected = ledger.selected()
    assert selected is not None, "there are completed trials"
    return selected


def _fresh(settings: Settings) -> Settings:
    return _changed(settings, {"seed": (settings.training.seed + FRESH) % 2**32})


def _exact(settings: Settings) -> Settings | None:
    """The same problem solved exactly; None where it is not convex, another objective, or solved exactly already."""
    training = settings.training
    if settings.model.kind != "linear" or training.optimizer == "exact" or training.apply == "decoupled":
        return None
    return _changed(settings, {"optimizer": "exact"}, without=("momentum", "seeds"))


def _changed(settings: Settings, changes: dict[str, Any], without: tuple[str, ...] = ()) -> Settings:
    tables = settings.to_dict()
    tables["training"] = {key: value for key, value in tables["training"].items() if key not in without} | changes
    tables["search"]["pruner"] = "none"
    return Settings.parse(tables)


def _truth(settings: Settings, task: Task, ledger: StudyLedger, done: dict[Candidate, int]) -> dict[str, Any]:
    """The exact risk of every candidate, averaged over its fits, where the law of the data is known."""
    if task.truth is None or settings.model.kind != "linear" or settings.search.metric_for(task.kind) != "mse":
        return {}
    draws = [split.draw for split in task.refits or task.splits for _ in range(settings.training.seeds)]
    return {"true_risk": [_risk(task.truth, outcome, draws) for outcome in ledger.outcomes(list(done.values()))]}


def _risk(truth: Truth, outcome: Outcome, draws: list[int]) -> float | None:
    assert outcome.weights is not None, "linear models keep their weights"
    assert outcome.biases is not None
    own = slice(-len(draws), None)  # the refits, where there are any
    fits = zip(outcome.weights[own, 0], outcome.biases[own, 0], draws, strict=True)
    risks = [float(truth.risk(from_numpy(weight), as_tensor(bias), draw)) for weight, bias, draw in fits]
    risk = float(np.mean(risks))
    return risk if np.isfinite(risk) else None


def _facts(settings: Settings, task: Task, space: SearchSpace, done: dict[Candidate, int]) -> dict[str, Any]:
    """What the verdict's rules and warnings need of the data, as JSON: per trial where it is a list."""
    criteria = ridge_criteria(task, list(done)) if settings.model.kind == "linear" else {}
    low, high = _ends(space)
    return {
        "trials": list(done.values()),
        "features": list(task.features),
        "baseline_loss": baseline_loss(task, settings.search.metric_for(task.kind)),
        "lambda_range": {penalty: [low, high] for penalty in space.penalties if penalty != "none"},
        "criteria": {
            name: [value if np.isfinite(value) else None for value in values] for name, values in criteria.items()
        },
    }
