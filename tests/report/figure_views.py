"""Small views made by hand, whose figures are known exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from search.core.arrays import Array
from search.core.candidate import Candidate
from search.core.evidence import Evidence
from search.core.results import Results, join
from search.core.snapshot import Snapshot
from search.report.view import StudyView

L2 = [Candidate("none"), Candidate("l2", 0.01), Candidate("l2", 1.0), Candidate("l2", 100.0)]


def outcome(candidate: Candidate, validation, test=None, **changes: Any) -> Results:
    """One candidate: replicate r has train loss r, norm 1 / (1 + lambda), a train curve of 3, 2, 1, three weights."""
    count = len(validation)
    weight = np.array([2.0, -1.0, 0.5]) / (1 + candidate.lambda_)
    known = {
        "train_loss": np.arange(count, dtype=float),
        "weight_norm": np.full(count, 1 / (1 + candidate.lambda_)),
        "nonzero": np.full(count, 0.5),
        "epochs": np.full(count, 3.0),
        "diverged": np.zeros(count, bool),
        "converged": np.ones(count, bool),
        "train_curve": np.tile([3.0, 2.0, 1.0], (count, 1)),
        "validation_curve": np.tile([4.0, 3.0, 3.5], (count, 1)),
        "weights": np.tile(weight, (count, 1, 1)),
        "biases": np.zeros((count, 1)),
        "seconds": 0.1,
    }
    every = {"validation": np.asarray(validation, float), "test": test, **known, **changes}
    return Results((candidate,), **{name: None if each is None else np.array([each]) for name, each in every.items()})


def view_of(
    outcomes: Sequence[Results],
    *,
    judged: bool = True,
    evidence: Evidence | None = None,
    criteria: Mapping[str, Array] | None = None,
    repeated: Sequence[int] = (),
    training: Mapping[str, Any] | None = None,
) -> StudyView:
    """A view of trials 0, 1, ... with these outcomes, and then of the `repeated` ones; judged unless told otherwise.

    `training` is that table of the study file.
    """
    results = replace(join(outcomes), trial=np.arange(len(outcomes)), criteria=criteria or {})
    complete = np.array([*range(len(results)), *repeated])
    trials = results.take(complete).frame().assign(trial=range(len(complete)))
    trials.insert(1, "state", "complete")
    study = Snapshot(
        name="study",
        settings={"name": "study", "data": {"source": "synthetic_linear"}, "training": training or {}},
        versions=(),
        storage="ledger.journal",
        trials=trials,
        results=results,
        complete=complete,
        selected=results.lowest(results.validation_loss),
        evidence=evidence or Evidence(),
        sealed=results.test is None,
    )
    return StudyView.judged(study, confidence=0.95, tolerance=0.01, scope="models") if judged else StudyView(study)


def random_view(candidates: Sequence[Candidate], *, replicates: int = 2, rows: int = 40, test: bool = True, **changes):
    """A view with random losses around 1 + 0.1 * position, the same rows for every candidate."""
    rng = np.random.default_rng(3)
    noise = rng.random((2, replicates, rows))
    own = rng.random((len(candidates), 2, replicates, rows))
    outcomes = [
        outcome(
            candidate,
            1 + 0.1 * place + noise[0] + 0.2 * own[place, 0],
            1 + 0.1 * place + noise[1] + 0.2 * own[place, 1] if test else None,
        )
        for place, candidate in enumerate(candidates)
    ]
    return view_of(outcomes, **changes)


def with_grid(best: float = 0.9, *, test: bool = True) -> StudyView:
    """The view of `L2`, and a dense grid: its first candidate was tried, its second has the lowest loss of all."""
    rng = np.random.default_rng(5)
    strengths = [L2[2].lambda_, 0.3, 3.0, 30.0]
    levels = [9.0, best, 3.0, 4.0]
    rows = [level + 0.2 * rng.random((2, 2, 40)) for level in levels]
    grid = join(
        [
            outcome(Candidate("l2", strength), own[0], own[1] if test else None)
            for strength, own in zip(strengths, rows, strict=True)
        ]
    )
    return random_view(L2, test=test, evidence=Evidence(grid=grid))


def rotated_view(candidates: Sequence[Candidate] = L2, *, folds: int = 4, rows: int = 40) -> StudyView:
    """A rotation with random losses: each row is held out by one fold, and by each pair that this fold is in."""
    rng = np.random.default_rng(7)
    noise, fold = rng.random(rows), np.arange(rows) % folds
    levels = 1 + 0.02 * np.arange(len(candidates))
    turns = fold == np.arange(folds)[:, None]
    pairs = np.array([turns[one] | turns[other] for one, other in combinations(range(folds), 2)])

    def losses(level: float, held: Array) -> Array:
        return np.where(held, level + noise + 0.2 * rng.random(held.shape), np.nan)

    inner = [Results((each,), losses(level, pairs)[None]) for each, level in zip(candidates, levels, strict=True)]
    outcomes = [outcome(each, losses(level, turns)) for each, level in zip(candidates, levels, strict=True)]
    return view_of(outcomes, evidence=Evidence(inner=join(inner)))


def with_losses(candidates: Sequence[Candidate], losses: Sequence[float], **changes: Any) -> StudyView:
    """A view in which every candidate has one loss on all rows; one whose loss is infinite diverged."""
    outcomes = [
        outcome(candidate, np.full((1, 3), loss), np.full((1, 4), loss), diverged=[np.isinf(loss)])
        for candidate, loss in zip(candidates, losses, strict=True)
    ]
    return view_of(outcomes, **changes)


def tuned(penalty: str = "l2", strengths: Sequence[float] = (0.01, 0.1, 1.0, 10.0), **settings: Sequence[Any]):
    """`none` and every lambda with every value of the other settings, which are given in turns of equal length."""
    turns = [dict(zip(settings, values, strict=True)) for values in zip(*settings.values(), strict=True)]
    places = [("none", 0.0), *((penalty, strength) for strength in strengths)]
    return [Candidate(*place, **turn) for place in places for turn in turns]


def column(table, heading):
    """The cells of a page's table under a heading."""
    index = [each.heading for each in table.columns].index(heading)
    return [row[index] for row in table.rows]
