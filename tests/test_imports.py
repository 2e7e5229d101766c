"""Imports point one way: the two arms do not know each other, no module imports in a circle, and help is cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import search

ROOT = Path(search.__file__).parent
COMPUTING = {"data", "penalties", "models", "randomness", "training", "space", "samplers", "confirm", "runner"}
JUDGING = {"verdict", "report"}
SHARED = {"records", "settings", "ledger", "plugins"}
# Whoever opens the door may lead to both arms; nobody imports a door but a door.
DOORS = {"__init__", "__main__", "cli", "console", "interrupt", "export", "new_study"}
HEAVY = {"torch", "optuna"}


def module_name(path: Path) -> str:
    return ".".join(["search", *path.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__")


MODULES = {module_name(path): ast.parse(path.read_text(encoding="utf-8")) for path in ROOT.rglob("*.py")}


def statements(node: ast.AST, *, late: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports of a module; `late`: those inside functions too. What only a type checker reads is left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        elif late or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from statements(child, late=late)


def imported(module: str, *, late: bool) -> set[str]:
    """Full names of what a module imports; a name that is itself a module counts as that module."""
    found: set[str] = set()
    for statement in statements(MODULES[module], late=late):
        if isinstance(statement, ast.Import):
            found |= {alias.name for alias in statement.names}
        else:
            assert statement.level == 0, f"{module}: a relative import"
            for alias in statement.names:
                inner = f"{statement.module}.{alias.name}"
                found.add(inner if inner in MODULES else str(statement.module))
    return found


def part(module: str) -> str:
    """The first part of a module's name below `search`: the folder or file of the design's house."""
    return [*module.split("."), "__init__"][1]


def parts_imported(parts: set[str]) -> dict[tuple[str, str], str]:
    """(module, imported package or part) of all modules of these parts, imports inside functions included."""
    pairs = [(module, name) for module in MODULES if part(module) in parts for name in imported(module, late=True)]
    return {pair: part(pair[1]) if pair[1].startswith("search") else pair[1].split(".")[0] for pair in pairs}


def test_every_module_has_its_place():
    places = COMPUTING | JUDGING | SHARED | DOORS
    assert {module for module in MODULES if part(module) not in places} == set()


def test_the_reader_of_imports_sees_what_it_should():
    assert "search.runner" in imported("search.cli", late=True)
    assert "search.runner" not in imported("search.cli", late=False)
    assert "search.ledger.trials" in imported("search.ledger.study", late=False)
    assert "optuna" in imported("search.ledger.study", late=True)
    assert "search.data.task" not in imported("search.runner", late=True)  # for the type checker alone


def test_the_judging_arm_knows_neither_torch_nor_optuna_nor_the_computing_arm():
    wrong = {pair for pair, to in parts_imported(JUDGING).items() if to in HEAVY | COMPUTING | DOORS}
    assert wrong == set()


def test_the_computing_arm_does_not_know_the_judging_arm():
    wrong = {pair for pair, to in parts_imported(COMPUTING).items() if to in JUDGING | DOORS}
    assert wrong == set()


def test_what_both_share_knows_neither():
    wrong = {pair for pair, to in parts_imported(SHARED).items() if to in COMPUTING | JUDGING | DOORS}
    assert wrong == set()


def test_the_ledger_does_not_know_torch():
    assert {pair for pair, to in parts_imported({"ledger"}).items() if to == "torch"} == set()


def test_no_module_imports_in_a_circle():
    graph = {module: imported(module, late=False) & MODULES.keys() for module in MODULES}
    assert sum(map(len, graph.values())) > len(MODULES)
    assert len(list(TopologicalSorter(graph).static_order())) == len(MODULES)  # CycleError names the circle


def loaded_after(code: str) -> set[str]:
    """The top-level packages that a new process has loaded after running the code."""
    code += "\nimport sys; print(*{name.split('.')[0] for name in sys.modules}, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


HELP = """
import sys
from search.cli import main
sys.argv = ["lambda-search", *{words}]
try:
    main()
except SystemExit as stop:
    assert stop.code == 0, stop.code
"""


@pytest.mark.parametrize(
    "code",
    ["import search", *(HELP.format(words=words) for words in (["--help"], ["run", "--help"], ["schema"]))],
    ids=["import search", "--help", "run --help", "schema"],
)
def test_neither_torch_nor_optuna_is_loaded(code):
    loaded = loaded_after(code)
    assert "search" in loaded
    assert not loaded & HEAVY


def test_the_judging_arm_loads_neither_torch_nor_optuna():
    modules = sorted(module for module in MODULES if part(module) in JUDGING)
    loaded = loaded_after("import " + ", ".join(modules))
    assert "numpy" in loaded
    assert not loaded & HEAVY
