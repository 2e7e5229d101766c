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
HEAVY = {"torch", "optuna"}
# What each room may import of ours. The judging arm (verdict, report) and the computing arm (data, models, training,
# space, runs) do not know each other; nobody imports a door but a door.
LEAVES = {"penalties", "metrics", "samplers"}
ROOMS: dict[str, set[str]] = {
    "core": set(),
    "penalties": set(),
    "metrics": set(),
    "samplers": {"core"},
    "settings": {"core", *LEAVES},
    "data": {"core", "metrics", "settings"},
    "models": {"core", "settings"},
    "training": {"core", "metrics", "penalties", "settings", "data", "models"},
    "space": {"core", "penalties", "samplers", "settings", "data"},
    "ledger": {"core", "settings"},
    "runs": {"core", "samplers", "settings", "data", "models", "training", "space", "ledger"},
    "verdict": {"core", "penalties"},
    "report": {"core", "penalties", "metrics", "settings", "verdict", "ledger"},
}
ROOMS["doors"] = set(ROOMS)
TORCH = {"data", "models", "training", "space", "runs"}  # the metrics and penalties are formulas on tensors alone
OPTUNA = {"samplers", "space", "ledger", "runs", "doors"}
FACES = {"__init__", "__main__"}


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


def room(module: str) -> str:
    """The room that a module belongs to: the first part of its name below `search`."""
    return [*module.split("."), "__init__"][1]


def rooms_imported(name: str) -> set[tuple[str, str]]:
    """(module, room) of all that a room's modules import of other rooms, imports inside functions included."""
    return {
        (module, room(other))
        for module in MODULES
        if room(module) == name
        for other in imported(module, late=True)
        if other.startswith("search.") and room(other) != name
    }


def packages_imported(name: str, *, late: bool) -> set[str]:
    """The packages of others that a room's modules import."""
    return {
        other.split(".")[0]
        for module in MODULES
        if room(module) == name
        for other in imported(module, late=late)
        if not other.startswith("search")
    }


def test_every_module_is_in_a_room():
    assert {room(module) for module in MODULES} == ROOMS.keys() | FACES


def test_the_reader_of_imports_sees_what_it_should():
    assert "search.runs" in imported("search.doors.whole_run", late=True)
    assert "search.runs" not in imported("search.doors.whole_run", late=False)
    assert "search.ledger.trials" in imported("search.ledger.study", late=False)
    assert "optuna" in packages_imported("samplers", late=True)
    assert "optuna" not in packages_imported("samplers", late=False)
    assert "search.data.task" not in imported("search.runs.loop", late=True)  # for the type checker alone


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_imports_only_what_it_may(name):
    assert {(module, other) for module, other in rooms_imported(name) if other not in ROOMS[name]} == set()


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_may_import_only_what_it_does(name):
    """The list above is the house as it stands, not as it might have been; doors may lead anywhere."""
    if name != "doors":
        assert ROOMS[name] <= {other for _, other in rooms_imported(name)} | type_checked(name)


def type_checked(name: str) -> set[str]:
    """The rooms that a room's modules name for the type checker alone."""
    nodes = [node for module in MODULES if room(module) == name for node in ast.walk(MODULES[module])]
    named = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {room(each) for each in named if each.startswith("search.")}


@pytest.mark.parametrize("name", ROOMS)
def test_torch_and_optuna_stay_in_their_rooms(name):
    heavy = packages_imported(name, late=True) & HEAVY
    allowed = {"torch"} if name in TORCH | {"metrics"} else set()
    allowed |= {"optuna"} if name in OPTUNA else set()
    assert heavy <= allowed


@pytest.mark.parametrize("name", ROOMS)
def test_each_room_says_what_it_is(name):
    text = ast.get_docstring(MODULES[f"search.{name}"])
    assert text is not None
    assert name == "doors" or "mports" in text


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
from search.doors.cli import main
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


def test_the_judging_arm_the_ledger_and_the_door_in_python_load_neither_torch_nor_optuna():
    free = {"core", "penalties", "metrics", "settings", "verdict", "report"}
    modules = sorted(module for module in MODULES if room(module) in free)
    loaded = loaded_after("import " + ", ".join([*modules, "search.ledger", "search.doors.study"]))
    assert "numpy" in loaded
    assert not loaded & HEAVY
