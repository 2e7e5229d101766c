"""How long 5,000 fits of the textbook's study take: with this package, and with a plain Optuna and torch loop.

python tests/benchmarks/textbook.py [--batch 100 16] [--threads 1] [--plain-trials 4] [--json]

The study is studies/weight_decay.toml with 50 data sets drawn and 100 trials: 100 candidates x 50 replicates, 100
epochs. `none` is left out of the penalties: its repeats are not trained again, and here every fit is to be trained.
The package is measured as a whole study, from the data to the last trial told, with Optuna, the journal on the disk
and the losses of every row. The plain loop is what one would write by hand, in its fastest form: no DataLoader, trials
in memory, one evaluation at the end of a fit. It is measured on a few trials and scaled: seconds a fit and Optuna's
seconds a trial, each by its own count.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

import optuna
import torch
from torch import nn

from search.data import load_task
from search.data.task import Split
from search.ledger import open_storage
from search.runs import Run
from search.settings import Settings

STUDY = Path(__file__).parents[2] / "studies" / "weight_decay.toml"
CANDIDATES, REPLICATES = 100, 50
PLAIN_REPLICATES = 10


@dataclass(frozen=True)
class Row:
    """One measurement: `seconds` by the clock and `cpu` of the processor for `fits` fits; `parts` splits the first.

    Where both differ much with one thread, the machine was busy with something else: do not trust the row.
    """

    what: str
    fits: int
    seconds: float
    cpu: float
    threads: int
    batch: int | None
    parts: dict[str, float]


@dataclass
class TimedRun(Run):
    """A run that notes how long it trains and asks; the rest of its time is the ledger's."""

    training: float = 0.0
    sampler: float = 0.0

    def _ask(self, *args):
        started = time.perf_counter()
        asked = super()._ask(*args)
        self.sampler += time.perf_counter() - started
        return asked

    def _train(self, *args):
        started = time.perf_counter()
        trained = super()._train(*args)
        self.training += time.perf_counter() - started
        return trained


def textbook(batch: int) -> Settings:
    """The textbook's study with as many candidates and replicates as the figure asks for."""
    return Settings.load(STUDY).replace(
        {
            "data.draws": REPLICATES,
            "space.penalty": ["l1", "l2"],
            "search.trials": CANDIDATES,
            "search.batch": batch,
            "training.device": "cpu",
        }
    )


def package_row(batch: int) -> Row:
    """The whole study by this package, on a journal in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        started, cpu = time.perf_counter(), time.process_time()
        run = TimedRun.open(textbook(batch), open_storage(f"{folder}/ledger.journal"))
        opened = time.perf_counter()
        run.search(stop=lambda: False)
        ended, cpu = time.perf_counter(), time.process_time() - cpu
    search = ended - opened
    parts = {
        "data": opened - started,
        "sampler": run.sampler,
        "training": run.training,
        "ledger": search - run.sampler - run.training,
    }
    return Row("lambda-search", run.fits, ended - started, cpu, torch.get_num_threads(), batch, parts)


def plain_fit(split: Split, settings: Settings, penalty: str, lambda_: float, seed: int) -> float:
    """One fit by hand; returns its validation loss."""
    training = settings.training
    x, y = split.train.x.float(), split.train.y.float()
    torch.manual_seed(seed)
    model = nn.Linear(x.shape[1], 1)
    nn.init.normal_(model.weight, std=settings.model.init_std)
    nn.init.zeros_(model.bias)
    decay = lambda_ if penalty == "l2" else 0.0
    groups = [{"params": [model.weight], "weight_decay": decay}, {"params": [model.bias]}]
    optimizer = torch.optim.SGD(groups, lr=training.lr)
    for _ in range(training.epochs):
        for rows in torch.randperm(len(x)).split(training.batch_size):
            optimizer.zero_grad()
            loss = (model(x[rows]) - y[rows]).square().mean() / 2
            if penalty == "l1":
                loss = loss + lambda_ * model.weight.abs().sum()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        return float((model(split.validation.x.float()) - split.validation.y.float()).square().mean())


def plain_row(trials: int) -> Row:
    """The plain loop on `trials` trials of a few replicates each, scaled to all fits."""
    settings = textbook(CANDIDATES)
    splits = load_task(settings).splits
    fitting = 0.0

    def objective(trial: optuna.Trial) -> float:
        nonlocal fitting
        penalty = trial.suggest_categorical("penalty", settings.space.penalty)
        lambda_ = trial.suggest_float("lambda", settings.space.lambda_.low, settings.space.lambda_.high, log=True)
        started = time.perf_counter()
        losses = [plain_fit(splits[i], settings, penalty, lambda_, seed=i) for i in range(PLAIN_REPLICATES)]
        fitting += time.perf_counter() - started
        return sum(losses) / len(losses)

    plain_fit(splits[0], settings, "l2", 1.0, seed=0)  # torch's first backward pass is slow: nobody's fault
    started, cpu = time.perf_counter(), time.process_time()
    optuna.create_study().optimize(objective, n_trials=trials)
    whole, cpu = time.perf_counter() - started, time.process_time() - cpu
    scale = CANDIDATES * REPLICATES / (trials * PLAIN_REPLICATES)
    parts = {
        "training": fitting * scale,
        "sampler": (whole - fitting) / trials * CANDIDATES,
    }
    what = f"plain loop, scaled from {trials * PLAIN_REPLICATES} fits"
    return Row(what, CANDIDATES * REPLICATES, sum(parts.values()), cpu * scale, torch.get_num_threads(), None, parts)


def as_table(rows: list[Row]) -> str:
    """The rows for people; the ratio says how much longer the last row's way takes."""
    pace = [row.fits / row.seconds for row in rows]
    lines = [f"{'':36}{'fits':>7}{'seconds':>9}{'cpu':>9}{'fits/s':>8}{'ratio':>8}  of which"]
    for row, own in zip(rows, pace, strict=True):
        parts = ", ".join(f"{name} {seconds:.2f}" for name, seconds in row.parts.items())
        batch = "" if row.batch is None else f", batch {row.batch}"
        figures = f"{row.fits:7,}{row.seconds:9.2f}{row.cpu:9.2f}{own:8,.0f}{own / pace[-1]:8.1f}"
        lines.append(f"{row.what + batch:36}{figures}  {parts}")
    return "\n".join([*lines, f"torch threads: {rows[0].threads}"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--batch", type=int, nargs="+", default=[CANDIDATES, 16], help="candidates trained at once")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="torch's threads")
    parser.add_argument("--plain-trials", type=int, default=4, help="trials of 10 fits to measure the plain loop on")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    rows = [*map(package_row, options.batch), plain_row(options.plain_trials)]
    print(json.dumps([asdict(row) for row in rows], indent=2) if options.json else as_table(rows))


if __name__ == "__main__":
    main()
