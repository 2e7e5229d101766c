"""Outcomes and studies that the ledger's tests build on."""

from __future__ import annotations

import numpy as np
import optuna

from search.ledger import Storage, StudyLedger
from search.records import Candidate, Losses, Outcome


def make_outcome(candidate: Candidate, seed: int = 0, *, pruned: bool = False, test: bool = True) -> Outcome:
    """Two replicates, 5 validation and 7 test rows, 3 epochs, 4 features."""
    rng = np.random.default_rng(seed)
    test_losses = rng.random((2, 7), dtype=np.float32) if test else None
    return Outcome(
        candidate=candidate,
        losses=Losses(rng.random((2, 5), dtype=np.float32), test_losses),
        train_loss=rng.random(2),
        weight_norm=rng.random(2),
        nonzero=rng.random(2),
        diverged=np.array([False, True]),
        converged=np.array([True, True]),
        train_curve=rng.random((2, 3)),
        validation_curve=rng.random((2, 3)),
        weights=rng.random((2, 1, 4)),
        biases=None,
        epochs=3,
        seconds=0.25,
        pruned=pruned,
    )


def ask(ledger: StudyLedger, count: int, seed: int = 0) -> dict[int, Candidate]:
    """Ask a batch by one write: number -> candidate."""
    study = ledger.study(optuna.samplers.RandomSampler(seed=seed))
    with ledger.storage.one_write():
        trials = [study.ask() for _ in range(count)]
        for trial in trials:
            trial.suggest_categorical("penalty", ["l1", "l2"])
            trial.suggest_float("lambda", 1e-4, 1e2, log=True)
    return {trial.number: Candidate.from_params(trial.params) for trial in trials}


def run_batch(ledger: StudyLedger, count: int, seed: int = 0) -> dict[int, Outcome]:
    outcomes = {number: make_outcome(candidate, number) for number, candidate in ask(ledger, count, seed).items()}
    ledger.record(outcomes)
    return outcomes


def open_ledger(storage, name: str = "study", **changes) -> StudyLedger:
    settings = {"name": name, "training": {"lr": 0.1}, "search": {"trials": 8}}
    identity = {"settings": settings, "fingerprint": "abc", "versions": {"torch": "2.13"}} | changes
    return StudyLedger.open(storage, name, **identity)


def dispose(storage: Storage) -> None:
    """Close a database's pooled connections; a journal has none."""
    engine = getattr(getattr(storage.optuna, "_backend", None), "engine", None)
    if engine is not None:
        engine.dispose()
