"""Ledgers of version 0.2.0, of before and since there are checksums, open, are whole, and are judged as they were."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
from command_line import assert_close, call

HERE = Path(__file__).parent
SAID = json.loads((HERE / "verdicts.json").read_text(encoding="utf-8"))
STORED = ("--storage", "ledger.journal")


@pytest.fixture(params=["without_checksums", "with_checksums"])
def old(request, tmp_path, monkeypatch) -> Path:
    """The old ledger in the working folder."""
    with tarfile.open(HERE / f"{request.param}.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_is_whole(old):
    found = call("check", "--json", *STORED).json
    assert found["damages"] == []
    assert found["studies"] == ["small", "turns"]
    assert found["trials"] == 12


@pytest.mark.parametrize("name", ["small", "turns"])
def test_it_is_judged_as_it_was_and_nothing_is_trained_again(old, name):
    assert_close(call("verdict", name, "--json", *STORED).json, SAID[name])
    done = call("run", f"{name}.toml", "--json", "--quiet", *STORED).json
    assert done["fits"] == 0
    assert_close(done["verdict"], SAID[name])


def test_it_goes_on(old):
    done = call("run", "small.toml", "--trials", "8", "--sealed", "--quiet", "--json", *STORED).json
    assert done["trials"]["complete"] == 8
    assert call("check", *STORED).code == 0
