"""The guide, with a page for every door, and the worked examples of CONTRIBUTING.md: every block of them runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "studies" / "guide").glob("*.md"))


def run_page(page, folder, source=ROOT):
    """Run a page in a folder, with the package as it stands in `source`, beside the study files."""
    (folder / "studies").mkdir(exist_ok=True)
    for file in (ROOT / "studies").glob("*.toml"):
        shutil.copy(file, folder / "studies")
    program = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    ran = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "run_page.py"), str(page)],
        cwd=folder,
        env=os.environ | {"PATH": program, "PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


# What .ci/run and the tests of the studies run anyway.
SLOW = {"textbook", "commands"}
MARKED = [pytest.param(page, marks=[pytest.mark.slow] * (page.stem in SLOW), id=page.stem) for page in PAGES]


@pytest.mark.parametrize("page", MARKED)
def test_every_block_of_the_guide_runs(page, tmp_path):
    run_page(page, tmp_path)


def test_the_worked_examples_of_contributing_do_what_they_say(tmp_path):
    shutil.copytree(ROOT / "search", tmp_path / "search", ignore=shutil.ignore_patterns("__pycache__"))
    said = run_page(ROOT / "CONTRIBUTING.md", tmp_path, source=tmp_path)
    assert "pseudo huber with lambda" in said
