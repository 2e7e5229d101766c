"""The same losses give the verdicts that version 0.1 gave."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import search
from search.core.results import Results
from search.verdict import Comparison, Evidence, describe, verdict_of
from search.verdict.inputs import candidates_of, results_from_arrays

HERE = Path(__file__).parent
CASES = {case["name"]: case for case in json.loads((HERE / "judge_verdicts.json").read_text(encoding="utf-8"))}
ARRAYS = np.load(HERE / "judge_inputs.npz")


def array(name: str | None):
    return None if name is None else ARRAYS[name]


def frame(columns: dict[str, list[Any]]) -> pd.DataFrame:
    numbers = {name: [np.nan if each is None else each for each in values] for name, values in columns.items()}
    return pd.DataFrame(
        {name: values if name == "penalty" else np.array(values, float) for name, values in numbers.items()}
    ).astype({"trial": int} if "trial" in columns else {})


def evidence_of(kept: dict[str, Any] | None, results: Results) -> Evidence:
    """The evidence of a case; version 0.1 took arrays in its place."""
    if kept is None:
        return Evidence()
    sweep, exact = array(kept.get("sweep_test")), array(kept["exact_test"])
    known = None if exact is None else ~np.isnan(exact).all(axis=(1, 2))
    return Evidence(
        sweep=None if sweep is None else Results(candidates_of(frame(kept["sweep_candidates"])), sweep, sweep),
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


@pytest.mark.parametrize("name", CASES)
def test_verdict(name):
    case = CASES[name]
    verdict = verdict_of(comparison_of(case))
    found = json.loads(json.dumps(verdict.to_dict()))
    known = {rule["rule"] for rule in case["verdict"]["rules"]}  # there are more rules now
    found["rules"] = [rule for rule in found["rules"] if rule["rule"] in known]
    same(found, case["verdict"])
    # A label names all parameters now.
    assert re.sub(r", l1_ratio [\d.]+", "", describe(verdict)).split("\n") == case["text"]


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case["evidence"] is None])
def test_verdict_by_the_public_function(name):
    case = CASES[name]
    arrays = array(case["validation"]), array(case["test"])
    verdict = search.judge(*arrays, frame(case["candidates"]), **case["options"])
    assert verdict.to_dict() == verdict_of(comparison_of(case)).to_dict()
