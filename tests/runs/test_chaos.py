"""A hundred misfortunes: workers killed or stopped at random instants, a server that goes away; nothing is lost.

MISFORTUNES=50 MISFORTUNE_SEED=1 python -m pytest -n 0 -s -m slow tests/runs/test_chaos.py
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

import pytest
from command_line import study_file
from forked import started
from misfortunes import TRIALS, Count
from postgresql import LEFT_OPEN, away, new_database, opened, running_server
from proxy_server import running_proxy

from search.ledger import StudyLedger

WORKERS: Final = 3
LEASE: Final = 2.0
# Between two misfortunes: batches that are finished, so that the study goes on however slow the machine, and seconds.
BATCHES: Final = 2
SECONDS: Final = 1.5
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

    process: BaseProcess
    log: Path

    @property
    def at_work(self) -> bool:
        return self.process.exitcode is None and " begins" in self.log.read_text()

    def signal(self, which: signal.Signals) -> None:
        os.kill(self.process.pid, which)


class Crowd:
    """Workers of one study, each replaced when it is killed before the study ends."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.words = ["run", *options, "--sealed", "--quiet", "--log", "plain"]
        self.folder = folder
        self.started = 0
        self.workers = [self._start() for _ in range(WORKERS)]

    def _start(self) -> Employed:
        self.started += 1
        log = self.folder / f"worker{self.started}.log"
        return Employed(started(log, *self.words), log)

    def moment(self, draw: random.Random) -> None:
        """A random instant, when some batches more are finished, or all is done."""
        wanted = self.said(" finished ") + draw.randint(0, BATCHES)
        while self.said(" finished ") < wanted and not self.done:
            time.sleep(0.05)
            self.mend()
        time.sleep(draw.uniform(0.0, SECONDS))

    def one_at_work(self, draw: random.Random) -> Employed | None:
        """A worker that has begun, once there is one; None when the study is done."""
        while not self.done:
            if begun := [worker for worker in self.workers if worker.at_work]:
                return draw.choice(begun)
            time.sleep(0.05)
            self.mend()
        return None

    def mend(self) -> None:
        """Begin those anew that began while the server was away, as a cluster would; others end well."""
        for place, worker in enumerate(self.workers):
            if worker.process.exitcode:
                assert "cannot be opened" in worker.log.read_text(), worker.log.read_text()
                self.workers[place] = self._start()

    def kill(self, worker: Employed) -> None:
        worker.signal(signal.SIGKILL)
        worker.process.join()
        self.workers[self.workers.index(worker)] = self._start()

    def pause(self, worker: Employed) -> None:
        """Stand still for longer than the lease, and go on."""
        worker.signal(signal.SIGSTOP)
        time.sleep(3 * LEASE)
        worker.signal(signal.SIGCONT)

    @property
    def done(self) -> bool:
        return any(worker.process.exitcode == 0 for worker in self.workers)

    def said(self, words: str) -> int:
        """How often workers said this in their logs."""
        return sum(log.read_text().count(words) for log in self.folder.glob("worker*.log"))

    @property
    def done_so_far(self) -> int:
        """Grows with all that workers do."""
        return sum(log.stat().st_size for log in self.folder.glob("worker*.log"))

    def wait(self) -> None:
        """Until all have ended; `STUCK` seconds without a word of anybody are too many."""
        before, since = 0, time.monotonic()
        while any(worker.process.exitcode != 0 for worker in self.workers):
            time.sleep(0.1)
            self.mend()
            if self.done_so_far > before:
                before, since = self.done_so_far, time.monotonic()
            assert time.monotonic() - since < STUCK, "stuck"


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
                crowd.moment(count.draw)
                strike(crowd, kind, database, count)
            crowd.wait()
            late += crowd.said(" left to others")
            with opened(storage) as found:
                count.end(StudyLedger.load(found, name))
    count.tell(f", {late} batches came too late")
