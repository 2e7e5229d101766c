"""What several studies share: their files, exact risks, a whole search and its verdict, the same on other test rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import search
from search.core.arrays import Array
from search.core.candidate import Candidate
from search.core.means import row_means
from search.core.results import Results
from search.data import load_task
from search.data.task import Task
from search.doors.study import Study
from search.runs.confirm import true_risks
from search.settings import Settings, SyntheticLinear
from search.training import train
from search.verdict import Verdict, describe

HERE = Path(__file__).parent


def study_file(name: str) -> Settings:
    """The study file of that name in this folder, such as q1_curve/study.toml."""
    return Settings.load(HERE / name)


def law(settings: Settings) -> SyntheticLinear:
    """The study's law of the data, which is synthetic."""
    assert isinstance(settings.data, SyntheticLinear), f"{settings.name} has no synthetic data"
    return settings.data


def grid(penalty: str, lambdas: Sequence[float] | Array) -> list[Candidate]:
    """One candidate for each lambda; lambda 0 is `none`."""
    return [Candidate(penalty, float(value)) if value else Candidate("none") for value in lambdas]


def exact_risks(task: Task, results: Results) -> Array:
    """The expected squared error of every fit of a synthetic task, in closed form, (candidates, fits)."""
    assert task.truth is not None, "only synthetic data have a known truth"
    seeds = results.validation.shape[1] // len(task.splits)
    return true_risks(task.truth, results, [split.draw for split in task.splits for _ in range(seeds)])


def searched(settings: Settings) -> Study:
    """Search, confirm and judge a study in a ledger of its own; what the study holds outlives the ledger."""
    with TemporaryDirectory(prefix="study-") as folder:
        return search.run(settings, storage=str(Path(folder) / "ledger.journal"), progress=False)


def verdict_figures(verdict: Verdict) -> dict[str, Any]:
    """What a page tells of a verdict: its own words, what was selected and what was best, and each rule's regret."""
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
        other = settings.replace("split.seed", seed)
        results = train(load_task(other), other, candidates)
        picked.append(results.lowest(results.validation_loss))
        test.append(results.test_loss)
    losses = np.array(test)  # (splits, candidates)
    fixed = int(losses.mean(axis=0).argmin())
    own = losses[np.arange(splits), picked]
    more = 100 * (own - losses[:, fixed]) / losses[:, fixed].mean()
    return {
        "splits": splits,
        "candidates": len(candidates),
        "hits": int((own == losses.min(axis=1)).sum()),
        "picked": [str(candidates[place]) for place in picked],
        "picked_loss": float(own.mean()),
        "fixed": str(candidates[fixed]),
        "fixed_loss": float(losses[:, fixed].mean()),
        "more": float(more.mean()),
        "more_error": float(more.std(ddof=1) / np.sqrt(splits)),
        "none_loss": float(np.median(losses[:, candidates.index(Candidate("none"))])),
    }


def share_of_worst(results: Results, candidate: Candidate, rows: int) -> float:
    """The share, in per cent, that the worst test rows have in a candidate's test loss."""
    assert results.test is not None, "the study has test rows"
    losses = np.sort(row_means(results.test)[results.position[candidate]])
    return float(100 * losses[-rows:].sum() / losses.sum())
