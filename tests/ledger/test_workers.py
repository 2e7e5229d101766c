"""Several workers on one study: whose trials are whose, and who is gone."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ledger_helpers import ask, open_ledger, record, results_for, run_batch
from postgresql import dispose

from search.ledger import Worker, open_storage, workers

HOLDER = """
import sys, time
sys.path.insert(0, sys.argv[2])
from ledger_helpers import ask, open_ledger
from search.ledger import open_storage
ledger = open_ledger(open_storage(sys.argv[1]))
with ledger.running() as worker:
    ask(ledger, 2, worker=worker)
    print("ready", flush=True)
    time.sleep(60)
"""
SHORT = 0.4  # seconds of a lease


def until(condition, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def test_only_the_trials_of_those_who_are_gone_are_taken_over(ledger):
    with ledger.running() as other:
        theirs = ask(ledger, 2, worker=other)
        with ledger.running() as worker:
            mine = ask(ledger, 1, seed=1, worker=worker)
            assert worker.others() == [other.name]
            assert worker.held_by_others() == theirs.keys()
            assert other.held_by_others() == mine.keys()
        assert ledger.trials()["state"].tolist() == ["running"] * 3
    with ledger.running() as third:
        assert third.others() == []
        assert ledger.recover(third) == [*theirs.values(), *mine.values()]


def test_trials_of_nobody_are_taken_over(ledger):
    """An older version wrote no owner."""
    left = ask(ledger, 1)
    with ledger.running() as worker:
        assert ledger.recover(worker) == list(left.values())


def test_who_is_killed_on_this_machine_is_gone_at_once(storage_name, ledger):
    command = [sys.executable, "-c", HOLDER, storage_name, str(Path(__file__).parent)]
    with ledger.running() as worker:
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"ready\n"
            assert ledger.recover(worker) == []
            assert len(worker.others()) == 1
            process.send_signal(signal.SIGKILL)
        assert len(ledger.recover(worker)) == 2
        assert worker.others() == []


def test_who_is_silent_for_a_lease_is_gone_and_what_it_brings_later_is_left(ledger, monkeypatch):
    """A worker of another machine that stands still: its trials go to another, and end once."""
    still = Worker(ledger.storage, ledger.name, ledger.id, SHORT)
    still._beat()
    still.hold(theirs := ask(ledger, 2))
    monkeypatch.setattr(workers.socket, "gethostname", lambda: "elsewhere")
    with ledger.running(SHORT) as worker:
        began = time.monotonic()
        assert ledger.recover(worker) == []
        until(lambda: ledger.recover(worker))
        assert time.monotonic() - began > SHORT
        again = ask(ledger, 2, seed=1, worker=worker)
        record(ledger, again)
        assert ledger.record(results_for(theirs), list(theirs)) == list(theirs)  # too late
    assert ledger.trials()["state"].tolist() == ["failed"] * 2 + ["complete"] * 2


def test_who_beats_is_not_gone_however_long_it_takes(ledger):
    with ledger.running(SHORT) as other:
        theirs = ask(ledger, 1, worker=other)
        with ledger.running(SHORT) as worker:
            until_later = time.monotonic() + 4 * SHORT
            while time.monotonic() < until_later:
                assert ledger.recover(worker) == []
                time.sleep(SHORT / 8)
        record(ledger, theirs)


def test_a_storage_that_is_away_makes_nobody_look_gone(ledger):
    """Nobody's count moves then: only what an own beat has proved to be there counts against others."""
    silent = Worker(ledger.storage, ledger.name, ledger.id, SHORT, name="far-away-1")
    silent._beat()
    silent.hold(ask(ledger, 1))
    watcher = Worker(ledger.storage, ledger.name, ledger.id, SHORT)
    watcher._beat()
    assert watcher.held_by_others() == {0}
    time.sleep(2 * SHORT)  # no beat of its own came through
    assert watcher.held_by_others() == {0}
    for _ in range(workers.BEATS + 1):
        watcher._beat()
    assert watcher.held_by_others() == set()


def test_a_task_has_one_worker_and_goes_to_the_next_when_that_is_gone(ledger):
    with ledger.running() as first, ledger.running() as second:
        assert first.claim("grid")
        assert first.claim("grid")
        assert not second.claim("grid")
        assert second.claim("inner")
        first.release("grid")
        assert second.claim("grid")
    with ledger.running() as third:
        assert third.claim("grid")
        assert third.claim("inner")


def test_the_lock_and_the_word_of_a_worker_end_with_it(storage_name, ledger):
    with ledger.running():
        pass
    folder = ledger.storage.folder / "study" / "workers"
    assert list(folder.iterdir()) == []
    run_batch(ledger, 1)
    other = open_ledger(open_storage(storage_name))
    with other.running() as worker:
        assert worker.others() == []
    dispose(other.storage)


@pytest.mark.parametrize("state", ["complete", "failed"])
def test_a_trial_that_has_ended_is_not_ended_again(ledger, state):
    candidates = ask(ledger, 1)
    if state == "failed":
        ledger.fail(0, "no reason")
    else:
        record(ledger, candidates)
    before = ledger.trials()
    assert ledger.record(results_for(candidates), [0]) == [0]
    ledger.fail(0, "another reason")
    assert ledger.trials().equals(before)
