"""Every file that is written is the old one or the new one, also on a disk that is full at any byte."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from command_line import call, refused, study_file
from full_disk import full_after

JOURNAL = "ledger.journal"
STORED = ("--storage", JOURNAL)
WRITERS = {
    "page": ("small.html", ["report", "small", "-o", "small.html", *STORED]),
    "csv": ("trials.csv", ["export", "small", "-o", "trials.csv", *STORED]),
    "parquet": ("trials.parquet", ["export", "small", "-o", "trials.parquet", *STORED]),
    "predictions": ("prices.csv", ["predict", "small", "houses.csv", "-o", "prices.csv", *STORED]),
    "study file": ("new.toml", ["new", "houses.csv", "--target", "price", "-o", "new.toml"]),
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    draw = random.Random(0)
    rows = [",".join(f"{draw.gauss(0, 1):.4f}" for _ in range(3)) for _ in range(40)]
    (folder / "houses.csv").write_text("\n".join(["size,age,price", *rows]))
    path = study_file(folder, data={"source": "file", "path": "houses.csv", "target": "price"})
    assert call("run", path, "--storage", folder / JOURNAL, "--quiet").code == 0
    return folder


@pytest.fixture(autouse=True)
def here(finished, tmp_path, monkeypatch):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("what", WRITERS)
def test_a_full_disk_leaves_the_old_file_or_none(here, what):
    name, command = WRITERS[what]
    before = contents(here)
    with full_after(20):
        refused(call(*command), name, "File too large")
    assert contents(here) == before
    assert call(*command).code == 0
    if what != "study file":  # which takes nobody's place
        Path(name).write_bytes(b"old")
        with full_after(20):
            refused(call(*command), name)
        assert Path(name).read_bytes() == b"old"


@pytest.mark.parametrize("room", [0, 1, 50, 400, 2_000])
def test_a_full_disk_in_the_middle_of_a_run_costs_nothing(here, room):
    """The journal ends where it did before what could not be written, and the same command goes on."""
    size = Path(JOURNAL).stat().st_size
    before = contents(here)
    more = ("run", "small.toml", *STORED, "--trials", "9", "--quiet", "--sealed")
    with full_after(size + room):
        refused(call(*more), JOURNAL, "File too large", "make room")
    after = contents(here)
    assert after[JOURNAL].startswith(before[JOURNAL])
    assert after[JOURNAL].endswith(b"\n")
    assert call("check", *STORED).code == 0
    assert call(*more, "--json").json["trials"] == {"complete": 9, "pruned": 0, "failed": 0}
