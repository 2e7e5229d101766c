"""Calls of the command line as a user makes them, in this process or in one of its own, and studies small enough."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest

from search.doors.cli import main

PROGRAM = [sys.executable, "-m", "search"]


class Call(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        assert self.code == 0, self.err
        return json.loads(self.out)

    @property
    def said(self) -> list[str]:
        """The lines on standard error, but for those that tell how far a run is."""
        return [
            line
            for line in self.err.splitlines()
            if not re.search(": (searching \\d+/\\d+ trials|done after ).*$", line)
        ]


def call(*arguments: str | Path) -> Call:
    """`lambda-search` with these arguments, in this process."""
    words = ["lambda-search", *map(str, arguments)]
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.object(sys, "argv", words),
        patch.object(sys, "path", [*sys.path]),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as stop,
    ):
        main()
    return Call(stop.value.code, out.getvalue(), err.getvalue())


def own_process(*arguments: str | Path, **options: Any) -> Call:
    """`python -m search` with these arguments, in a process of its own."""
    words = [*PROGRAM, *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False, **options)
    return Call(done.returncode, done.stdout, done.stderr)


def refused(result: Call, *names: str) -> None:
    """Exit code 2 and one line that says all of `names`, nothing else."""
    assert result.code == 2, result
    assert result.out == ""
    assert result.err.endswith("\n")
    assert len(result.err.splitlines()) == 1, result.err
    assert "Traceback" not in result.err
    for name in names:
        assert name in result.err


def assert_close(found: Any, expected: Any) -> None:
    """Whether an answer says the same, but for the last digits; what is not expected is not looked at."""
    if isinstance(expected, dict):
        for key, value in expected.items():
            assert_close(found[key], value)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_close(one, other)
    else:
        assert found == (pytest.approx(expected, rel=1e-6) if isinstance(expected, float) else expected)


SMALL: Mapping[str, Mapping[str, Any]] = {
    "data": {"source": "synthetic_linear", "train": 12, "validation": 10, "test": 15, "features": 4, "weight": 1.0},
    "model": {"init": "zeros"},
    "training": {"lr": 0.05, "epochs": 4, "batch_size": 0, "device": "cpu"},
    "space": {"penalty": ["none", "l1", "l2"], "lambda": {"low": 1e-3, "high": 10.0}},
    "search": {"trials": 6, "batch": 3},
}


def study_file(folder: Path, name: str = "small", **tables: Mapping[str, Any]) -> Path:
    """A study file: `SMALL` with these keys of these tables; a table with another source replaces all of [data]."""
    merged = {table: {**keys, **tables.get(table, {})} for table, keys in SMALL.items()} | {
        table: dict(keys) for table, keys in tables.items() if table not in SMALL or "source" in keys
    }
    lines = [f"name = {json.dumps(name)}"]
    for table, keys in merged.items():
        lines += [f"[{table}]", *(f"{key} = {toml(value)}" for key, value in keys.items())]
    path = folder / f"{name}.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml(each)}" for key, each in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)
