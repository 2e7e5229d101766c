"""A hundred misfortunes: workers killed or stopped at random instants, a server that goes away; nothing is lost.

MISFORTUNES=50 MISFORTUNE_SEED=1 python -m pytest -n 0 -s -m slow tests/runs/test_chaos.py
"""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from command_line import PROGRAM, study_file
from misfortunes import TRIALS, Count
from postgresql import LEFT_OPEN, away, new_database, opened, running_server
from proxy_server import running_proxy

from search.ledger import StudyLedger

WORKERS: Final = 3
LEASE: Final = 2.0
EVERY: Final = (0.2, 3.0)  # seconds between two misfortunes
AWAY: Final = 20.0  # seconds
STUCK: Final = 300.0  # seconds in which no worker did anything
# How often each kind of misfortune is drawn.
KINDS: Final = {
    "journal": {"kill": 8, "pause": 2},
    "postgresql": {"kill": 8, "pause": 2, "away": 1},
    "proxy": {"kill": 8, "pause": 2, "away": 1},
}


@dataclass
class Employed:
    """A worker's process, and the file that it writes its log to."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def at_work(self) -> bool:
        return self.process.poll() is None and " begins" in self.log.read_text()


class Crowd:
    """Workers of one study, each replaced when it is killed before the study ends."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.command = [*PROGRAM, "run", *options, "--sealed", "--quiet", "--log", "plain"]
        self.folder = folder
        self.started = 0
        self.workers = [self._start() for _ in range(WORKERS)]

    def _start(self) -> Employed:
        self.started += 1
        log = self.folder / f"worker{self.started}.log"
        with log.open("wb") as file:
            return Employed(subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=file), log)

    def one_at_work(self, draw: random.Random) -> Employed | None:
        """A worker that has begun, once there is one; None when the study is done."""
        while not self.done:
            if begun := [worker for worker in self.workers if worker.at_work]:
                return draw.choice(begun)
            time.sleep(0.05)
        return None

    def kill(self, worker: Employed) -> None:
        worker.process.send_signal(signal.SIGKILL)
        worker.process.wait()
        self.workers[self.workers.index(worker)] = self._start()

    def pause(self, worker: Employed) -> None:
        """Stand still for longer than the lease, and go on."""
        worker.process.send_signal(signal.SIGSTOP)
        time.sleep(3 * LEASE)
        worker.process.send_signal(signal.SIGCONT)

    @property
    def done(self) -> bool:
        return any(worker.process.poll() == 0 for worker in self.workers)

    @property
    def late(self) -> int:
        """How often a worker found that others had taken it for gone."""
        return sum(log.read_text().count(" left to others") for log in self.folder.glob("worker*.log"))

    @property
    def done_so_far(self) -> int:
        """Grows with all that workers do."""
        return sum(log.stat().st_size for log in self.folder.glob("worker*.log"))

    def wait(self) -> None:
        while self.workers:
            worker = self.workers.pop()
            while worker.process.poll() is None:
                before = self.done_so_far
                with suppress(subprocess.TimeoutExpired):
                    worker.process.wait(timeout=STUCK)
                    break
                assert self.done_so_far > before, "stuck"
            said = worker.log.read_text()
            if "cannot be opened" in said:  # begun while the server was away, as a cluster would begin it again
                self.workers.append(self._start())
            else:
                assert worker.process.returncode == 0, said


@contextmanager
def storage_of(kind: str, folder: Path) -> Iterator[tuple[str, str]]:
    """What the workers name, and the database that goes away."""
    if kind == "journal":
        yield str(folder / "a.journal"), ""
        return
    with running_server() as server, new_database(server) as url:
        if kind == "postgresql":
            yield url, url
        else:
            with running_proxy(url) as proxy:
                yield proxy.url, url


def strike(crowd: Crowd, kind: str, database: str, count: Count) -> None:
    """One misfortune, while somebody works."""
    kinds = KINDS[kind]
    (event,) = count.draw.choices(list(kinds), list(kinds.values()))
    worker = crowd.one_at_work(count.draw)
    if worker is None:
        return
    count.kinds[event] += 1
    if event == "away":
        with away(database):
            time.sleep(AWAY)
    else:
        getattr(crowd, event)(worker)


@pytest.mark.slow
@pytest.mark.filterwarnings(LEFT_OPEN)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_lost_doubled_or_stuck(kind, tmp_path, monkeypatch):
    """MISFORTUNES for each kind of storage, over as many runs of 200 trials as they take."""
    monkeypatch.chdir(tmp_path)
    count, late = Count(kind), 0
    while not count.enough:
        name = f"run{count.runs}"
        (folder := tmp_path / name).mkdir()
        search = {"trials": TRIALS, "batch": 4, "sampler": "grid", "lease": LEASE}
        path = study_file(folder, name, training={"epochs": 1000}, search=search)
        with storage_of(kind, folder) as (storage, database):
            crowd = Crowd(folder, str(path), "--storage", storage)
            while not crowd.done and not count.enough:
                time.sleep(count.draw.uniform(*EVERY))
                strike(crowd, kind, database, count)
            crowd.wait()
            late += crowd.late
            with opened(storage) as found:
                count.end(StudyLedger.load(found, name))
    count.tell(f", {late} batches came too late")
