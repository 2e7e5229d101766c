"""Several processes run one study: the same answer as one process, and nothing lost or doubled, whoever dies."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import PROGRAM, study_file
from postgresql import LEFT_OPEN, away, new_database, running_server

from search.core.candidate import Candidate
from search.ledger import StudyLedger, list_studies, open_storage

TRIALS = 24


def started(path: Path, storage: str, *options: str) -> subprocess.Popen[bytes]:
    command = [*PROGRAM, "run", str(path), "--storage", storage, "--quiet", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finished(processes) -> None:
    for process in processes:
        _, said = process.communicate(timeout=240)
        assert process.returncode == 0, said.decode()


def outcome(storage: str) -> tuple[dict[Candidate, list[bytes]], StudyLedger]:
    """The losses of each candidate, whatever the numbers of its trials."""
    ledger = StudyLedger.load(open_storage(storage), "small")
    done = ledger.trials().query("state == 'complete'")["trial"].tolist()
    results = ledger.results(done)
    found: dict[Candidate, list[bytes]] = {}
    for index, candidate in enumerate(results.candidates):
        found.setdefault(candidate, []).append(results.validation[index].tobytes())
    return found, ledger


def complete(storage: str) -> int:
    studies = list_studies(open_storage(storage))
    return studies[0].complete if studies else -1


@pytest.mark.rest
@pytest.mark.filterwarnings(LEFT_OPEN)
@pytest.mark.parametrize(("sampler", "kind"), [("grid", "journal"), ("qmc", "sqlite"), ("grid", "postgresql")])
def test_workers_together_give_what_one_gives(sampler, kind, tmp_path, request, monkeypatch):
    """The same candidates, the same losses to the bit, the same verdict."""
    monkeypatch.chdir(tmp_path)
    search = {"trials": TRIALS, "batch": 4, "sampler": sampler}
    path = study_file(tmp_path, training={"epochs": 30}, space={"penalty": ["l1", "l2"]}, search=search)
    urls = {"journal": "several.journal", "sqlite": "sqlite:///several.db"}
    several = request.getfixturevalue("postgresql") if kind == "postgresql" else urls[kind]
    finished([started(path, "one.journal")])
    finished([started(path, several) for _ in range(2)])
    alone, one = outcome("one.journal")
    shared, ledger = outcome(several)
    assert shared == alone
    assert ledger.trials()["state"].tolist() == ["complete"] * TRIALS
    assert ledger.confirmed()
    assert ledger.has_model()
    assert len(ledger.openings) == 1
    ours, theirs = (each.snapshot().evidence for each in (ledger, one))
    for part in ("grid", "exact"):
        mine, other = getattr(ours, part), getattr(theirs, part)
        assert mine.candidates == other.candidates
        np.testing.assert_array_equal(mine.validation, other.validation)


@pytest.mark.rest
def test_a_worker_that_is_killed_or_stands_still_costs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    storage = "several.journal"
    path = study_file(tmp_path, training={"epochs": 100}, search={"trials": TRIALS, "batch": 2, "sampler": "grid"})
    draw = random.Random(1)
    workers = [started(path, storage, "--sealed") for _ in range(2)]
    while complete(storage) < 4:
        time.sleep(0.02)
    time.sleep(draw.uniform(0.0, 0.2))
    workers[0].send_signal(signal.SIGKILL)
    workers[0].communicate()
    finished(workers[1:])
    found, ledger = outcome(storage)
    states = ledger.trials()["state"]
    assert (states == "complete").sum() == TRIALS
    assert (states == "failed").sum() <= 2
    assert not set(states) - {"complete", "failed"}
    assert all(len(losses) == 1 or candidate == Candidate("none") for candidate, losses in found.items())


@pytest.mark.rest
@pytest.mark.parametrize("how", ["SIGTERM", "deadline"])
def test_a_cluster_that_stops_a_worker_gets_exit_code_0_and_the_next_one_goes_on(how, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    storage = "a.journal"
    path = study_file(tmp_path, training={"epochs": 200}, search={"trials": 5000, "batch": 1})
    process = started(path, storage, "--sealed", *(["--deadline", "12s"] if how == "deadline" else []))
    while complete(storage) < 2:
        time.sleep(0.02)
        assert process.poll() is None, process.communicate()
    if how == "SIGTERM":
        process.terminate()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"to go on: lambda-search run" in said
    _, ledger = outcome(storage)
    states = ledger.trials()["state"]
    assert set(states) == {"complete"}
    assert 2 <= len(states) < 5000
    finished([started(path, storage, "--sealed", "--trials", str(len(states) + 2))])
    assert complete(storage) == len(states) + 2


@pytest.mark.rest
@pytest.mark.filterwarnings(LEFT_OPEN)
def test_a_server_that_is_started_anew_costs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = study_file(tmp_path, training={"epochs": 30}, search={"trials": TRIALS, "batch": 1, "sampler": "grid"})
    with running_server() as server, new_database(server) as url:
        process = started(path, url, "--sealed")
        while complete(url) < 3:
            time.sleep(0.1)
            assert process.poll() is None, process.communicate()
        with away(url):
            time.sleep(3)
            assert process.poll() is None, process.communicate()
        finished([process])
        found, ledger = outcome(url)
        assert (ledger.trials()["state"] == "complete").sum() == len(found) == TRIALS
        assert set(ledger.trials()["state"]) <= {"complete", "failed"}  # one that was cut off is asked again
