"""Several processes run one study: the same answer as one process, and nothing lost or doubled, whoever dies."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from command_line import PROGRAM, study_file
from object_store import BUCKET, refusing
from postgresql import LEFT_OPEN, away, new_database, opened, running_server

from search.core.candidate import Candidate
from search.core.evidence import Evidence
from search.ledger import StudyLedger, list_studies

TRIALS = 24
SHARED = [("grid", "journal"), ("qmc", "sqlite"), ("grid", "postgresql"), ("qmc", "proxy")]  # samplers and storages


def started(path: Path, storage: str, *options: str) -> subprocess.Popen[bytes]:
    command = [*PROGRAM, "run", str(path), "--storage", storage, "--quiet", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finished(processes) -> None:
    for process in processes:
        _, said = process.communicate(timeout=240)
        assert process.returncode == 0, said.decode()


class Outcome(NamedTuple):
    """What a study came to: the losses of each candidate, whatever the numbers of its trials."""

    losses: dict[Candidate, list[bytes]]
    states: list[str]
    evidence: Evidence
    whole: bool
    openings: int


def outcome(storage: str) -> Outcome:
    with opened(storage) as found:
        ledger = StudyLedger.load(found, "small")
        frame = ledger.trials()
        results = ledger.results(frame.query("state == 'complete'")["trial"].tolist())
        losses: dict[Candidate, list[bytes]] = {}
        for index, candidate in enumerate(results.candidates):
            losses.setdefault(candidate, []).append(results.validation[index].tobytes())
        whole = ledger.confirmed() and ledger.has_model()
        return Outcome(losses, frame["state"].tolist(), ledger.snapshot().evidence, whole, len(ledger.openings))


def assert_same(shared: Outcome, alone: Outcome) -> None:
    """The trials, losses and evidence of one process, though several ran it."""
    assert shared.losses == alone.losses
    assert shared.states == ["complete"] * TRIALS
    assert shared.whole
    assert shared.openings == 1
    for part in ("grid", "exact"):
        mine, other = (getattr(each.evidence, part) for each in (shared, alone))
        assert mine.candidates == other.candidates
        np.testing.assert_array_equal(mine.validation, other.validation)


def complete(storage: str) -> int:
    with opened(storage) as found:
        studies = list_studies(found)
    return studies[0].complete if studies else -1


@pytest.mark.rest
@pytest.mark.filterwarnings(LEFT_OPEN)
@pytest.mark.parametrize(("sampler", "kind"), SHARED)
def test_workers_together_give_what_one_gives(sampler, kind, tmp_path, request, monkeypatch):
    """The same candidates, the same losses to the bit, the same verdict."""
    monkeypatch.chdir(tmp_path)
    search = {"trials": TRIALS, "batch": 4, "sampler": sampler}
    path = study_file(tmp_path, training={"epochs": 30}, space={"penalty": ["l1", "l2"]}, search=search)
    urls = {"journal": "several.journal", "sqlite": "sqlite:///several.db"}
    several = urls.get(kind) or request.getfixturevalue(kind)
    finished([started(path, "one.journal")])
    finished([started(path, several) for _ in range(2)])
    assert_same(outcome(several), outcome("one.journal"))


@pytest.mark.filterwarnings(LEFT_OPEN)
def test_workers_whose_store_refuses_every_third_request_give_what_one_gives(tmp_path, s3, postgresql, monkeypatch):
    """Losses in a bucket and trials in a database, against both in files."""
    monkeypatch.chdir(tmp_path)
    search = {"trials": TRIALS, "batch": 2, "sampler": "grid"}
    path = study_file(tmp_path, training={"epochs": 30}, space={"penalty": ["l1", "l2"]}, search=search)
    finished([started(path, "one.journal")])
    with refusing(s3) as flaky:
        finished([started(path, postgresql, "--artifacts", f"s3://{BUCKET}/flaky") for _ in range(2)])
        found = outcome(postgresql)
    assert flaky.refused > TRIALS / 2 / 3  # more than of the writes alone
    assert list(tmp_path.rglob("*.npz")) == list((tmp_path / "one.journal.losses").rglob("*.npz"))
    assert_same(found, outcome("one.journal"))


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
    found = outcome(storage)
    assert found.states.count("complete") == TRIALS
    assert found.states.count("failed") <= 2
    assert not set(found.states) - {"complete", "failed"}
    assert all(len(losses) == 1 or candidate == Candidate("none") for candidate, losses in found.losses.items())


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
    states = outcome(storage).states
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
        found = outcome(url)
        assert found.states.count("complete") == len(found.losses) == TRIALS
        assert set(found.states) <= {"complete", "failed"}  # one that was cut off is asked again
