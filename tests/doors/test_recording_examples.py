"""Scripts of somebody else's, each with one line changed: run as they stand, judged by name from their own storage."""

from __future__ import annotations

import contextlib
import json
import re
import runpy
from pathlib import Path

import pandas as pd
import pytest
from command_line import call

EXAMPLES = Path(__file__).parent / "examples"
STORAGE = "sqlite:///optuna.db"


@pytest.fixture(scope="module", params=["torch_loop", "ridge", "boosting", "pruning"])
def example(request, tmp_path_factory):
    """The folder that a script was run in, and the script's name."""
    folder = tmp_path_factory.mktemp(request.param)
    with contextlib.chdir(folder):
        runpy.run_path(str(EXAMPLES / f"{request.param}.py"), run_name="__main__")
    return folder, request.param


def command_line(*words):
    done = call(*words, "--storage", STORAGE)
    assert done.code == 0, done.err
    return done.out


STRENGTHS = {
    "torch_loop": "weight_decay",
    "ridge": "alpha",
    "boosting": "l2_regularization",
    "pruning": "alpha",
}


@pytest.mark.rest
def test_the_command_line_judges_reports_and_exports_the_study_of_a_script(example, monkeypatch):
    folder, name = example
    monkeypatch.chdir(folder)
    found = json.loads(command_line("verdict", name, "--json"))
    assert found["selected"]["penalty"] == STRENGTHS[name]
    assert found["test_rows"] == {"torch_loop": 122, "ridge": 111, "boosting": 171, "pruning": 0}[name]
    text = command_line("verdict", name)
    assert re.search(rf"^Use {STRENGTHS[name]} [\d.e-]+", text) or "Do not rely" in text or "in place of" in text
    command_line("report", name)
    page = (folder / f"{name}.html").read_text(encoding="utf-8")
    assert f"Loss against {STRENGTHS[name]}" in page
    assert "How to judge it again" in page
    assert "<h3>Study file</h3>" not in page
    test = [] if name == "pruning" else ["--test"]
    command_line("export", name, *test, "-o", "trials.csv")
    trials = pd.read_csv(folder / "trials.csv")
    assert {"trial", "state", "penalty", "lambda", "validation_loss", STRENGTHS[name]} <= set(trials)
    assert (trials["lambda"] == trials[STRENGTHS[name]]).all()
    listed = json.loads(command_line("list", "--json"))["studies"]
    assert [each["study"] for each in listed] == [name]


def test_each_script_shows_its_one_line():
    for name in STRENGTHS:
        text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
        assert text.count("search.record(") == 1
        assert "# was: return" in text or "the one line that was added" in text
        assert len(text.splitlines()) <= 40
