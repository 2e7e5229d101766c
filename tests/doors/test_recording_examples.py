"""Scripts of somebody else's, each with one line changed: run as they stand, judged by name from their own storage."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

EXAMPLES = Path(__file__).parent / "examples"
STORAGE = "sqlite:///optuna.db"
ROOT = Path(__file__).parents[2]


def python(folder, *arguments):
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=["torch_loop", "ridge", "boosting", "pruning"])
def example(request, tmp_path_factory):
    """The folder that a script was run in, and the script's name."""
    folder = tmp_path_factory.mktemp(request.param)
    python(folder, str(EXAMPLES / f"{request.param}.py"))
    return folder, request.param


STRENGTHS = {
    "torch_loop": "weight_decay",
    "ridge": "alpha",
    "boosting": "l2_regularization",
    "pruning": "alpha",
}


def test_the_command_line_judges_reports_and_exports_the_study_of_a_script(example):
    folder, name = example
    found = json.loads(python(folder, "-m", "search", "verdict", name, "--storage", STORAGE, "--json"))
    assert found["selected"]["penalty"] == STRENGTHS[name]
    assert found["test_rows"] == {"torch_loop": 122, "ridge": 111, "boosting": 171, "pruning": 0}[name]
    text = python(folder, "-m", "search", "verdict", name, "--storage", STORAGE)
    assert re.search(rf"^Use {STRENGTHS[name]} [\d.e-]+", text) or "Do not rely" in text or "in place of" in text
    python(folder, "-m", "search", "report", name, "--storage", STORAGE)
    page = (folder / f"{name}.html").read_text(encoding="utf-8")
    assert f"Loss against {STRENGTHS[name]}" in page
    assert "How to judge it again" in page
    assert "<h3>Study file</h3>" not in page
    test = [] if name == "pruning" else ["--test"]
    python(folder, "-m", "search", "export", name, "--storage", STORAGE, *test, "-o", "trials.csv")
    trials = pd.read_csv(folder / "trials.csv")
    assert {"trial", "state", "penalty", "lambda", "validation_loss", STRENGTHS[name]} <= set(trials)
    assert (trials["lambda"] == trials[STRENGTHS[name]]).all()
    listed = json.loads(python(folder, "-m", "search", "list", "--storage", STORAGE, "--json"))["studies"]
    assert [each["study"] for each in listed] == [name]


def test_each_script_shows_its_one_line():
    for name in STRENGTHS:
        text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
        assert text.count("search.record(") == 1
        assert "# was: return" in text or "the one line that was added" in text
        assert len(text.splitlines()) <= 40
