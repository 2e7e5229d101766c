"""Results and studies that the ledger's tests build on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import optuna

from search.core.candidate import Candidate
from search.core.results import Results, join
from search.ledger import Confirmation, StudyLedger, Worker


def make_results(candidate: Candidate, seed: int = 0, *, test: bool = True, **changes: Any) -> Results:
    """One candidate: two replicates, 5 validation and 7 test rows, 3 epochs, 4 features; the second fit diverged."""
    rng = np.random.default_rng(seed)
    validation, tested = rng.random((1, 2, 5), dtype=np.float32), rng.random((1, 2, 7), dtype=np.float32)
    known = {
        "validation": validation,
        "test": tested if test else None,
        "train_loss": rng.random((1, 2)),
        "weight_norm": rng.random((1, 2)),
        "nonzero": rng.random((1, 2)),
        "epochs": np.full((1, 2), 3.0),
        "diverged": np.array([[False, True]]),
        "converged": np.array([[True, True]]),
        "train_curve": rng.random((1, 2, 3)),
        "validation_curve": rng.random((1, 2, 3)),
        "weights": rng.random((1, 2, 1, 4)),
        "seconds": np.array([0.25]),
        "pruned": np.array([False]),
    }
    return Results((candidate,), **(known | changes))


def results_for(candidates: Mapping[int, Candidate], **changes: Any) -> Results:
    """Results of trials (number -> candidate), which differ from trial to trial."""
    made = join([make_results(candidate, number, **changes) for number, candidate in candidates.items()])
    return replace(made, trial=np.array(list(candidates)))


def ask(ledger: StudyLedger, count: int, seed: int = 0, worker: Worker | None = None) -> dict[int, Candidate]:
    """Ask a batch by one write, for a worker if there is one: number -> candidate."""
    study = ledger.study(optuna.samplers.RandomSampler(seed=seed))
    with ledger.alone():
        trials = [study.ask() for _ in range(count)]
        if worker is not None:
            worker.hold(trial.number for trial in trials)
        for trial in trials:
            trial.suggest_categorical("penalty", ["l1", "l2"])
            trial.suggest_float("lambda", 1e-4, 1e2, log=True)
    return {trial.number: Candidate.from_params(trial.params) for trial in trials}


def record(ledger: StudyLedger, candidates: Mapping[int, Candidate], **changes: Any) -> Results:
    """Finish trials with results of their own."""
    results = results_for(candidates, **changes)
    ledger.record(results, list(candidates))
    return results


def run_batch(ledger: StudyLedger, count: int, seed: int = 0, worker: Worker | None = None) -> Results:
    return record(ledger, ask(ledger, count, seed, worker))


def recover(ledger: StudyLedger) -> list[Candidate]:
    """What a new worker finds to be asked again."""
    with ledger.running() as worker:
        return ledger.recover(worker)


def confirm(ledger: StudyLedger, part: Confirmation, results: Results) -> None:
    """Keep a confirmation that one worker trained as a whole."""
    ledger.confirmations.keep_part(f"{part}-{len(ledger.completed())}", results)
    ledger.confirmations.keep(part, [f"{part}-{len(ledger.completed())}"])


def same(found: Results, expected: Results) -> None:
    """Equal to the bit, with the same arrays known."""
    assert found.candidates == expected.candidates
    known, wanted = found.arrays(), expected.arrays()
    assert known.keys() == wanted.keys()
    for name, array in wanted.items():
        assert known[name].dtype == array.dtype, name
        assert known[name].shape == array.shape, name
        assert known[name].tobytes() == array.tobytes(), name


def sealed(results: Results) -> Results:
    """The results as they are read while the seal is closed."""
    return replace(results, test=None)


def open_ledger(storage, name: str = "study", **changes) -> StudyLedger:
    settings = {"name": name, "training": {"lr": 0.1}, "search": {"trials": 8}}
    identity = {"settings": settings, "fingerprint": "abc", "versions": {"torch": "2.13"}} | changes
    return StudyLedger.open(storage, name, **identity)


def flips(body: bytes) -> Iterator[tuple[int, bytes]]:
    """The bytes with each of their bits flipped, one at a time, and where."""
    for place in range(len(body)):
        for bit in range(8):
            each = bytearray(body)
            each[place] ^= 1 << bit
            yield place, bytes(each)
