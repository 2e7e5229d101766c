"""Workers of one study (S10): trials a second of two beside one process, one thread each, on compute-bound fits.

OMP_NUM_THREADS=1 python tests/benchmarks/workers.py [--workers 2] [--trials 40] [--repeats 5] [--csv ROWS.csv]

Networks on digits, each with a batch of its own. Seconds are those from the first word of a worker until all trials are
finished, so that starting Ray is left out and waiting for each other is not. Needed: two workers on two idle cores do
1.7 times as much as one process.
"""

from __future__ import annotations

import tempfile
import time

from measure import Cost, arguments, carry_out, elsewhere, in_turn, peak

import search


def study(trials):
    """Fits of about a second each."""
    return {
        "name": "workers",
        "data": {"source": "digits"},
        "model": {"kind": "mlp", "hidden": [128]},
        "training": {"epochs": 60, "batch_size": 32, "device": "cpu"},
        "space": {"penalty": ["l2"]},
        "search": {"sampler": "grid", "trials": trials, "batch": 2, "confirm": False},
    }


def turn(workers, trials):
    """The columns of one timing; no workers: this process alone."""
    words = []

    def hear(reached):
        words.append((time.perf_counter(), time.process_time(), reached))

    with tempfile.TemporaryDirectory() as folder:
        search.run(
            study(trials), storage=f"{folder}/ledger.journal", sealed=True, progress=hear, workers=workers or None
        )
    begun, end = words[0], next(word for word in words if word[2].finished == trials)
    return Cost(end[0] - begun[0], end[1] - begun[1], peak())._asdict() | {"fits": trials}


def measured(options):
    """The rows."""
    works = {
        system: lambda n=number: elsewhere(__file__, (n, options.trials), threads=1)
        for system, number in {"lambda-search": options.workers, "one process": 0}.items()
    }
    size = f"{options.workers} workers, {options.trials} networks on digits"
    yield from in_turn(options.repeats, works, "S10", size)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--trials", type=int, default=40)
    options = parser.parse_args()
    carry_out(options, turn, measured)


if __name__ == "__main__":
    main()
