"""Groups and time in a study file, from the run to the page."""

import json

import numpy as np
import pandas as pd
import pytest

import search
from search.verdict.text import describe

STUDY = {
    "name": "patients",
    "data": {"target": "y"},
    "training": {"optimizer": "exact"},
    "space": {"penalty": ["none", "l2"], "lambda": {"low": 1e-3, "high": 10.0}},
    "search": {"trials": 5, "batch": 5},
}


@pytest.fixture(scope="module")
def patients():
    """40 patients with 1 to 6 rows each, which share their inputs but for noise, and an error of their own."""
    rng = np.random.default_rng(0)
    patient = rng.permutation(np.repeat(np.arange(40), rng.integers(1, 7, size=40)))
    rows = len(patient)
    x = rng.normal(size=(40, 8))[patient] + 0.3 * rng.normal(size=(rows, 8))
    y = x[:, 0] + rng.normal(size=40)[patient] + 0.3 * rng.normal(size=rows)
    return pd.DataFrame(x, columns=[f"x{each}" for each in range(8)]).assign(patient=patient, y=y)


def run(folder, data, **split):
    return search.run(STUDY | {"split": split}, data=data, storage=str(folder / "ledger.journal"), progress=False)


@pytest.mark.parametrize("split", [{"test_folds": 4}, {"scheme": "kfold", "test": 0.4}], ids=["rotation", "test part"])
def test_the_verdict_counts_patients(patients, split, tmp_path):
    found = run(tmp_path, patients, group_column="patient", **split)
    verdict, text = found.verdict, describe(found.verdict)
    patients_judged = 40 if "test_folds" in split else 16
    assert verdict.groups == patients_judged < verdict.test_rows
    assert f"It rests on {patients_judged} groups ({verdict.test_rows} " in text
    assert json.loads(json.dumps(found.to_dict()))["verdict"]["groups"] == patients_judged
    if verdict.rows_needed:
        assert f"About {verdict.rows_needed:,} groups in place of these {patients_judged}" in text
    again = search.load("patients", str(tmp_path / "ledger.journal"))
    assert again.judge() == verdict
    assert f"{patients_judged} groups" in found.report(tmp_path / "page.html").read_text(encoding="utf-8")
    errors = found.trials["validation_se"].to_numpy()
    np.testing.assert_allclose(np.sort(errors), np.sort(found.results.validation_se))


def test_as_rows_the_same_losses_would_seem_to_say_more(patients, tmp_path):
    found = run(tmp_path, patients, group_column="patient", scheme="kfold", test=0.4)
    results = found.results
    rows = search.judge(results.validation, results.test, results.frame())
    assert rows.groups is None
    assert rows.regret.upper < found.verdict.regret.upper


def test_without_test_rows_the_validation_groups_are_judged(patients, tmp_path):
    found = run(tmp_path, patients, group_column="patient", scheme="kfold", test=0.0)
    assert found.verdict.groups == 40
    assert "40 groups" in describe(found.verdict)


@pytest.mark.parametrize("scheme", ["holdout", "kfold"])
def test_a_study_in_time_is_tested_on_its_last_rows(patients, scheme, tmp_path):
    data = patients.drop(columns="patient").assign(day=pd.date_range("2024-01-01", periods=len(patients)).astype(str))
    found = run(tmp_path, data.sample(frac=1, random_state=0), time_column="day", scheme=scheme, folds=3)
    assert found.verdict.test_rows == -(-len(data) // 4)
    assert found.verdict.groups is None
    held = ~np.isnan(found.losses.validation[0])
    assert held.sum(axis=0).max() == 1
    assert found.report(tmp_path / "page.html").is_file()
    assert "day" not in found.snapshot.evidence.features
