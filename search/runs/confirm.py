"""What a verdict rests on beside the trials, and only the computing arm can compute.

After the search a dense grid of lambda per penalty is trained on the trials' own replicates, and kept outside of them:
it joins the comparison, so that the answer speaks of the searched range and not of the luck of the sampler. In a
rotation the tried candidates are trained once more without two folds at a time: the turns' picks are made from these.
How far another seed moves the selected candidate's loss, and what its exact solution gains, are figures of their own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from torch import cat, from_numpy

from search.core.arrays import Array
from search.core.candidate import Candidate
from search.core.evidence import Facts, Plain
from search.core.means import candidate_means
from search.core.results import Results, join
from search.settings import SETTINGS, Settings, has_exact_solution
from search.training import train
from search.training.criteria import baseline_loss, constant_losses, ridge_criteria

if TYPE_CHECKING:
    from search.data.task import Task, Truth
    from search.ledger import StudyLedger
    from search.space import SearchSpace

GRID = 24
FRESH = 1_000_003  # added to training.seed, so that no seed of the search comes back
FRESH_SEEDS = 5


def confirm(settings: Settings, task: Task, ledger: StudyLedger, space: SearchSpace) -> int:
    """Train and keep what the verdict needs beside the trials, and the facts; returns the fits trained."""
    trials = ledger.completed()
    selected = ledger.selected()
    if selected is None:
        return 0
    settings = settings.replace("search.pruner", "none")
    best = ledger.candidate(selected)
    ranked = sorted(trials, key=lambda candidate: ledger.validation_loss(trials[candidate]))
    each = (len(task.splits) + len(task.refits)) * settings.training.seeds
    fits = each * (task.kind != "regression")  # those of `plain`
    if settings.training.optimizer != "exact":
        fits += len(task.splits) * FRESH_SEEDS
    exact = exact_settings(settings)
    if exact is not None:
        ledger.keep_confirmation("exact", train(task, exact, [best]))
        fits += each // settings.training.seeds
    if task.pairs:
        inner, fresh = _inner(settings, task, ledger, ranked)
        ledger.keep_confirmation("inner", inner)
        fits += fresh * len(task.pairs) * settings.training.seeds
    grid = grid_candidates(space, ranked)
    if grid:
        ledger.keep_confirmation("grid", train(task, settings, grid))
        fits += len(grid) * each
    told = replace(
        _facts(settings, task, space, ledger, trials),
        seed_losses=seed_losses(settings, task, best),
        plain=plain(settings, task, best),
    )
    # Last, because they mark the confirmation as done.
    ledger.keep_facts(told)
    return fits


def grid_candidates(space: SearchSpace, ranked: list[Candidate]) -> list[Candidate]:
    """For each penalty with a lambda a dense grid over the searched range, without those that were tried.

    All else on the grid is as in the penalty's best candidate; `ranked` are the tried candidates, best first. A penalty
    that was tried as densely already needs none.
    """
    best: dict[str, Candidate] = {}
    for candidate in ranked:
        best.setdefault(candidate.penalty, candidate)
    searched = [(candidate, *space.strength(penalty).ends) for penalty, candidate in best.items() if penalty != "none"]
    grid = [
        candidate.replace(lambda_=float(lambda_))
        for candidate, low, high in searched
        if low < high and not _dense(candidate, ranked, low, high)
        for lambda_ in np.geomspace(low, high, GRID)
    ]
    tried = set(ranked)
    return [candidate for candidate in dict.fromkeys(grid) if candidate not in tried]


def _dense(candidate: Candidate, tried: list[Candidate], low: float, high: float) -> bool:
    """Whether lambda was tried from end to end in steps no wider than the grid's, with all else as in the candidate."""
    same = sorted(each.lambda_ for each in tried if each.replace(lambda_=candidate.lambda_) == candidate)
    steps = np.diff(np.log([low, *same, high]))
    return bool(steps.max() <= np.log(high / low) / (GRID - 1) * (1 + 1e-9))


def _inner(settings: Settings, task: Task, ledger: StudyLedger, tried: list[Candidate]) -> tuple[Results, int]:
    """The tried candidates' losses without two folds at a time, and how many were trained for it, not kept before."""
    kept, wanted = ledger.confirmation("inner"), set(tried)
    known = [] if kept is None else [kept.take([i for i, each in enumerate(kept.candidates) if each in wanted])]
    done = {candidate for part in known for candidate in part.candidates}
    missing = [candidate for candidate in tried if candidate not in done]
    if missing:
        results = train(task.in_pairs(), settings, missing)
        known.append(Results(results.candidates, results.validation))
    return join(known), len(missing)


def seed_losses(settings: Settings, task: Task, candidate: Candidate) -> tuple[float, ...]:
    """The candidate's mean validation loss on each of some fresh seeds; none where nothing in a fit is random."""
    if settings.training.optimizer == "exact":
        return ()
    seed = (settings.training.seed + FRESH) % 2**32
    fresh = settings.replace({"training.seed": seed, "training.seeds": FRESH_SEEDS})
    losses = train(task.without_test(), fresh, [candidate]).validation  # (1, splits x seeds, rows)
    by_seed = losses.reshape(len(task.splits), FRESH_SEEDS, -1).swapaxes(0, 1)
    return tuple(float(each) for each in candidate_means(by_seed))


def exact_settings(settings: Settings) -> Settings | None:
    """The same problem solved exactly; None where it is not convex, another objective, or solved exactly already."""
    training = settings.training
    if settings.model.kind != "linear" or training.optimizer == "exact" or training.apply == "decoupled":
        return None
    solvable = [name for name in settings.space.penalty if has_exact_solution(name)]
    if len(solvable) < len(settings.space.penalty) or settings.smooths_labels or training.loss != "default":
        return None
    unsearched = {f"space.{name}": None for name in SETTINGS}
    return settings.replace({"training.optimizer": "exact", **unsearched})


def plain(settings: Settings, task: Task, candidate: Candidate) -> Plain:
    """What the judged rows say of predicting a constant, and for classes how many the candidate gets right."""
    metric = settings.search.metric_for(task.kind)
    if task.kind == "regression":
        return Plain(metric, _constant_loss(task, metric))
    wrong = train(task, settings.replace("search.metric", "error_rate"), [candidate])
    rate = wrong.validation_loss if wrong.test_loss is None else wrong.test_loss
    return Plain(metric, _constant_loss(task, metric), 1 - float(rate[0]), 1 - _constant_loss(task, "error_rate"))


def _constant_loss(task: Task, metric: str) -> float:
    """The mean loss of the best constant prediction on the rows that the verdict judges."""
    splits = task.refits or task.splits
    parts = [(split, split.test if task.test_rows else split.validation) for split in splits]
    losses = [constant_losses(split, rows, task, metric) for split, rows in parts]
    return float(cat(losses).mean())


def _facts(
    settings: Settings, task: Task, space: SearchSpace, ledger: StudyLedger, trials: dict[Candidate, int]
) -> Facts:
    """What the verdict needs of the data and the space; exact risks under the test rows' seal."""
    return Facts(
        features=tuple(task.features),
        lambda_range={penalty: space.strength(penalty).ends for penalty in space.penalties if penalty != "none"},
        baseline_loss=baseline_loss(task, settings.search.metric_for(task.kind)),
        trials=tuple(trials.values()),
        criteria=ridge_criteria(task, list(trials)) if _ridge(settings) else {},
        sealed_criteria=_true_risk(settings, task, ledger, trials),
    )


def _ridge(settings: Settings) -> bool:
    """Whether a candidate with l2 is ridge regression."""
    return settings.model.kind == "linear" and settings.training.loss == "default"


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
