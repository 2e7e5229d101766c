"""The same losses give the verdicts that version 0.1 gave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import search
from search.verdict import Evidence, Sweep, describe

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


def evidence_of(kept: dict[str, Any] | None) -> Evidence | None:
    if kept is None:
        return None
    sweep = Sweep(array(kept["sweep_test"]), frame(kept["sweep_candidates"])) if "sweep_test" in kept else None
    ranges = kept["lambda_range"]
    return Evidence(
        sweep=sweep,
        exact_test=array(kept["exact_test"]),
        openings=tuple(kept["openings"]),
        trials=kept["trials"],
        lambda_range=None if ranges is None else {name: (low, high) for name, (low, high) in ranges.items()},
        train_curves=array(kept["train_curves"]),
        baseline_loss=kept["baseline_loss"],
    )


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
    verdict = search.judge(
        array(case["validation"]),
        array(case["test"]),
        frame(case["candidates"]),
        evidence=evidence_of(case["evidence"]),
        **case["options"],
    )
    same(json.loads(json.dumps(verdict.to_dict())), case["verdict"])
    assert describe(verdict).split("\n") == case["text"]
