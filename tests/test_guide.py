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

LEFT_OUT = shutil.ignore_patterns("__pycache__")


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


MARKS = {"textbook": pytest.mark.slow}  # its command is the README's, which .ci/run runs


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=MARKS.get(page.stem, pytest.mark.rest), id=page.stem) for page in PAGES]
)
def test_every_block_of_the_guide_runs(page, tmp_path):
    run_page(page, tmp_path)


@pytest.mark.slow
def test_every_block_about_the_answers_runs(tmp_path):
    shutil.copytree(ROOT / "studies", tmp_path / "studies", ignore=LEFT_OUT)
    run_page(ROOT / "studies" / "README.md", tmp_path)


@pytest.mark.rest
def test_the_worked_examples_of_contributing_do_what_they_say_and_please_the_linters(tmp_path):
    for name in ("search", "studies"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=LEFT_OUT)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    said = run_page(ROOT / "CONTRIBUTING.md", tmp_path, source=tmp_path)
    assert "pseudo huber with lambda" in said
    assert "fourier: 6 complete trials" in said
    assert "Use l2 with lambda 3.16" in said
    if (ROOT / ".mypy_cache").is_dir():  # a minute less, where the checker has been here before
        shutil.copytree(ROOT / ".mypy_cache", tmp_path / ".mypy_cache")
    for linter in (["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]):
        ran = subprocess.run([sys.executable, "-m", *linter], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
