"""How seconds and memory grow (S8): with fits, trials, rows and features, by decades.

python tests/benchmarks/growth.py [--kind fits trials ...] [--largest N] [--repeats 1] [--csv ROWS.csv]

- `fits`: one training of so many fits of the textbook's linear study, 20 candidates a data set, 10 epochs.
- `trials`: a search of so many trials, random, nothing trained, and its verdict: asked, kept, told and judged.
- `tpe trials`: the search alone with the default sampler, which learns from all trials before, so it is not linear.
- `rows`, `features`: 20 fits of a linear model by descent; `exact rows`, `exact features`: by the exact solver.

Each size is a process of its own, from its smallest decade to the largest that a few minutes allow; `--largest` goes as
far as it says. What is printed as slope is that of the last decade, both axes logarithmic: 1 is linear.
"""

from __future__ import annotations

import tempfile
import warnings

import numpy as np
from measure import arguments, carry_out, elsewhere, here, in_turn

LARGEST = {  # by default
    "fits": 100_000,
    "trials": 10_000,
    "tpe trials": 1_000,
    "rows": 100_000,
    "features": 10_000,
    "exact rows": 100_000,
    "exact features": 1_000,
}
CANDIDATES = 20
SMALLEST = 10


def training(train=20, features=200, draws=1, candidates=CANDIDATES, **keys):
    """A training of the textbook's linear model, as a call."""
    from search.core.candidate import Candidate
    from search.data import load_task
    from search.settings import Settings
    from search.training import train as train_all

    data = {"source": "synthetic_linear", "train": train, "features": features, "draws": draws}
    tables = {"name": "growth", "data": data | {"validation": 20, "test": 20}}
    tables |= {"training": {"epochs": 10, "device": "cpu"} | keys}
    settings = Settings.parse(tables)
    task = load_task(settings)
    candidates = [Candidate("l2", float(each)) for each in np.geomspace(1e-3, 1, candidates)]
    return lambda: train_all(task, settings, candidates)


def searching(trials, sampler):
    """A search that trains nothing, as a call; with the verdict where candidates are drawn at random."""
    import optuna
    from untrained import Untrained, study

    import search
    from search.ledger import open_storage

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)

    def work():
        with tempfile.TemporaryDirectory() as folder:
            url = f"{folder}/ledger.journal"
            Untrained.open(study(trials, sampler), open_storage(url)).search(stop=lambda: False)
            if sampler == "random":
                search.load("untrained", url).judge()

    return work


def piece(kind, size):
    """The work of a kind and size, ready to be called."""
    if kind == "fits":
        draws = max(1, size // CANDIDATES)
        return training(draws=draws, candidates=size // draws)
    if kind.endswith("trials"):
        return searching(size, "random" if kind == "trials" else "tpe")
    exact = {"optimizer": "exact"} if kind.startswith("exact") else {"batch_size": 100, "epochs": 2, "lr": 1e-4}
    if kind.endswith("rows"):
        return training(train=size, features=20, **exact)
    return training(train=200, features=size, **exact)


def turn(kind, size):
    """The columns of one size."""
    return here(piece(kind, size))._asdict()


def measured(options):
    """The rows."""
    for kind in options.kind:
        size = SMALLEST
        while size <= (options.largest or LARGEST[kind]):
            works = {"lambda-search": lambda k=kind, n=size: elsewhere(__file__, (k, n))}
            yield from in_turn(options.repeats, works, "S8", f"{kind} {size:,}")
            size *= 10


def main():
    parser = arguments(__doc__, repeats=1)
    parser.add_argument("--kind", nargs="+", choices=LARGEST, default=list(LARGEST))
    parser.add_argument("--largest", type=int, help="go on to this size, whatever it takes")
    options = parser.parse_args()
    carry_out(options, turn, measured)


if __name__ == "__main__":
    main()
