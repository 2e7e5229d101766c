"""What several studies share: a study by its name, with changes; exact risks; a whole search and its verdict."""

from __future__ import annotations

import copy
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import torch

from search.data import load_task
from search.data.task import Task
from search.ledger import open_storage
from search.records import Array, Candidate, Outcome
from search.runner import Run
from search.settings import Settings, SyntheticLinear
from search.training import train
from search.verdict import Verdict, describe
from search.verdict.study import judge_study

HERE = Path(__file__).parent


def study(name: str, changes: dict[str, Any] | None = None) -> Settings:
    """The settings of studies/NAME.toml, with changes by dotted keys: {"data.draws": 500}."""
    tables = copy.deepcopy(Settings.load(HERE / f"{name}.toml").to_dict())
    for key, value in (changes or {}).items():
        table, _, entry = key.partition(".")
        tables[table][entry] = value
    return Settings.parse(tables, where=f"{name}.toml")


def law(settings: Settings) -> SyntheticLinear:
    """The study's law of the data, which is synthetic."""
    assert isinstance(settings.data, SyntheticLinear), f"{settings.name} has no synthetic data"
    return settings.data


def task_of(settings: Settings) -> Task:
    """The study's data."""
    return load_task(settings)


def grid(penalty: str, lambdas: Sequence[float] | Array) -> list[Candidate]:
    """One candidate for each lambda; lambda 0 is `none`."""
    return [Candidate(penalty, float(value)) if value else Candidate("none") for value in lambdas]


def frame(candidates: Sequence[Candidate]) -> pd.DataFrame:
    """The candidates as `search.judge` and the rules take them."""
    rows = [(each.penalty, each.lambda_, each.l1_ratio) for each in candidates]
    return pd.DataFrame(rows, columns=["penalty", "lambda", "l1_ratio"])


def fitted_weights(outcome: Outcome) -> Array:
    """The weights of a linear model's fits, (fits, outputs, features)."""
    assert outcome.weights is not None, "linear models keep their weights"
    return outcome.weights


def exact_risks(task: Task, outcomes: Sequence[Outcome]) -> Array:
    """The expected squared error of every fit of a synthetic task, in closed form, (candidates, fits)."""
    assert task.truth is not None, "only synthetic data have a known truth"
    weights = torch.from_numpy(_stacked([outcome.weights for outcome in outcomes])).double()[:, :, 0]
    biases = torch.from_numpy(_stacked([outcome.biases for outcome in outcomes])).double()[:, :, 0]
    seeds = weights.shape[1] // len(task.splits)
    per_fit = [
        task.truth.risk(weights[:, fit], biases[:, fit], task.splits[fit // seeds].draw)
        for fit in range(weights.shape[1])
    ]
    return torch.stack(per_fit, 1).numpy()


def validation_losses(outcomes: Sequence[Outcome]) -> Array:
    """The mean validation loss of every fit, (candidates, fits)."""
    means: Array = np.nanmean([outcome.losses.validation for outcome in outcomes], axis=2, dtype=np.float64)
    return means


def held_back_losses(outcomes: Sequence[Outcome]) -> Array:
    """The mean test loss of every fit, (candidates, fits)."""
    means: Array = _stacked([outcome.losses.test for outcome in outcomes]).mean(axis=2, dtype=np.float64)
    return means


def _stacked(parts: Sequence[Array | None]) -> Array:
    return np.stack([part for part in parts if part is not None])


def searched(settings: Settings) -> tuple[Run, Verdict]:
    """Search, confirm and judge a study as `python -m search run` does, in a ledger of its own."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # The ledger's folder goes when the process ends, so that the run can still be read.
    folder = tempfile.mkdtemp(prefix="study-")
    run = Run.open(settings, open_storage(str(Path(folder) / "ledger.journal")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        run.search(report=lambda _: None, stop=lambda: False)
        run.confirm()
    judged = judge_study(run.ledger, confidence=settings.verdict.confidence, tolerance=settings.verdict.tolerance)
    return run, judged


def verdict_figures(verdict: Verdict) -> dict[str, Any]:
    """What a section tells of a verdict: its own words, what was selected and what was best, and each rule's regret."""
    found: dict[str, Any] = verdict.to_dict()
    kept = ("answer", "selected", "best_on_test", "rows_needed", "test_rows", "rules")
    return {key: found[key] for key in kept} | {
        "words": describe(verdict).splitlines(),
        "regret_low": 100 * found["regret"]["relative_lower"],
        "regret_high": 100 * found["regret"]["relative_upper"],
    }


def across_splits(settings: Settings, candidates: Sequence[Candidate], splits: int) -> dict[str, Any]:
    """The same candidates on other test rows: what the validation loss picks, against each candidate kept throughout.

    For each of `splits` seeds of the split everything is cut and trained anew. The reference is the candidate with the
    lowest mean test loss, chosen with hindsight; losses are test means, the error is that of the paired difference's
    mean (the splits share rows, so it is a little too small).
    """
    picked, test = [], []
    for seed in range(splits):
        outcomes = train(task_of(other_split(settings, seed)), other_split(settings, seed), candidates)
        picked.append(int(np.argmin([outcome.losses.validation_loss() for outcome in outcomes])))
        test.append(held_back_losses(outcomes).mean(axis=1))
    losses = np.stack(test)  # (splits, candidates)
    fixed = int(losses.mean(axis=0).argmin())
    own = losses[np.arange(splits), picked]
    more = 100 * (own - losses[:, fixed]) / losses[:, fixed].mean()
    return {
        "splits": splits,
        "candidates": len(candidates),
        "hits": int((losses.argmin(axis=1) == picked).sum()),
        "picked": [str(candidates[index]) for index in picked],
        "picked_loss": float(own.mean()),
        "fixed": str(candidates[fixed]),
        "fixed_loss": float(losses[:, fixed].mean()),
        "more": float(more.mean()),
        "more_error": float(more.std(ddof=1) / np.sqrt(splits)),
        "none_loss": float(np.median(losses[:, [each.penalty for each in candidates].index("none")])),
    }


def other_split(settings: Settings, seed: int) -> Settings:
    """The same study with other test rows and other folds."""
    tables = settings.to_dict()
    tables["split"]["seed"] = seed
    return Settings.parse(tables)


def share_of_worst(run: Run, trial: int, rows: int) -> float:
    """The share, in per cent, that the worst test rows have in one trial's test loss."""
    test = run.ledger.open_test([trial])
    assert test is not None, "the study has test rows"
    losses = np.sort(test[0].mean(axis=0))
    return float(100 * losses[-rows:].sum() / losses.sum())
