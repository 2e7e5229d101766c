"""An estimator's parameters as the study file that they amount to, and how its study is known again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from search.core.errors import UserError
from search.settings import Settings

if TYPE_CHECKING:
    from search.data.splits import Plan
    from search.data.task import Task

FALLBACK: Final = {"low": 1e-4, "high": 1e2}  # where no input is related to the target, any range will do


def settings_of(estimator: Any, task: str, plan: Plan, seed: int) -> Settings:  # noqa: ANN401 - either of the two
    """The study file that an estimator's parameters and splits amount to."""
    repeats = len({parts.repeat for parts in plan.splits})
    rotates = {"test_folds": len(plan.splits) // repeats, "test_repeats": repeats}
    penalties = [estimator.penalty] if isinstance(estimator.penalty, str) else list(estimator.penalty)
    space = {"penalty": penalties, "lambda": _searched(estimator.lambdas)}
    if estimator.l1_ratio is not None:
        space["l1_ratio"] = _searched(estimator.l1_ratio)
    search = {"sampler": estimator.sampler, "trials": estimator.trials, "metric": estimator.metric, "seed": seed}
    if estimator.sampler == "grid":
        # Nothing is learned from a batch, so all are one.
        search["trials"] = count = _count(estimator.trials, penalties, space)
        search["batch"] = max(1, count)
    tables = {
        "name": type(estimator).__name__,
        "data": {"source": "frame", "task": task, "standardize": estimator.standardize, "clip": False},
        "split": rotates | {"seed": seed} if plan.pairs else {"test": 0.0, "seed": seed},
        "training": {"optimizer": "exact", "device": "cpu", "seed": seed},
        "space": space,
        "search": search,
        "verdict": {"tolerance": estimator.tolerance, "confidence": estimator.confidence},
    }
    return Settings.parse(tables, where=type(estimator).__name__).replace(dict(estimator.settings or {}))


def _searched(over: object) -> object:
    """A range or "auto" as it is, values of any kind as a list."""
    return over if isinstance(over, str | Mapping) else [float(each) for each in np.atleast_1d(over)]  # type: ignore[call-overload]


def _count(trials: int, penalties: Sequence[str], space: Mapping[str, Any]) -> int:
    """The size of the grid: `trials`, or all listed values where those are more."""
    listed = [len(over) for name, over in space.items() if name != "penalty" and isinstance(over, list)]
    every = len(penalties) * int(np.prod(listed)) if listed else 0
    return max(trials, every)


def with_range(settings: Settings, task: Task) -> Settings:
    """The settings with a range of lambda where the data give none: no input is related to the target at all."""
    from search.space.auto_range import auto_ranges

    if settings.space.lambda_ != "auto":
        return settings
    try:
        auto_ranges(task, settings)
    except UserError:
        return settings.replace("space.lambda", FALLBACK)
    return settings


def fingerprint_of(task: Task, plan: Plan) -> str:
    """Of the data and their splits."""
    digest = hashlib.sha256(task.fingerprint.encode())
    for parts in plan.all:
        for rows in (parts.train, parts.validation, parts.test):
            digest.update(len(rows).to_bytes(8, "little") + rows.astype("<i8").tobytes())
    return digest.hexdigest()


def study_name(settings: Settings, task: Task) -> str:
    """A name of its own for every combination of data and settings, so that the same fit finds its study again."""
    text = json.dumps([settings.to_dict(), task.fingerprint], sort_keys=True)
    return f"{settings.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
