"""A hundred misfortunes: workers killed or stopped at random instants, a server that goes away; nothing is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from command_line import PROGRAM, study_file
from postgresql import LEFT_OPEN, away, new_database, opened, running_server

from search.core.candidate import Candidate
from search.ledger import StudyLedger

MISFORTUNES = int(os.environ.get("MISFORTUNES", "6"))
TRIALS = 200
WORKERS = 3
LEASE = 2.0
EVERY = (0.5, 3.0)  # seconds between two misfortunes


class Crowd:
    """Workers of one study, each replaced when it ends before the study does."""

    def __init__(self, *options: str) -> None:
        self.command = [*PROGRAM, "run", *options, "--sealed", "--quiet"]
        self.workers = [self._start() for _ in range(WORKERS)]

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def kill(self, draw: random.Random) -> None:
        place = draw.randrange(WORKERS)
        self.workers[place].send_signal(signal.SIGKILL)
        self.workers[place].communicate()
        self.workers[place] = self._start()

    def pause(self, draw: random.Random) -> None:
        """Stand still for longer than the lease, and go on."""
        worker = self.workers[draw.randrange(WORKERS)]
        worker.send_signal(signal.SIGSTOP)
        time.sleep(2 * LEASE)
        worker.send_signal(signal.SIGCONT)

    @property
    def done(self) -> bool:
        return any(worker.poll() == 0 for worker in self.workers)

    def wait(self) -> None:
        while self.workers:
            worker = self.workers.pop()
            _, said = worker.communicate(timeout=300)
            if b"cannot be opened" in said:  # begun while the server was away, as a cluster would begin it again
                self.workers.append(self._start())
            else:
                assert worker.returncode == 0, said.decode()


@contextmanager
def storage_of(kind: str, folder) -> Iterator[str]:
    if kind == "journal":
        yield str(folder / "a.journal")
    else:
        with running_server() as server, new_database(server) as url:
            yield url


@pytest.mark.slow
@pytest.mark.filterwarnings(LEFT_OPEN)
@pytest.mark.parametrize("kind", ["journal", "postgresql"])
def test_nothing_is_lost_doubled_or_stuck(kind, tmp_path, monkeypatch):
    """MISFORTUNES for each kind of storage, over as many runs of 200 trials as they take."""
    monkeypatch.chdir(tmp_path)
    draw, counts, runs = random.Random(kind), {"kill": 0, "pause": 0, "away": 0}, 0
    while sum(counts.values()) < MISFORTUNES:
        runs += 1
        search = {"trials": TRIALS, "batch": 4, "sampler": "grid", "lease": LEASE}
        path = study_file(tmp_path, f"run{runs}", training={"epochs": 400}, search=search)
        with storage_of(kind, tmp_path / str(runs)) as storage:
            crowd = Crowd(str(path), "--storage", storage)
            while not crowd.done and sum(counts.values()) < MISFORTUNES:
                time.sleep(draw.uniform(*EVERY))
                event = draw.choices(["kill", "pause", "away"], [8, 1, 1 if kind == "postgresql" else 0])[0]
                counts[event] += 1
                if event == "away":
                    with away(storage):
                        time.sleep(draw.uniform(1.0, 20.0))
                else:
                    getattr(crowd, event)(draw)
            crowd.wait()
            with opened(storage) as found:
                check(StudyLedger.load(found, f"run{runs}"))
    print(f"\n{kind}: {runs} runs of {TRIALS} trials, {counts}: 0 lost, 0 doubled, 0 stuck")


def check(ledger: StudyLedger) -> None:
    frame = ledger.trials()
    assert set(frame["state"]) <= {"complete", "failed"}, "stuck"
    complete = frame.query("state == 'complete'")["trial"].tolist()
    every = [ledger.candidate(number) for number in complete]
    assert len(set(every)) == TRIALS, "lost"
    assert len(every) == TRIALS + max(0, every.count(Candidate("none")) - 1), "doubled"
    assert len(ledger.results(complete)) == len(complete)  # and each agrees with its trial's value
    assert ledger.confirmed()
