"""What `import search` offers, loaded late: the same to programs, to editors and to type checkers."""

from __future__ import annotations

import ast
import importlib
import inspect
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import search

TREE = ast.parse(Path(search.__file__).read_text(encoding="utf-8"))


def typed():
    """Name -> module of what the type checker is told."""
    nodes = [
        node for node in ast.walk(TREE) if isinstance(node, ast.ImportFrom) and str(node.module).startswith("search.")
    ]
    return {alias.name: node.module for node in nodes for alias in node.names}


def test_the_version_is_that_of_the_installed_package():
    assert search.__version__ == metadata.version("lambda-search")
    project = Path(search.__file__).parents[1] / "pyproject.toml"
    assert search.__version__ == tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"]


def test_every_name_is_told_to_editors_and_loads_from_there():
    names = typed()
    assert sorted([*names, "__version__"]) == sorted(search.__all__) == sorted(dir(search))
    for name, module in names.items():
        assert getattr(search, name) is getattr(importlib.import_module(module), name)
        assert inspect.getdoc(getattr(search, name))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'search' has no attribute 'runn'"):
        _ = search.runn  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["run", "load", "judge", "judge_cv", "record"])
def test_a_functions_arguments_have_types_and_words(name):
    function = getattr(search, name)
    text, signature = inspect.getdoc(function), inspect.signature(function)
    assert signature.return_annotation is not inspect.Parameter.empty
    for argument, each in signature.parameters.items():
        assert each.annotation is not inspect.Parameter.empty
        assert argument in text, f"{name} does not say what {argument} is"
