"""Own modules, 64 fits each: one batch against one fit after the other, by a loop of torch.nn and torch.optim.

First the two are held to equal losses (1e-6) after one epoch, the batch in double precision, then timed over three in
turns. (In single precision one fit in 64 may meet a kink, where rounding decides: after one epoch such a fit of the
Transformer differs by 6e-4, the others by 1e-7.) The fastest of the turns counts, which other work on the machine
disturbs least. `python tests/benchmarks/own_models.py --threads 2`.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "models"))

from test_own_modules import STUDIES, plain_loop, settings_of

from search.core.candidate import Candidate
from search.data import load_task
from search.training import train
from search.training.plan import replicates

FITS, SIZES = 64, (8, 32)


def main() -> None:
    """Print one row a module and size of minibatch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=3)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    print(f"{FITS} fits, {asked.threads} threads, {torch.__version__}, 3 epochs; seconds")
    print(f"{'module':12} {'minibatch':>9} {'one batch':>10} {'loop':>8} {'times':>6}")
    for name in STUDIES:
        for size in SIZES:
            batched, looped = compared(name, size, asked.turns)
            print(f"{name:12} {size:9} {batched:10.2f} {looped:8.2f} {looped / batched:6.1f}", flush=True)


def compared(name: str, size: int, turns: int) -> tuple[float, float]:
    """The seconds of both ways, equality first."""
    settings = settings_of(name, epochs=3, batch_size=size).replace({"split.scheme": "holdout", "split.refit": False})
    task = load_task(settings)
    candidates = [Candidate("l2", float(each)) for each in np.geomspace(1e-4, 0.1, FITS)]
    [replicate] = replicates(task, settings)
    short = settings.replace({"training.epochs": 1, "training.dtype": "float64"})
    ours = train(task, short, candidates).validation[:, 0, replicate.split.validation.place]
    theirs = np.stack([plain_loop(task, short, each, replicate) for each in candidates])
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6 * np.abs(theirs).max())
    times: list[tuple[float, float]] = []
    for _ in range(turns):
        start = time.perf_counter()
        train(task, settings, candidates)
        middle = time.perf_counter()
        for each in candidates:  # with torch's own dropout, which costs less than a replicate's masks
            plain_loop(task, settings, each, replicate, masks=False)
        times.append((middle - start, time.perf_counter() - middle))
    batched, looped = np.min(times, axis=0)
    return float(batched), float(looped)


if __name__ == "__main__":
    main()
