"""What a verdict rests on beside the trials, and only the computing arm can compute.

After the search a dense grid of lambda per penalty is trained on the trials' own replicates, and kept outside of them:
it joins the comparison, so that the answer speaks of the searched range and not of the luck of the sampler. In a
rotation the tried candidates are trained once more without two folds at a time: the turns' picks are made from these.
How far another seed moves the selected candidate's loss, and what its exact solution gains, are figures of their own.
What is trained for it is in `confirming`; the workers of a study share it out, part by part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple, get_args

import numpy as np
from torch import cat, from_numpy

from search.core.arrays import Array
from search.core.candidate import Candidate
from search.core.evidence import Facts, Plain
from search.core.means import candidate_means
from search.core.results import Results
from search.ledger import Confirmation
from search.runs.confirming import FRESH_SEEDS, grid_candidates
from search.runs.sharing import Stop, share
from search.training.criteria import baseline_loss, constant_losses, ridge_criteria

if TYPE_CHECKING:
    from collections.abc import Callable

    from search.data.task import Task, Truth
    from search.ledger import StudyLedger, Worker
    from search.runs.confirming import Confirming
    from search.runs.tracker import Stage
    from search.settings import Settings
    from search.space import SearchSpace
    from search.training import Training

    Train = Callable[[Stage, Training, float], Results]

AT_ONCE: Final = 64  # candidates of a part, or a batch of the search where that is more
CONFIRMATIONS: Final[tuple[Confirmation, ...]] = get_args(Confirmation)


class Part(NamedTuple):
    """A training that one worker does: a stage, or some of its candidates, `share` of those from here on."""

    stage: Stage
    training: Training
    share: float


@dataclass(frozen=True)
class Unconfirmed:
    """What a study lacks for its verdict: `parts` to train, by names that are the same for all its workers."""

    confirming: Confirming
    ledger: StudyLedger
    space: SearchSpace
    trials: Mapping[Candidate, int]
    parts: Mapping[str, Part]

    def confirm(self, worker: Worker, train: Train, stop: Stop) -> None:
        """Have every part trained by one of the workers, and keep them with the facts."""
        kept = self.ledger.confirmations

        def do(name: str) -> None:
            part = self.parts[name]
            results = train(part.stage, part.training, part.share)
            kept.keep_part(name, _validation_alone(results) if part.stage == "inner" else results)

        def left() -> set[str]:
            return set() if self._confirmed() else self.parts.keys() - kept.parts().keys()

        share(worker, list(self.parts), left, do, stop)
        last = f"facts-{len(self.trials)}"
        share(worker, [last], lambda: [] if self._confirmed() else [last], lambda _: self._keep(), stop)

    def _confirmed(self) -> bool:
        return self.ledger.confirmed(swept=self.confirming.settings.search.confirm)

    def _keep(self) -> None:
        """All parts are there: they become the confirmation, and last the facts mark it as done."""
        kept, again = self.ledger.confirmations, self.ledger.confirmed(swept=False)
        for stage in CONFIRMATIONS:
            own = [name for name, part in self.parts.items() if part.stage == stage]
            # The pairs of an extended search are those of the earlier trials, and the new ones.
            before = [name for name in kept.files("inner") if name not in own] if stage == "inner" else []
            if own:
                kept.keep(stage, [*before, *own])
        if again:
            kept.keep_swept()
            return
        settings, task = self.confirming.settings, self.confirming.task
        told = replace(
            _facts(settings, task, self.space, self.ledger, self.trials),
            seed_losses=seed_losses(kept.read("seeds", with_test=True), len(task.splits)),
            plain=plain(settings, task, kept.read("plain", with_test=True)),
        )
        self.ledger.keep_facts(told, swept=settings.search.confirm)


def unconfirmed(confirming: Confirming, ledger: StudyLedger, space: SearchSpace) -> Unconfirmed | None:
    """What the verdict needs beside the trials; None without trials.

    Where all of it is there but for the grid, which an earlier run left out, that is the grid alone.
    """
    trials, selected = ledger.completed(), ledger.selected()
    if selected is None:
        return None
    ranked = sorted(trials, key=lambda candidate: ledger.validation_loss(trials[candidate]))
    grid = grid_candidates(space, ranked) if confirming.settings.search.confirm else []
    if ledger.confirmed(swept=False):
        trainings: dict[Stage, Training] = {"grid": confirming.grid(grid)} if grid else {}
    else:
        pairs = ledger.confirmations.read("inner", with_test=False)
        done = set() if pairs is None else set(pairs.candidates)
        unpaired = [candidate for candidate in ranked if candidate not in done]
        trainings = confirming.trainings(ledger.candidate(selected), unpaired, grid)
    at_once = max(AT_ONCE, confirming.settings.search.batch)
    parts = {f"{stage}-{len(trials)}": _cut(stage, each, at_once) for stage, each in trainings.items()}
    named = {f"{name}-{index}": part for name, cut in parts.items() for index, part in enumerate(cut)}
    return Unconfirmed(confirming, ledger, space, trials, named)


def _cut(stage: Stage, training: Training, at_once: int) -> list[Part]:
    """A training as parts of so many candidates."""
    every = training.candidates
    cuts = [(first, every[first : first + at_once]) for first in range(0, len(every), at_once)]
    return [Part(stage, replace(training, candidates=cut), len(cut) / (len(every) - first)) for first, cut in cuts]


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
    settings: Settings, task: Task, space: SearchSpace, ledger: StudyLedger, trials: Mapping[Candidate, int]
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


def _true_risk(
    settings: Settings, task: Task, ledger: StudyLedger, trials: Mapping[Candidate, int]
) -> dict[str, Array]:
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
