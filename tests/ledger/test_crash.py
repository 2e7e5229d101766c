"""A process that is killed with SIGKILL while it asks, trains and tells leaves a study that goes on."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ledger_helpers import open_ledger, run_batch
from postgresql import dispose

from search.core.candidate import Candidate
from search.ledger import StudyLedger, open_storage

WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from ledger_helpers import open_ledger, run_batch
from search.ledger import open_storage
ledger = open_ledger(open_storage(sys.argv[1]))
with ledger.running() as worker:
    print("ready", flush=True)
    for seed in range(10_000):
        ledger.recover(worker)
        run_batch(ledger, 4, seed, worker)
"""


def killed_writer(name: str, after: float) -> None:
    command = [sys.executable, "-c", WRITER, name, str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout.readline() == b"ready\n"
        time.sleep(after)
        process.send_signal(signal.SIGKILL)


def parameters(frame):
    return frame[["penalty", "lambda", "l1_ratio"]].to_dict("records")


@pytest.mark.rest
@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_kill_at_random_moments(kind, tmp_path):
    name = str(tmp_path / "a.journal") if kind == "journal" else f"sqlite:///{tmp_path}/a.db"
    moments = random.Random(kind)
    complete = 0
    for _ in range(2):
        killed_writer(name, moments.uniform(0.0, 0.25))
        storage = open_storage(name)
        ledger = open_ledger(storage)
        with ledger.running() as worker:
            ledger.recover(worker)
            assert set(ledger.trials()["state"]) <= {"complete", "failed"}
            frame = ledger.trials().query("state == 'complete'")
            results = ledger.results(frame["trial"].tolist())
            assert len(frame) == len(results) >= complete
            assert results.validation_loss.tolist() == frame["validation_loss"].tolist()
            assert list(results.candidates) == [Candidate.from_params(row) for row in parameters(frame)]
            run_batch(ledger, 2)
        complete = StudyLedger.load(storage, "study").finished()
        dispose(storage)
    assert complete >= 4
