"""The examples in the docstrings of every module are true."""

from __future__ import annotations

import doctest
import re
from importlib import import_module
from pathlib import Path

import pytest

import search

ROOT = Path(search.__file__).parent
EXAMPLE = re.compile(r"^ *>>> ", re.MULTILINE)


def examples() -> dict[str, int]:
    """How many examples the source of each module has; modules without any are left out."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(["search", *path.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__")
        found[name] = len(EXAMPLE.findall(path.read_text(encoding="utf-8")))
    return {name: count for name, count in found.items() if count}


MODULES = examples()


def test_the_rooms_that_promise_examples_have_them():
    assert {"search.core.candidate", "search.core.text", "search.penalties", "search.verdict.judge"} <= MODULES.keys()


@pytest.mark.parametrize("name", MODULES)
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = doctest.testmod(import_module(name), verbose=False)
    assert outcome.failed == 0
    assert outcome.attempted == MODULES[name]  # one that is not found would pass unseen
