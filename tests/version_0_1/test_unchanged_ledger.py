"""A ledger that version 0.1 wrote still opens, resumes and reports; the same study files give the same trials.

Of a verdict only what does not hang on its bounds is compared, see `test_unchanged_verdicts`. What the confirmation
kept beside the trials is other material now (a dense grid on the trials' own replicates), so it is trained once more.
"""

from __future__ import annotations

import json
import tarfile
import tomllib
from pathlib import Path

import pandas as pd
import pytest
from command_line import assert_close, call, refused
from test_unchanged_verdicts import unchanged

from search.runs.confirming import FRESH_SEEDS, GRID

HERE = Path(__file__).parent
SAID = json.loads((HERE / "ledger.json").read_text(encoding="utf-8"))
TIME = ("when",)


@pytest.fixture
def old(tmp_path, monkeypatch) -> Path:
    """The old ledger in the working folder."""
    with tarfile.open(HERE / "ledger.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trials(path: Path) -> pd.DataFrame:
    return pd.read_csv(path).drop(columns="seconds", errors="ignore")


def same_trials(found: pd.DataFrame, name: str, rtol: float = 1e-6) -> None:
    expected = trials(HERE / f"trials_{name}.csv")
    assert set(found.columns) >= set(expected.columns)
    pd.testing.assert_frame_equal(found[expected.columns], expected, rtol=rtol, check_dtype=False)


def exported(name: str, *options: str) -> pd.DataFrame:
    assert call("export", name, "-o", f"{name}.csv", *options, "--storage", "ledger.journal").code == 0
    return trials(Path(f"{name}.csv"))


def test_it_lists_the_studies(old):
    found = call("list", "--json", "--storage", "ledger.journal").json["studies"]
    for study, expected in zip(found, SAID["list"], strict=True):
        assert {key: study[key] for key in expected if key not in TIME} == {
            key: value for key, value in expected.items() if key not in TIME
        }


@pytest.mark.parametrize("name", ["small", "folds"])
def test_it_judges_a_finished_study(old, name):
    found = call("verdict", name, "--json", "--storage", "ledger.journal").json
    known = {rule["rule"] for rule in SAID["verdicts"][name]["rules"]}  # there are more rules now
    found["rules"] = [rule for rule in found["rules"] if rule["rule"] in known]
    assert_close(unchanged(found), unchanged(SAID["verdicts"][name]))
    same_trials(exported(name, "--test"), name)


def test_it_writes_the_page_of_a_finished_study(old):
    assert call("report", "small", "-o", "small.html", "--storage", "ledger.journal").code == 0
    assert "Does version 0.1 still open?" in Path("small.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["half", "killed"])
def test_it_resumes_to_the_same_trials(old, name):
    done = call("run", f"{name}.toml", "--sealed", "--quiet", "--json", "--storage", "ledger.journal").json
    assert done["trials"]["complete"] == 12
    same_trials(exported(name), name)


def test_a_study_of_a_table_goes_on_without_what_is_younger(old):
    """0.1 moved no input to the range of the training rows; another default does not make the study another one."""
    run = ("run", "folds.toml", "--sealed", "--quiet", "--json", "--storage", "ledger.journal")
    before = exported("folds")
    done = call(*run).json["trials"]["complete"]
    assert done >= len(before)  # "auto" is another range now, whose candidates of the grid are tried too
    assert call(*run).json["trials"]["complete"] == done
    pd.testing.assert_frame_equal(exported("folds")[: len(before)][before.columns], before)
    assert call("check", "--storage", "ledger.journal").code == 0
    Path("folds.toml").write_text(
        Path("folds.toml").read_text(encoding="utf-8").replace("[data]", "[data]\nrare = 4"), encoding="utf-8"
    )
    refused(call(*run), "data.rare was 1 and is 4")


def test_a_finished_study_trains_no_trial_again_and_the_confirmation_once(old):
    run = ("run", "small.toml", "--sealed", "--quiet", "--json", "--storage", "ledger.journal")
    done = call(*run).json
    tables = tomllib.loads(Path("small.toml").read_text(encoding="utf-8"))
    replicates = tables["data"]["draws"]  # with one seed each
    penalties = [penalty for penalty in tables["space"]["penalty"] if penalty != "none"]
    assert done["trials"]["complete"] == 12
    # the dense grid, fresh seeds and the exact solution of the selected candidate, and its model on all rows
    assert done["fits"] == replicates * (len(penalties) * GRID + FRESH_SEEDS + 1) + 1
    assert call(*run).json["fits"] == 0
    same_trials(exported("small", "--test"), "small")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["weight_decay", "diabetes"])
def test_the_same_study_file_gives_the_same_trials(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call("run", HERE / f"{name}.toml", "--quiet", "--storage", "ledger.journal").code == 0
    same_trials(exported(name, "--test"), name, rtol=1e-5)
