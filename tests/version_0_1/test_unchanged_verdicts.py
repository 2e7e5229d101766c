"""The same losses give the figures that version 0.1 gave, where nothing about them was to change.

Bounds, and all that follows from them, were redesigned after version 0.1: degrees of freedom are the effective number
of rows less one, the upper bound is that of capped losses, and a dense grid joins the comparison. So the answer, sets,
intervals, rows needed, warnings, the search's part of the gap and the sentences are others by design, and not compared.
What must not have changed: what was selected, the plain estimates, the optimism, the rules and the stability.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import search
from search.core.results import Results
from search.verdict import Comparison, Evidence, verdict_of
from search.verdict.inputs import results_from_arrays

pytestmark = pytest.mark.rest
HERE = Path(__file__).parent
CASES = {case["name"]: case for case in json.loads((HERE / "judge_verdicts.json").read_text(encoding="utf-8"))}
ARRAYS = np.load(HERE / "judge_inputs.npz")
UNCHANGED = ("selected", "best_on_test", "optimism", "rules", "stability", "tolerance", "test_rows", "opened")


def array(name: str | None):
    return None if name is None else ARRAYS[name]


def frame(columns: dict[str, list[Any]]) -> pd.DataFrame:
    numbers = {name: [np.nan if each is None else each for each in values] for name, values in columns.items()}
    return pd.DataFrame(
        {name: values if name == "penalty" else np.array(values, float) for name, values in numbers.items()}
    ).astype({"trial": int} if "trial" in columns else {})


def evidence_of(kept: dict[str, Any] | None, results: Results) -> Evidence:
    """The evidence of a case; version 0.1 took arrays in its place, and a sweep on fresh seeds, which is no more."""
    if kept is None:
        return Evidence()
    exact = array(kept["exact_test"])
    known = None if exact is None else ~np.isnan(exact).all(axis=(1, 2))
    return Evidence(
        exact=None if exact is None else replace(results, validation=exact, test=exact).take(np.flatnonzero(known)),
        openings=tuple(kept["openings"]),
        trials=kept["trials"],
        lambda_range={name: (low, high) for name, (low, high) in (kept["lambda_range"] or {}).items()},
        baseline_loss=kept["baseline_loss"],
    )


def comparison_of(case: dict[str, Any]) -> Comparison:
    """A case's comparison: learning curves are a part of the results now, which `judge` does not take."""
    results = results_from_arrays(array(case["validation"]), array(case["test"]), frame(case["candidates"]))
    kept = case["evidence"]
    if kept is not None and kept["train_curves"] is not None:
        results = replace(results, train_curve=array(kept["train_curves"])[:, None])
    options = dict(case["options"])
    selected = options.pop("selected", results.lowest(results.validation_loss))
    return Comparison(results, selected, evidence=evidence_of(kept, results), **options)


def same(found: Any, expected: Any, where: str = "") -> None:
    """Equal up to rounding; records may have more keys than they had."""
    if isinstance(expected, dict):
        assert found.keys() >= expected.keys(), where
        for key, value in expected.items():
            same(found[key], value, f"{where}.{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for place, (one, other) in enumerate(zip(found, expected, strict=True)):
            same(one, other, f"{where}[{place}]")
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-12), where
    else:
        assert found == expected, where


def test_there_are_enough_of_them():
    assert len(CASES) >= 50


def unchanged(verdict: dict[str, Any]) -> dict[str, Any]:
    """The part of a verdict's dictionary that is the same in all versions."""
    gain = verdict["does_it_matter"]["gain_over_none"]
    return {
        **{name: verdict[name] for name in UNCHANGED},
        "estimate": verdict["regret"]["estimate"],
        "gain": None if gain is None else gain["estimate"],
        "gap": {name: verdict["gap"][name] for name in ("validation", "training")},
    }


@pytest.mark.parametrize("name", CASES)
def test_verdict(name):
    case = CASES[name]
    found = json.loads(json.dumps(verdict_of(comparison_of(case)).to_dict()))
    known = {rule["rule"] for rule in case["verdict"]["rules"]}  # there are more rules now
    found["rules"] = [rule for rule in found["rules"] if rule["rule"] in known]
    same(unchanged(found), unchanged(case["verdict"]))


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case["evidence"] is None])
def test_verdict_by_the_public_function(name):
    case = CASES[name]
    arrays = array(case["validation"]), array(case["test"])
    verdict = search.judge(*arrays, frame(case["candidates"]), **case["options"])
    assert verdict.to_dict() == verdict_of(comparison_of(case)).to_dict()
