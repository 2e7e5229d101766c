"""A process that is killed with SIGKILL while it asks, trains and tells leaves a study that goes on."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ledger_helpers import dispose, open_ledger, run_batch

from search.ledger import StudyLedger, open_storage

WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from ledger_helpers import open_ledger, run_batch
from search.ledger import open_storage
ledger = open_ledger(open_storage(sys.argv[1]))
with ledger.running():
    print("ready", flush=True)
    for seed in range(10_000):
        ledger.recover()
        run_batch(ledger, 4, seed)
"""


def killed_writer(name: str, after: float) -> None:
    command = [sys.executable, "-c", WRITER, name, str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout.readline() == b"ready\n"
        time.sleep(after)
        process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_kill_at_random_moments(kind, tmp_path):
    name = str(tmp_path / "a.journal") if kind == "journal" else f"sqlite:///{tmp_path}/a.db"
    moments = random.Random(kind)
    complete = 0
    for _ in range(2):
        killed_writer(name, moments.uniform(0.0, 0.25))
        storage = open_storage(name)
        ledger = open_ledger(storage)
        with ledger.running():
            ledger.recover()
            assert set(ledger.trials()["state"]) <= {"complete", "failed"}
            frame, losses = ledger.validation()
            assert len(frame) == len(losses) >= complete
            for number in frame["trial"]:
                assert (
                    ledger.outcome(number).losses.validation_loss()
                    == frame.set_index("trial").loc[number, "validation_loss"]
                )
            run_batch(ledger, 2)
        complete = len(StudyLedger.load(storage, "study").validation()[0])
        dispose(storage)
    assert complete >= 4
