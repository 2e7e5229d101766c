"""Own modules, 64 fits each: one batch against one fit after the other, by a loop of torch.nn and torch.optim.

First the two are held to equal losses (1e-6) after one epoch, the batch in double precision, then timed over three in
turns. (In single precision one fit in 64 may meet a kink, where rounding decides: after one epoch such a fit of the
Transformer differs by 6e-4, the others by 1e-7.)

python tests/benchmarks/own_models.py [--module conv_net ...] [--fits 64] [--threads 2] [--repeats 5] [--csv ROWS.csv]
"""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path

import numpy as np
import torch
from measure import arguments, finish, here, in_turn

sys.path.insert(0, str(Path(__file__).parent.parent / "models"))

from test_own_modules import STUDIES, plain_loop, settings_of

from search.core.candidate import Candidate
from search.data import load_task
from search.training import train
from search.training.plan import replicates

SIZES = (8, 32)


def refuse_differences(task, settings, candidates, replicate):
    """Both ways reach the same losses."""
    short = settings.replace({"training.epochs": 1, "training.dtype": "float64"})
    ours = train(task, short, candidates).validation[:, 0, replicate.split.validation.place]
    theirs = np.stack([plain_loop(task, short, each, replicate) for each in candidates])
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6 * np.abs(theirs).max())


def measured(options):
    """The rows of every module and size of minibatch, equality first."""
    for name, size in product(options.module, SIZES):
        settings = settings_of(name, epochs=3, batch_size=size)
        settings = settings.replace({"split.scheme": "holdout", "split.refit": False})
        task = load_task(settings)
        candidates = [Candidate("l2", float(each)) for each in np.geomspace(1e-4, 0.1, options.fits)]
        [replicate] = replicates(task, settings)
        refuse_differences(task, settings, candidates, replicate)

        def batch(task=task, settings=settings, candidates=candidates):
            train(task, settings, candidates)

        def loop(task=task, settings=settings, candidates=candidates, replicate=replicate):
            for each in candidates:  # with torch's own dropout, which costs less than a replicate's masks
                plain_loop(task, settings, each, replicate, masks=False)

        works = {"lambda-search": batch, "plain loop": loop}
        counted = {
            system: lambda w=work: here(w)._asdict() | {"fits": options.fits, "threads": options.threads}
            for system, work in works.items()
        }
        yield from in_turn(options.repeats, counted, "own modules", f"{name}, minibatches of {size}")


def main() -> None:
    """Print one row a module and size of minibatch."""
    parser = arguments(__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--module", nargs="+", choices=STUDIES, default=list(STUDIES))
    parser.add_argument("--fits", type=int, default=64)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    finish(measured(options), options)


if __name__ == "__main__":
    main()
