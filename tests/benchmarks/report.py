"""How long a report takes: a study of many trials, from the ledger to the written page.

python tests/benchmarks/report.py [--trials 3000] [--repeats 5] [--csv ROWS.csv]

Loading, the verdict and the page. The trials have 10 replicates, 100 validation and 300 test rows, 100 epochs and 50
weights, drawn and not trained.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import numpy as np
import optuna
from measure import arguments, carry_out, elsewhere, here, in_turn

from search.core.candidate import Candidate
from search.core.results import Results
from search.data import load_task
from search.doors.study import load
from search.ledger import StudyLedger, open_storage
from search.settings import Settings
from search.space import SearchSpace

BATCH = 100
REPLICATES = 10
SETTINGS = {
    "name": "large",
    "data": {"source": "synthetic_linear", "test": 300, "features": 50, "draws": REPLICATES},
    "space": {"penalty": ["none", "l1", "l2", "elastic_net"]},
}


def results(candidates: list[Candidate], rng: np.random.Generator) -> Results:
    """What trained candidates leave behind; lambda = 2 is best."""
    strength = np.array([candidate.lambda_ for candidate in candidates])[:, None, None]
    level = 1 + 0.1 * np.log10(np.maximum(strength, 1e-4) / 2) ** 2
    fits = (len(candidates), REPLICATES)
    validation, test = ((level * rng.exponential(size=(*fits, rows))).astype(np.float32) for rows in (100, 300))
    curve = level * (0.2 + 0.5 * np.exp(-np.arange(100) / 20)) * rng.uniform(0.9, 1.1, (*fits, 1))
    weights = rng.normal(size=(*fits, 1, 50)) / (1 + strength[..., None])
    return Results(
        tuple(candidates),
        validation,
        test,
        train_loss=curve[..., -1],
        weight_norm=np.sqrt((weights**2).sum((2, 3))),
        nonzero=np.ones(fits),
        epochs=np.full(fits, 100.0),
        diverged=np.zeros(fits, bool),
        converged=np.ones(fits, bool),
        train_curve=curve,
        validation_curve=curve + 0.1,
        weights=weights,
        biases=np.zeros((*fits, 1)),
        seconds=np.full(len(candidates), 0.1),
        pruned=np.zeros(len(candidates), bool),
    )


def fill(ledger: StudyLedger, settings: Settings, trials: int) -> None:
    """Ask and record that many trials, in batches."""
    rng = np.random.default_rng(0)
    space = SearchSpace.from_settings(settings, load_task(settings))
    study = ledger.study(optuna.samplers.RandomSampler(seed=1))
    for _ in range(trials // BATCH):
        with ledger.storage.one_write():
            asked = [study.ask() for _ in range(BATCH)]
            candidates = [space.suggest(trial) for trial in asked]
        ledger.record(results(candidates, rng), [trial.number for trial in asked])


def turn(trials: int) -> dict[str, float]:
    """The columns of one turn, from the ledger to the written page."""
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    settings = Settings.parse(SETTINGS)
    with tempfile.TemporaryDirectory() as folder:
        url = f"{folder}/ledger.journal"
        made = StudyLedger.open(open_storage(url), "large", settings=settings.to_dict(), fingerprint="", versions={})
        fill(made, settings, trials)
        return here(lambda: load("large", url).report(Path(folder) / "large.html"))._asdict()


def measured(options):
    """The rows."""
    works = {"lambda-search": lambda: elsewhere(__file__, (options.trials,))}
    return in_turn(options.repeats, works, "S6", f"report of {options.trials:,} trials")


def main() -> None:
    """Fill a temporary ledger, time its report, and print the figures."""
    parser = arguments(__doc__)
    parser.add_argument("--trials", type=int, default=3000)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    carry_out(options, turn, measured)


if __name__ == "__main__":
    main()
