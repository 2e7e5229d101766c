"""What settings of their own cost: 64 candidates with 64 different (lambda, lr, dropout), beside 64 with one lr.

    python tests/benchmarks/searched_settings.py [--threads 1] [--repeats 5] [--csv ROWS.csv]

Both train the same network on the same rows; they take turns, and the medians are compared.
"""

from __future__ import annotations

import numpy as np
import torch
from measure import arguments, finish, here, in_turn

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


def measured(options):
    """The rows of every study; a first training of each is not counted."""
    for name, tables in STUDIES.items():
        settings = Settings.parse({"name": "benchmark", **tables})
        task = load_task(settings)
        works = {}
        for system, own in (("lambda-search, own settings", True), ("one lr", False)):
            chosen = candidates(settings, own=own)
            train(task, settings, chosen)
            works[system] = lambda t=task, s=settings, c=chosen: here(lambda: train(t, s, c))
        yield from in_turn(options.repeats, works, "searched settings", name)


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="torch's threads")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    finish(measured(options), options)


if __name__ == "__main__":
    main()
