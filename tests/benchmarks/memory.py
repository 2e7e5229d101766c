"""Peak memory of 64 stacked fits of a module with a million weights on 50,000 rows: the data are held once.

4 folds x 16 candidates, trained by one minibatch of every fold and evaluated on as many rows: more steps keep nothing
more. Beside it the same with a copy of its rows for every fold. `python tests/benchmarks/memory.py [--csv ROWS.csv]`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from measure import arguments, finish, in_turn
from torch import nn

from search.core.candidate import Candidate
from search.data import load_task
from search.data.task import Rows, Task
from search.settings import Settings
from search.training.memory import peak_bytes
from search.training.plan import problems
from search.training.stack import Stack

ROWS, FEATURES, MINIBATCH, FOLDS, CANDIDATES = 50_000, 784, 64, 4, 16


def net(features: int, outputs: int) -> nn.Module:
    """About a million weights."""
    return nn.Sequential(nn.Linear(features, 1264), nn.ReLU(), nn.Linear(1264, outputs))


def data() -> torch.utils.data.Dataset[tuple[torch.Tensor, ...]]:
    """Rows of noise, float32."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(ROWS, FEATURES, generator=generator)
    return torch.utils.data.TensorDataset(x, torch.randint(0, 10, (ROWS,), generator=generator))


def work(task: Task, settings: Settings) -> None:
    """Train the fits by one minibatch, and evaluate them."""
    candidates = [Candidate("l2", float(each)) for each in np.geomspace(1e-4, 1, CANDIDATES)]
    [problem, *_] = problems(task, settings, candidates[0], "log_loss", torch.device("cpu"))
    small = {part: getattr(problem, part).first_rows(MINIBATCH) for part in ("train", "validation")}
    stack = Stack(replace(problem, **small), candidates, [1] * CANDIDATES)
    stack.epoch(0)
    stack.losses()


def copied(task: Task) -> Task:
    """The same task with a copy of its rows for every fold."""
    splits = [
        replace(each, **{part: _copy(getattr(each, part)) for part in ("train", "validation", "test")})
        for each in task.splits
    ]
    return replace(task, splits=tuple(splits))


def _copy(rows: Rows) -> Rows:
    return Rows(rows.x, rows.y, rows.ids, rows.place)


def measured(options):
    """Peaks, each beside the loaded data, and what the data and the weights take by themselves."""
    settings = Settings.parse(
        {
            "name": "memory",
            "data": {"source": f"{__name__}:data", "task": "classification"},
            "model": {"kind": f"{__name__}:net"},
            "training": {"batch_size": MINIBATCH},
            "split": {"scheme": "kfold", "folds": FOLDS, "test": 0.0, "refit": False},
        }
    )
    tasks: list[Task] = []
    weights = 4 * sum(each.numel() for each in net(FEATURES, 10).parameters()) * FOLDS * CANDIDATES
    works = {
        "data": lambda: 4 * ROWS * FEATURES,
        "weights": lambda: weights,
        "loading": lambda: peak_bytes(lambda: tasks.append(load_task(settings))),
        "lambda-search": lambda: peak_bytes(lambda: work(tasks[-1], settings)),
        "a copy for every fold": lambda: peak_bytes(lambda: work(copied(tasks[-1]), settings)),
    }
    size = f"{FOLDS * CANDIDATES} fits on {ROWS:,} rows"
    peaks = {name: lambda w=each: {"peak_megabytes": w() / 2**20} for name, each in works.items()}
    yield from in_turn(options.repeats, peaks, "memory", size)


def main() -> None:
    """Print the peaks."""
    options = arguments(__doc__, repeats=1).parse_args()
    finish(measured(options), options)


if __name__ == "__main__":
    main()
