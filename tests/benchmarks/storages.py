"""What a trial costs on each storage: this project's ledger beside Optuna's own storages, training left out.

python tests/benchmarks/storages.py [--trials 320] [--json]

A trial is: asked with two parameters (random sampler), its losses of 100 validation and 1,000 test rows kept (by the
ledger alone), told with nine user attributes. The ledger writes batches of 16, as `run` does. Optuna's own storages
take the same trial through `Study.ask` and `Study.tell`, one call after the other, and keep no losses.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import optuna
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from search.core.candidate import Candidate
from search.core.results import Results
from search.ledger import StudyLedger, open_storage
from search.settings import Settings

BATCH = 16
ATTRIBUTES = 9


def ask(study: optuna.Study) -> tuple[optuna.Trial, Candidate]:
    """One trial with two parameters."""
    trial = study.ask()
    return trial, Candidate(trial.suggest_categorical("penalty", ["l1", "l2"]), trial.suggest_float("lambda", 1e-3, 1))


def results(candidates: list[Candidate]) -> Results:
    """What trained candidates leave behind."""
    count = len(candidates)
    one, flag, curve = np.ones((count, 1)), np.zeros((count, 1), bool), np.ones((count, 1, 100))
    return Results(
        tuple(candidates),
        np.ones((count, 1, 100), np.float32),
        np.ones((count, 1, 1000), np.float32),
        train_loss=one,
        weight_norm=one,
        nonzero=one,
        epochs=100 * one,
        diverged=flag,
        converged=~flag,
        train_curve=curve,
        validation_curve=curve,
        seconds=np.ones(count),
        pruned=np.zeros(count, bool),
    )


def ledger_seconds(url: str, trials: int) -> float:
    """Seconds that the ledger needs for the trials, in batches."""
    settings = Settings.parse({"name": "storages", "data": {"source": "synthetic_linear"}}).to_dict()
    ledger = StudyLedger.open(open_storage(url), "storages", settings=settings, fingerprint="", versions={})
    started = time.perf_counter()
    for _ in range(trials // BATCH):
        with ledger.storage.one_write():
            study = ledger.study(optuna.samplers.RandomSampler(0))
            asked = [ask(study) for _ in range(BATCH)]
        ledger.record(results([candidate for _, candidate in asked]), [trial.number for trial, _ in asked])
    return time.perf_counter() - started


def optuna_seconds(storage: BaseStorage, trials: int) -> float:
    """Seconds that Optuna alone needs for the trials."""
    study = optuna.create_study(storage=storage, sampler=optuna.samplers.RandomSampler(0))
    started = time.perf_counter()
    for _ in range(trials):
        trial, _ = ask(study)
        for number in range(ATTRIBUTES):
            trial.set_user_attr(f"attribute {number}", 1.0)
        study.tell(trial, 1.0)
    return time.perf_counter() - started


def measured(folder: Path, trials: int) -> dict[str, float]:
    """Milliseconds a trial by storage."""
    plain = trials // 4
    works: dict[str, Callable[[], float]] = {
        "ledger, journal (default)": lambda: ledger_seconds(str(folder / "ledger.journal"), trials) / trials,
        "ledger, SQLite": lambda: ledger_seconds(f"sqlite:///{folder}/ledger.db", trials) / trials,
        "Optuna, in memory": lambda: optuna_seconds(InMemoryStorage(), plain) / plain,
        "Optuna, journal": lambda: (
            optuna_seconds(JournalStorage(JournalFileBackend(str(folder / "optuna.journal"))), plain) / plain
        ),
        "Optuna, SQLite": lambda: optuna_seconds(RDBStorage(f"sqlite:///{folder}/optuna.db"), plain) / plain,
    }
    return {name: round(1000 * work(), 2) for name, work in works.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=320, help="trials on the ledger; Optuna alone gets a quarter")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        figures = measured(Path(folder), options.trials)
    if options.json:
        print(json.dumps({"trials": options.trials, "milliseconds_per_trial": figures}, indent=2))
    else:
        print("\n".join(f"{name:28}{milliseconds:8.2f} ms a trial" for name, milliseconds in figures.items()))


if __name__ == "__main__":
    main()
