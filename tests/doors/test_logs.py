"""What a worker writes for a cluster to collect."""

from __future__ import annotations

import json
import logging
import sys

import pytest
from command_line import call, study_file

from search.doors.logs import LOGGER, Json, Plain


@pytest.fixture(autouse=True)
def unlogged():
    """The logger as it was."""
    yield
    logger = logging.getLogger(LOGGER)
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)
    logger.propagate = True


def test_json_tells_worker_and_trials_of_every_step(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = call("run", study_file(tmp_path), "--sealed", "--log", "json")
    lines = [json.loads(line) for line in ran.err.splitlines()]
    assert ran.code == 0
    assert {line["study"] for line in lines} == {"small"}
    assert len({line["worker"] for line in lines}) == 1
    asked, finished = (
        [number for line in lines if line["event"] == event for number in line["trials"]]
        for event in ("asked", "finished")
    )
    assert asked == finished == list(range(6))
    assert lines[0]["event"] == "begins"
    assert any(line["event"].startswith("trains part of stage") for line in lines)


def test_plain_lines_and_tracebacks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = call("run", study_file(tmp_path), "--sealed", "--log", "plain")
    assert " asked 0-2" in ran.err
    assert " finished 3-5" in ran.err
    try:
        raise ValueError("no")
    except ValueError:
        record = logging.getLogger("search.runs.loop").makeRecord(
            "search.runs.loop",
            logging.ERROR,
            __file__,
            1,
            "failed",
            (),
            sys.exc_info(),
            extra={"study": "a", "worker": "w", "trials": [4]},
        )
    assert " a w failed 4\nTraceback" in Plain().format(record)
    told = json.loads(Json().format(record))
    assert (told["level"], told["trials"]) == ("error", [4])
    assert told["traceback"].endswith("ValueError: no")
