"""`Facts` as JSON in a study's attributes, what the seal covers masked as the test losses are."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from search.core.arrays import Array
from search.core.evidence import Facts
from search.ledger.seal import break_seal, close_seal


def to_json(facts: Facts, key: str) -> dict[str, Any]:
    """The facts as an attribute; `key` is that of the seal."""
    hidden = close_seal(json.dumps(_scores(facts.sealed_criteria)).encode(), key)
    return {
        "features": list(facts.features),
        "lambda_range": {penalty: list(ends) for penalty, ends in facts.lambda_range.items()},
        "baseline_loss": facts.baseline_loss,
        "trials": list(facts.trials),
        "criteria": _scores(facts.criteria),
        "sealed": b64encode(hidden).decode(),
    }


def from_json(kept: Mapping[str, Any], key: str | None) -> Facts:
    """The inverse; without the key the sealed part is empty."""
    hidden = kept.get("sealed")
    sealed = {} if key is None or hidden is None else json.loads(break_seal(b64decode(hidden), key))
    return Facts(
        features=tuple(kept.get("features", ())),
        lambda_range={penalty: (low, high) for penalty, (low, high) in kept.get("lambda_range", {}).items()},
        baseline_loss=kept.get("baseline_loss"),
        trials=tuple(kept.get("trials", ())),
        criteria=_arrays(kept.get("criteria", {})),
        sealed_criteria=_arrays(sealed),
    )


def aligned(facts: Facts, trials: Iterable[int]) -> dict[str, Array]:
    """The criteria of the trials with these numbers, NaN for those that came later."""
    numbers = [int(trial) for trial in trials]
    place = {trial: index for index, trial in enumerate(facts.trials)}
    every = {**facts.criteria, **facts.sealed_criteria}
    return {
        name: np.array([values[place[trial]] if trial in place else np.nan for trial in numbers], np.float64)
        for name, values in every.items()
    }


def _scores(criteria: Mapping[str, Array]) -> dict[str, list[float | None]]:
    """JSON has no NaN and no infinity."""
    return {
        name: [float(value) if np.isfinite(value) else None for value in values] for name, values in criteria.items()
    }


def _arrays(scores: Mapping[str, list[float | None]]) -> dict[str, Array]:
    return {
        name: np.array([np.nan if value is None else value for value in values], np.float64)
        for name, values in scores.items()
    }
