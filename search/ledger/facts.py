"""`Facts` as JSON in a study's attributes, what the seal covers masked as the test losses are."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from search.core.arrays import Array
from search.core.evidence import Facts, Plain
from search.ledger.seal import break_seal, close_seal


def to_json(facts: Facts, key: str) -> dict[str, Any]:
    """The facts as an attribute; `key` is that of the seal."""
    plain = None if facts.plain is None else asdict(facts.plain)
    secret = {"criteria": _scores(facts.sealed_criteria), "plain": plain}
    hidden = close_seal(json.dumps(secret).encode(), key)
    return {
        "features": list(facts.features),
        "lambda_range": {penalty: list(ends) for penalty, ends in facts.lambda_range.items()},
        "baseline_loss": facts.baseline_loss,
        "seed_losses": _finite(facts.seed_losses),
        "trials": list(facts.trials),
        "criteria": _scores(facts.criteria),
        "sealed": b64encode(hidden).decode(),
    }


def from_json(kept: Mapping[str, Any], key: str | None) -> Facts:
    """The inverse; without the key the sealed part is empty."""
    hidden = kept.get("sealed")
    sealed = {} if key is None or hidden is None else json.loads(break_seal(b64decode(hidden), key))
    plain = sealed.get("plain")
    return Facts(
        features=tuple(kept.get("features", ())),
        lambda_range={penalty: (low, high) for penalty, (low, high) in kept.get("lambda_range", {}).items()},
        baseline_loss=kept.get("baseline_loss"),
        seed_losses=tuple(np.nan if loss is None else loss for loss in kept.get("seed_losses", ())),
        trials=tuple(kept.get("trials", ())),
        criteria=_arrays(kept.get("criteria", {})),
        # Version 0.1 sealed nothing but criteria.
        sealed_criteria=_arrays(sealed.get("criteria", {}) if "plain" in sealed else sealed),
        plain=None if plain is None else Plain(**plain),
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
    return {name: _finite(values) for name, values in criteria.items()}


def _finite(values: Iterable[float]) -> list[float | None]:
    """JSON has no NaN and no infinity."""
    return [float(value) if np.isfinite(value) else None for value in values]


def _arrays(scores: Mapping[str, list[float | None]]) -> dict[str, Array]:
    return {
        name: np.array([np.nan if value is None else value for value in values], np.float64)
        for name, values in scores.items()
    }
