"""The front of the house: what the README and the pages behind it say must hold."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from search.settings import Settings
from studies.reference import PAGE, reference

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = sorted((ROOT / "studies" / "guide").glob("*.md"))
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "studies").rglob("README.md")),
    *GUIDE,
    *ROOT.glob("search/**/*.md"),
]
COMMANDS = [
    "python -m pip install -e '.[test]' && python -m search run studies/weight_decay.toml",
    "python -m pytest",
]


def ci_commands(script: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", str(script), "--commands"], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_point_to_what_is_there(page):
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if not link.startswith("https://") and not (page.parent / link).exists()]
    assert not missing


def test_every_page_of_the_guide_is_two_clicks_away():
    linked = set(re.findall(r"\]\(studies/guide/([\w.]+)\)", README))
    assert {page.name for page in GUIDE} <= linked


def test_the_study_file_that_is_explained_is_valid():
    text = (ROOT / "studies" / "guide" / "example_study.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```toml\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    assert Settings.parse(tomllib.loads(block)).name == "houses"


def test_the_reference_of_the_study_file_is_the_one_that_the_program_writes():
    assert PAGE.read_text(encoding="utf-8") == reference()


def test_ci_runs_the_two_commands_that_the_readme_gives():
    found = ci_commands(ROOT / ".ci" / "run")
    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines() == COMMANDS


def test_ci_fails_loudly_where_the_readme_has_no_commands(tmp_path):
    (tmp_path / ".ci").mkdir()
    script = tmp_path / ".ci" / "run"
    script.write_text((ROOT / ".ci" / "run").read_text())
    (tmp_path / "README.md").write_text("```bash\necho nothing\n```\n")
    found = ci_commands(script)
    assert found.returncode == 1
    assert "README.md" in found.stderr


def test_every_file_that_the_commands_and_benchmarks_name_is_there():
    text = "".join(page.read_text(encoding="utf-8") for page in [ROOT / "README.md", *GUIDE])
    named = re.findall(r"\b(?:studies|tests)/[\w/]+\.(?:toml|py)\b", text)
    assert named
    assert all((ROOT / name).is_file() for name in named)


def test_every_study_loads_and_has_a_name_of_its_own():
    # They share one ledger by default, where a name is a study.
    names = [Settings.load(path).name for path in sorted((ROOT / "studies").glob("*.toml"))]
    assert len(names) >= 3
    assert len(set(names)) == len(names)
