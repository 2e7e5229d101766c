"""What a verdict rests on beside the trials, and only the computing arm can compute.

After the search a dense grid of lambda per penalty is trained on the trials' own replicates, and kept outside of them:
it joins the comparison, so that the answer speaks of the searched range and not of the luck of the sampler. In a
rotation the tried candidates are trained once more without two folds at a time: the turns' picks are made from these.
How far another seed moves the selected candidate's loss, and what its exact solution gains, are figures of their own.
What is trained for it is in `confirming`.
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
from search.runs.confirming import FRESH_SEEDS, grid_candidates
from search.training.criteria import baseline_loss, constant_losses, ridge_criteria

if TYPE_CHECKING:
    from collections.abc import Callable

    from search.data.task import Task, Truth
    from search.ledger import StudyLedger
    from search.runs.confirming import Confirming
    from search.runs.tracker import Stage
    from search.settings import Settings
    from search.space import SearchSpace
    from search.training import Training

    Train = Callable[[Stage, Training], Results]


def confirm(confirming: Confirming, ledger: StudyLedger, space: SearchSpace, train: Train) -> None:
    """Have what the verdict needs beside the trials trained, and keep it with the facts.

    Where all of it is there but for the grid, which an earlier run left out, the grid alone is trained.
    """
    settings, task, trials = confirming.settings, confirming.task, ledger.completed()
    if not trials:
        return
    ranked = sorted(trials, key=lambda candidate: ledger.validation_loss(trials[candidate]))
    selected = ledger.selected()
    assert selected is not None, "there are complete trials"
    best = ledger.candidate(selected)
    grid = grid_candidates(space, ranked) if settings.search.confirm else []
    if ledger.confirmed(swept=False):
        if grid:
            ledger.keep_confirmation("grid", train("grid", confirming.grid(grid)))
        ledger.keep_swept()
        return
    known = _known_pairs(ledger, ranked)
    done = {candidate for part in known for candidate in part.candidates}
    unpaired = [candidate for candidate in ranked if candidate not in done]
    found: dict[Stage, Results] = {}
    for stage, training in confirming.trainings(best, unpaired, grid).items():
        found[stage] = train(stage, training)
        if stage in ("exact", "grid"):
            ledger.keep_confirmation(stage, found[stage])
        if stage == "inner":
            ledger.keep_confirmation(stage, join([*known, _validation_alone(found[stage])]))
    told = replace(
        _facts(settings, task, space, ledger, trials),
        seed_losses=seed_losses(found.get("seeds"), len(task.splits)),
        plain=plain(settings, task, found.get("plain")),
    )
    # Last, because they mark the confirmation as done.
    ledger.keep_facts(told, swept=settings.search.confirm)


def _known_pairs(ledger: StudyLedger, tried: list[Candidate]) -> list[Results]:
    """The tried candidates' losses without two folds at a time that an earlier run trained."""
    kept, wanted = ledger.confirmation("inner"), set(tried)
    return [] if kept is None else [kept.take([i for i, each in enumerate(kept.candidates) if each in wanted])]


def _validation_alone(results: Results) -> Results:
    return Results(results.candidates, results.validation)


def seed_losses(results: Results | None, splits: int) -> tuple[float, ...]:
    """The candidate's mean validation loss on each of the fresh seeds; none where nothing in a fit is random."""
    if results is None:
        return ()
    by_seed = results.validation.reshape(splits, FRESH_SEEDS, -1).swapaxes(0, 1)  # from (1, splits x seeds, rows)
    return tuple(float(each) for each in candidate_means(by_seed))


def plain(settings: Settings, task: Task, wrong: Results | None) -> Plain:
    """What the judged rows say of predicting a constant, and for classes how many are wrong (by their error rate)."""
    metric = settings.search.metric_for(task.kind)
    if wrong is None:
        return Plain(metric, _constant_loss(task, metric))
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
