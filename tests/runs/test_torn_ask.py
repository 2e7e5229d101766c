"""A process that dies while it asks its first trials leaves some that wait or have no parameters: all are counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import call, study_file

from search.ledger import StudyLedger, open_storage

JOURNAL = "ledger.journal"
CREATE, PARAMETER, STATE = 4, 5, 6  # Optuna's operations


@pytest.fixture
def cut(tmp_path, monkeypatch):
    """Runs a study, and gives what cuts its journal within the records of its first ask."""
    monkeypatch.chdir(tmp_path)

    def make(sampler: str):
        path = study_file(tmp_path, search={"sampler": sampler, "trials": 7, "batch": 4})
        assert call("run", path, "--storage", JOURNAL, "--sealed", "--quiet").code == 0
        lines = Path(JOURNAL).read_bytes().splitlines(keepends=True)
        codes = [json.loads(line)["op_code"] for line in lines]
        # Asked trials are made, taken up where they waited, and get parameters.
        first, last = codes.index(CREATE), max(n for n, code in enumerate(codes[:60]) if code == PARAMETER)
        return path, lines, range(first + 1, last + 2)

    return make


def states() -> dict[str, int]:
    return StudyLedger.load(open_storage(JOURNAL), "small").trials()["state"].value_counts().to_dict()


def completed(path: Path, lines: list[bytes], keep: int) -> tuple[dict[str, int], dict[str, int]]:
    """The trials before and after a run that finds so many lines of the journal."""
    Path(JOURNAL).write_bytes(b"".join(lines[:keep]))
    before = states()
    assert call("run", path, "--storage", JOURNAL, "--sealed", "--quiet").code == 0
    return before, states()


@pytest.mark.parametrize("sampler", ["grid", "tpe"])
def test_the_number_of_trials_is_as_asked(cut, sampler):
    path, lines, keeps = cut(sampler)
    met = set()
    for keep in (keeps[0], keeps[len(keeps) // 3], keeps[-1]):
        before, after = completed(path, lines, keep)
        met |= before.keys()
        assert after.pop("complete") == 7
        assert after.get("failed", 0) == before.get("running", 0)
        assert not after.keys() - {"failed"}
    assert met == ({"running", "waiting"} if sampler == "grid" else {"running"})


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["grid", "tpe"])
def test_the_number_of_trials_is_as_asked_wherever_it_was_torn(cut, sampler):
    path, lines, keeps = cut(sampler)
    for keep in keeps:
        before, after = completed(path, lines, keep)
        assert after["complete"] == 7, keep
        assert after.get("failed", 0) == before.get("running", 0), keep
