"""What a trial costs outside training (S5): asked, its losses kept, told; beside bare Optuna on the same storage.

python tests/benchmarks/storages.py [--trials 300 3000] [--storage journal] [--repeats 5] [--csv ROWS.csv]

Both go on with the same study, copied for each turn, until it has that many trials, the last `LAST` of them timed. Ours
is the search as `run` has it, batches of 16 and the sampler tpe, with losses of 100 validation and 1,000 test rows and
with curves of 100 epochs, but nothing is trained. Optuna asks with the same settings of its TPE, and writes the value
alone. That both propose the same is shown by tests/space/test_tpe.py.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings

import optuna
from measure import Cost, arguments, carry_out, elsewhere, here, in_turn, peak
from untrained import Untrained, loss_of, study

from search.core.candidate import Candidate
from search.ledger import open_storage

LAST = 64
URLS = {"journal": "{}/ledger.journal", "sqlite": "sqlite:///{}/ledger.db"}


def fill(url, trials):
    """A study of that many trials."""
    Untrained.open(study(trials), open_storage(url)).search(stop=lambda: False)


def ours(url, trials):
    """The last trials by the search itself; what the made-up losses took is taken off."""
    run = Untrained.open(study(trials), open_storage(url))
    cost = here(lambda: run.search(stop=lambda: False))
    return Cost(cost.seconds - run.drawing[0], cost.cpu_seconds - run.drawing[1], peak())


def bare(url, trials):
    """The last trials by Optuna alone."""
    sampler = optuna.samplers.TPESampler(seed=0, multivariate=True, group=True, constant_liar=True)
    made = optuna.load_study(study_name="untrained", storage=open_storage(url).optuna, sampler=sampler)
    space = study(trials).space

    def work():
        for _ in range(LAST):
            trial = made.ask()
            penalty = trial.suggest_categorical("penalty", space.penalty)
            strength = 0.0
            if penalty != "none":
                strength = trial.suggest_float("lambda", space.lambda_.low, space.lambda_.high, log=True)
            made.tell(trial, loss_of(Candidate(penalty, strength)))

    return here(work)


SYSTEMS = {"lambda-search": ours, "bare Optuna": bare}


def turn(system, kind, folder, trials):
    """The columns of one timing, on a copy of the study."""
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        return SYSTEMS[system](URLS[kind].format(copy), trials)._asdict()


def measured(options):
    """The rows."""
    for kind in options.storage:
        for trials in options.trials:
            with tempfile.TemporaryDirectory() as folder:
                fill(URLS[kind].format(folder), trials - LAST)
                works = {
                    system: lambda s=system, k=kind, f=folder, n=trials: elsewhere(__file__, (s, k, f, n))
                    for system in SYSTEMS
                }
                size = f"{kind}, the last {LAST} of {trials:,} trials"
                yield from in_turn(options.repeats, works, "S5", size)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--trials", type=int, nargs="+", default=[300, 3000])
    parser.add_argument("--storage", nargs="+", choices=URLS, default=["journal"])
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    carry_out(options, turn, measured)


if __name__ == "__main__":
    main()
