"""How long a report takes: a study of many trials, from the ledger to the written page.

python tests/benchmarks/report.py [--trials 3000] [--json]

The trials have 10 replicates, 100 validation and 300 test rows, 100 epochs and 50 weights, drawn and not trained.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import optuna

from search.ledger import StudyLedger, open_storage
from search.records import Candidate, Losses, Outcome
from search.report.page import write_report
from search.report.view import StudyView
from search.settings import Settings
from search.space import SearchSpace
from search.verdict.study import judge_study

BATCH = 100
REPLICATES = 10
SETTINGS = {
    "name": "large",
    "data": {"source": "synthetic_linear", "test": 300, "features": 50, "draws": REPLICATES},
    "space": {"penalty": ["none", "l1", "l2", "elastic_net"]},
}


def outcome(candidate: Candidate, rng: np.random.Generator) -> Outcome:
    """What a trained candidate leaves behind; lambda = 2 is best."""
    level = 1 + 0.1 * np.log10(max(candidate.lambda_, 1e-4) / 2) ** 2
    losses = [(level * rng.exponential(size=(REPLICATES, rows))).astype(np.float32) for rows in (100, 300)]
    curve = level * (0.2 + 0.5 * np.exp(-np.arange(100) / 20)) * rng.uniform(0.9, 1.1, (REPLICATES, 1))
    no, yes = np.zeros(REPLICATES, bool), np.ones(REPLICATES, bool)
    weights = rng.normal(size=(REPLICATES, 1, 50)) / (1 + candidate.lambda_)
    summary = (curve[:, -1], np.sqrt((weights**2).sum((1, 2))), np.ones(REPLICATES))
    return Outcome(
        candidate, Losses(*losses), *summary, no, yes, curve, curve + 0.1, weights, np.zeros((REPLICATES, 1)), 100, 0.1
    )


def fill(ledger: StudyLedger, trials: int) -> None:
    """Ask and record that many trials, in batches."""
    settings, rng = Settings.parse(SETTINGS), np.random.default_rng(0)
    space = SearchSpace(settings.space.penalty, settings.space.lambda_, settings.space.l1_ratio)
    study = ledger.study(optuna.samplers.RandomSampler(seed=1))
    for _ in range(trials // BATCH):
        with ledger.storage.one_write():
            asked = [study.ask() for _ in range(BATCH)]
            candidates = [space.suggest(trial) for trial in asked]
        ledger.record({trial.number: outcome(each, rng) for trial, each in zip(asked, candidates, strict=True)})


def measure(trials: int, folder: Path) -> dict[str, float]:
    """Seconds of each step on the way to the page, and its size in MB."""
    storage = str(folder / "ledger.journal")
    made = open_storage(storage)
    settings = Settings.parse(SETTINGS).to_dict()
    fill(StudyLedger.open(made, "large", settings=settings, fingerprint="", versions={}), trials)
    marks = [time.perf_counter()]
    ledger = StudyLedger.load(open_storage(storage, create=False), "large")
    marks.append(time.perf_counter())
    verdict = judge_study(ledger, confidence=0.95, tolerance=0.01)
    marks.append(time.perf_counter())
    view = StudyView.of(ledger, verdict)
    marks.append(time.perf_counter())
    page = write_report(view, folder / "large.html")
    marks.append(time.perf_counter())
    seconds = dict(zip(("load", "judge", "view", "page"), np.diff(marks).tolist(), strict=True))
    return seconds | {"total": marks[-1] - marks[0], "megabytes": page.stat().st_size / 1e6}


def main() -> None:
    """Fill a temporary ledger, time its report, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=3000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options.trials, Path(folder))
    if options.json:
        print(json.dumps(figures))
    else:
        print("\n".join(f"{name:>10} {value:8.2f}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
