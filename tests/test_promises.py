"""The page of promises names tests that are there, and every promise has one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "studies" / "guide" / "promises.md"
ROW = re.compile(r"^\| (?P<promise>[^|]+) \| (?P<tests>[^|]+) \|$", re.MULTILINE)


def promises(text: str) -> dict[str, list[str]]:
    """Each promise with its tests, `file` or `file::function`; headings of tables left out."""
    rows = {each["promise"]: re.findall(r"`([^`]+)`", each["tests"]) for each in ROW.finditer(text)}
    rows.pop("promise", None)
    return rows


def is_there(test: str) -> bool:
    """Whether the file has this test, or any."""
    name, _, wanted = test.partition("::")
    file = ROOT / name
    if not file.is_file():
        return False
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    tests = {each.name for each in nodes if isinstance(each, ast.FunctionDef) and each.name.startswith("test_")}
    return wanted in tests if wanted else bool(tests)


def test_every_promise_has_tests_that_are_there():
    found = promises(PAGE.read_text(encoding="utf-8"))
    assert len(found) > 30
    assert [promise for promise, tests in found.items() if not tests] == []
    assert [test for tests in found.values() for test in tests if not is_there(test)] == []


def test_a_test_that_is_gone_is_noticed():
    assert promises("| promise | tests |\n|---|---|\n| a | `tests/test_promises.py::test_gone`, `b` |\n") == {
        "a": ["tests/test_promises.py::test_gone", "b"]
    }
    assert not is_there("tests/test_promises.py::test_gone")
    assert not is_there("tests/test_gone.py")
    assert not is_there("tests/postgresql.py")
    assert is_there("tests/test_promises.py::test_a_test_that_is_gone_is_noticed")
