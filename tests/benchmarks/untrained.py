"""A run whose trainings cost nothing: what is left is asking, keeping and telling."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from search.core.results import Results
from search.runs import Run
from search.settings import Settings

VALIDATION, TEST, EPOCHS = 100, 1000, 100


@dataclass
class Untrained(Run):
    """Keeps made-up losses; `drawing` are the seconds that making them took, by the clock and of the processor."""

    drawing: tuple[float, float] = (0.0, 0.0)

    def _train(self, fresh):
        begun = time.perf_counter(), time.process_time()
        made = results(list(fresh))
        taken = time.perf_counter() - begun[0], time.process_time() - begun[1]
        self.drawing = self.drawing[0] + taken[0], self.drawing[1] + taken[1]
        return made


class Drawn(Run):
    """A run that draws losses in place of a training: lambda = 2 is best, and rows differ."""

    def _train(self, fresh):
        candidates, split = tuple(fresh), self.task.splits[0]
        rng = np.random.default_rng(self.ledger.asked())
        strength = np.array([each.lambda_ for each in candidates])
        level = 1 + 0.1 * np.log10(np.maximum(strength, 1e-4) / 2) ** 2
        rows = np.random.default_rng(0).exponential(size=len(split.validation) + len(split.test))
        losses = level[:, None] * rows * rng.uniform(0.9, 1.1, (len(candidates), rows.size))
        validation, test = np.split(losses.astype(np.float32)[:, None], [len(split.validation)], axis=2)
        one, flag = np.ones((len(candidates), 1)), np.zeros((len(candidates), 1), bool)
        return Results(
            candidates,
            validation,
            test,
            train_loss=level[:, None],
            weight_norm=one,
            nonzero=one,
            epochs=one,
            diverged=flag,
            converged=~flag,
            seconds=np.full(len(candidates), 1e-3),
            pruned=flag[:, 0],
        )


def loss_of(candidate):
    """A valley over lambda, a little deeper for l2."""
    return 1 + (np.log10(candidate.lambda_ + 1e-3) - 0.3) ** 2 + 0.1 * (candidate.penalty == "l1")


def results(candidates):
    """What trained candidates leave behind, one replicate each."""
    count = len(candidates)
    level = np.array([loss_of(each) for each in candidates], np.float32)[:, None, None]
    one, flag = np.ones((count, 1)), np.zeros((count, 1), bool)
    curve = np.broadcast_to(level.astype(np.float64), (count, 1, EPOCHS))
    return Results(
        tuple(candidates),
        np.broadcast_to(level, (count, 1, VALIDATION)),
        np.broadcast_to(level, (count, 1, TEST)),
        train_loss=one,
        weight_norm=one,
        nonzero=one,
        epochs=EPOCHS * one,
        diverged=flag,
        converged=~flag,
        train_curve=curve,
        validation_curve=curve,
        seconds=np.ones(count),
        pruned=np.zeros(count, bool),
    )


def study(trials, sampler="tpe"):
    """The default study on drawn data, with that many trials."""
    search = {"trials": trials, "sampler": sampler}
    return Settings.parse({"name": "untrained", "data": {"source": "synthetic_linear"}, "search": search})
