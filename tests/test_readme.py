"""The front of the house: what the README and the pages behind it say must hold."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest
from command_line import call, study_file
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

import search
from search.settings import Settings
from studies.book import read_answer
from studies.reference import PAGE, reference

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = sorted((ROOT / "studies" / "guide").glob("*.md"))
COMMANDS = [
    "python -m pip install -e '.[test]' && python -m search run studies/weight_decay.toml",
    "python -m pytest",
    "python -m pytest -m 'rest and not slow'",
]
LINTERS = ["ruff check .", "ruff format --check .", "mypy"]


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page in that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def ci_commands(script: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", str(script), "--commands"], capture_output=True, text=True, check=False)


def test_every_page_of_the_guide_is_two_clicks_away():
    linked = set(re.findall(r"\]\(studies/guide/([\w.]+)\)", README))
    assert {page.name for page in GUIDE} <= linked


def test_the_study_file_that_is_explained_is_valid():
    (block,) = blocks(ROOT / "studies" / "guide" / "example_study.md", "toml")
    assert Settings.parse(tomllib.loads(block)).name == "houses"


def test_the_reference_of_the_study_file_is_the_one_that_the_program_writes():
    assert PAGE.read_text(encoding="utf-8") == reference()


def test_ci_runs_the_commands_that_the_readme_gives_and_the_linters_and_the_packages():
    found = ci_commands(ROOT / ".ci" / "run")
    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines() == [COMMANDS[0], *LINTERS, *COMMANDS[1:], ".ci/packages"]


def test_contributing_and_the_hooks_before_a_commit_give_the_commands_that_ci_runs():
    listed, *_ = blocks(ROOT / "CONTRIBUTING.md", "text")
    install, *others = (line.partition("#")[0].strip() for line in listed.splitlines())
    assert COMMANDS[0].startswith(f"{install} &&")
    assert others == [*COMMANDS[1:], *LINTERS]
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall(r"entry: (.+)", hooks) == [linter.removesuffix(" .") for linter in LINTERS]
    assert hooks.count("language: system") == len(LINTERS)  # the versions of the environment, as in .ci/run


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


def test_the_version_is_one():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    cited = re.findall(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    newest = re.search(r"^## \[(\d.*?)\] - (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert cited == [project["version"]] == [newest[1]]
    assert f"date-released: {newest[2]}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["README.md", "studies/guide/textbook.md"])
def test_the_verdict_that_is_shown_is_the_one_of_the_study(page):
    said = read_answer("q2_optimal")["text"]
    shown = [block.splitlines() for block in blocks(ROOT / page, "text") if block.startswith("Use ")]
    assert len(shown) == 1
    assert set(shown[0]) <= set(said)


def test_the_textbooks_page_runs_what_ci_runs():
    (block,) = blocks(ROOT / "studies" / "guide" / "textbook.md", "bash")
    assert COMMANDS[0].endswith("&& " + block.strip().replace("lambda-search", "python -m search"))


# The README's four doors, each as its reader would take it.


@pytest.fixture
def table(tmp_path, monkeypatch):
    """An empty folder to work in, and a table of houses with the columns that the README names."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 2)), columns=["rooms", "age"])
    return frame.assign(price=3 * frame["rooms"] + rng.normal(size=60))


def test_a_table_in_a_file(table):
    table.to_csv("houses.csv", index=False)
    table.drop(columns="price").head(7).to_csv("new_houses.csv", index=False)
    _, commands = blocks(ROOT / "README.md", "text")
    for line in commands.splitlines():
        program, *words = shlex.split(line)
        done = call(*words, *["--quiet"] * (words[0] == "run"))
        assert (program, done.code) == ("lambda-search", 0), done.err
    assert Path("houses.html").stat().st_size > 10_000
    assert len(pd.read_csv("predicted.csv")) == 7


def test_an_optuna_script(table):
    (script, _) = blocks(ROOT / "README.md", "python")
    rows = np.linspace(0, 1, 50)
    names = {"search": search, "train_and_evaluate": lambda decay: (np.log(decay) + 7) ** 2 + rows}
    exec(script, names)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(names["objective"], n_trials=10)
    assert search.load(study).verdict.selected.lambda_ == study.best_params["weight_decay"]


def test_scikit_learn(table):
    (_, script) = blocks(ROOT / "README.md", "python")
    x, y = table[["rooms", "age"]], table["price"]
    grid = GridSearchCV(Ridge(), {"alpha": [0.1, 1.0, 10.0]}, scoring="neg_mean_squared_error").fit(x, y)
    names = {"search": search, "fitted_grid_search": grid, "X": x, "y": y, "X_new": x.head(3)}
    *lines, shown = script.splitlines()
    exec("\n".join(lines), names)
    _, _, predicted = eval(shown, names)
    assert names["verdict"].selected.lambda_ == grid.best_params_["alpha"]
    assert predicted.shape == (3,)


def test_a_torch_model_of_ones_own(table, monkeypatch):
    (model,) = (tomllib.loads(block) for block in blocks(ROOT / "README.md", "toml"))
    module, function = model["model"]["kind"].split(":")
    file = Path(*module.split(".")).with_suffix(".py")
    file.parent.mkdir()
    file.write_text(
        f"from torch import nn\n\n\ndef {function}(features, outputs):\n    return nn.Linear(features, outputs)\n"
    )
    monkeypatch.syspath_prepend(".")
    found = search.run(study_file(Path(), model={"init": "default", **model["model"]}), progress=False)
    assert found.verdict is not None
