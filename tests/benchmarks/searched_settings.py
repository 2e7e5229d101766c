"""What settings of their own cost: 64 candidates with 64 different (lambda, lr, dropout), beside 64 with one lr.

    python tests/benchmarks/searched_settings.py [--threads 1] [--repeats 5]

Both train the same network on the same rows; they take turns, and the medians are compared.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import torch

from search.core.candidate import Candidate
from search.data import load_task
from search.settings import Settings
from search.training import train

CANDIDATES = 64
STUDIES = {
    "mlp 64-128-10 on digits": {
        "data": {"source": "digits"},
        "model": {"kind": "mlp", "hidden": [128], "dropout": 0.2},
        "training": {"optimizer": "sgd", "lr": 0.05, "epochs": 3, "batch_size": 64, "device": "cpu"},
    },
    "mlp 64-128-10 on digits, adamw": {
        "data": {"source": "digits"},
        "model": {"kind": "mlp", "hidden": [128], "dropout": 0.2},
        "training": {"optimizer": "adamw", "apply": "decoupled", "lr": 0.01, "epochs": 3, "batch_size": 64},
    },
    "linear, the textbook's": {
        "data": {"source": "synthetic_linear", "draws": 10},
        "training": {"epochs": 100, "device": "cpu"},
    },
}


def candidates(settings: Settings, *, own: bool) -> list[Candidate]:
    """64 lambdas; `own`: each with a learning rate and, for networks, a dropout of its own."""
    draw = np.random.default_rng(0)
    lambdas = 10 ** draw.uniform(-4, 0, CANDIDATES)
    if not own:
        return [Candidate("l2", value) for value in lambdas]
    rates = settings.training.lr * 10 ** draw.uniform(-0.5, 0.5, CANDIDATES)
    shares = draw.uniform(0.05, 0.5, CANDIDATES) if settings.model.kind == "mlp" else [None] * CANDIDATES
    return [
        Candidate("l2", *each, lr=lr, dropout=drop) for each, lr, drop in zip(zip(lambdas), rates, shares, strict=True)
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="torch's threads")
    parser.add_argument("--repeats", type=int, default=5, help="timed runs of each, after a warm-up")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{'':34}{'one lr, s':>12}{'own, s':>10}{'ratio':>8}   (torch threads: {options.threads})")
    for name, tables in STUDIES.items():
        settings = Settings.parse({"name": "benchmark", **tables})
        task = load_task(settings)
        seconds: dict[bool, list[float]] = {False: [], True: []}
        for repeat in range(options.repeats + 1):
            for own, times in seconds.items():
                started = time.perf_counter()
                train(task, settings, candidates(settings, own=own))
                if repeat:
                    times.append(time.perf_counter() - started)
        one, many = (statistics.median(times) for times in seconds.values())
        print(f"{name:34}{one:12.2f}{many:10.2f}{many / one:8.2f}")


if __name__ == "__main__":
    main()
