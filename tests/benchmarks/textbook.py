"""The textbook's study from the command line to the verdict, beside the same search by Optuna's `optimize` (S3).

python tests/benchmarks/textbook.py [--candidates 100] [--draws 50] [--plain-fits 40] [--threads 1] [--repeats 5]
    [--csv ROWS.csv]

The study is studies/weight_decay.toml with 50 data sets drawn and 100 trials: 100 candidates x 50 replicates, 100
epochs. `none` is left out of the penalties: its repeats are not trained again, and here every fit is to be trained.
Ours is `lambda-search run`, a whole process: start, search, journal on the disk with the losses of every row, the
confirming sweep, the model, the verdict. The other is a process that imports Optuna and torch and calls
`Study.optimize` on SQLite with the plain loop of `training_loop.py`, without sweep or verdict; it does some fits, and
what they take beyond its start is scaled to all. That both train alike is what `training_loop.py` shows first.
"""

from __future__ import annotations

import sys
import tempfile
import time
import tomllib
from pathlib import Path

from measure import arguments, carry_out, elsewhere, here, in_turn, whole_process

HERE = Path(__file__).parents[2]
REPLICATES = 10  # data sets of a trial of the plain loop


def textbook(candidates, draws):
    """The text of the textbook's study with as many candidates and replicates as the figure asks for."""
    text = (HERE / "studies" / "weight_decay.toml").read_text(encoding="utf-8")
    for line, other in {
        "[data]": f"[data]\ndraws = {draws}",
        "[training]": '[training]\ndevice = "cpu"',
        'penalty = ["none", "l1", "l2"]': 'penalty = ["l1", "l2"]',
        "trials = 64": f"trials = {candidates}",
        "batch = 16": f"batch = {candidates}",
    }.items():
        assert line in text
        text = text.replace(line, other)
    return text


def ours(candidates, draws, threads):
    """The columns of a whole process of `run`."""
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "study.toml"
        study.write_text(textbook(candidates, draws), encoding="utf-8")
        run = ("-P", "-m", "search", "run", study, "--storage", f"{folder}/ledger.journal", "--quiet")
        cost = whole_process((sys.executable, *run), folder, {"OMP_NUM_THREADS": str(threads)})
    return cost._asdict() | {"fits": candidates * draws, "threads": threads}


def optimize(fits, candidates, draws):
    """Fit by fit: seconds of the objective's study in this process, scaled to all fits, and those of the start."""
    import optuna
    from training_loop import plain_fit

    from search.core.candidate import Candidate
    from search.data import load_task
    from search.settings import Settings
    from search.training.plan import replicates

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    settings = Settings.parse(tomllib.loads(textbook(candidates, draws)))
    task = load_task(settings.replace("data.draws", min(draws, REPLICATES)))
    everyone = replicates(task, settings)
    over = settings.space.lambda_

    def objective(trial):
        penalty = trial.suggest_categorical("penalty", settings.space.penalty)
        candidate = Candidate(penalty, trial.suggest_float("lambda", over.low, over.high, log=True))
        return sum(plain_fit(task, settings, candidate, each).mean() for each in everyone) / len(everyone)

    plain_fit(task, settings.replace("training.epochs", 1), Candidate("l2", 1.0), everyone[0])  # the first is slow
    with tempfile.TemporaryDirectory() as folder:
        study = optuna.create_study(storage=f"sqlite:///{folder}/optuna.db")
        started = time.process_time()
        cost = here(lambda: study.optimize(objective, n_trials=max(1, fits // len(everyone))))
    done, wanted = len(study.trials) * len(everyone), candidates * draws
    return cost._asdict() | {
        "seconds": cost.seconds * wanted / done,
        "cpu_seconds": started + cost.cpu_seconds * wanted / done,
        "fits": wanted,
    }


def measured(options):
    """The rows."""
    size = options.candidates, options.draws
    works = {
        "lambda-search": lambda: ours(*size, options.threads),
        f"Optuna and SQLite, scaled from {options.plain_fits} fits": lambda: elsewhere(
            __file__, (options.plain_fits, *size), threads=options.threads
        ),
    }
    name = f"{options.candidates} candidates x {options.draws} data sets"
    yield from in_turn(options.repeats, works, "S3", name)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--candidates", type=int, default=100)
    parser.add_argument("--draws", type=int, default=50, help="data sets drawn")
    parser.add_argument("--plain-fits", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1, help="of both")
    options = parser.parse_args()
    carry_out(options, optimize, measured)


if __name__ == "__main__":
    main()
