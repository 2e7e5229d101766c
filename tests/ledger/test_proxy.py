"""Optuna's gRPC proxy as the storage: the tests of the ledger run through it too; here is what is its own."""

from __future__ import annotations

import sys
import threading
import time

import pytest
from ledger_helpers import ask, open_ledger, record, results_for, run_batch
from postgresql import LEFT_OPEN, away, new_database, opened, running_server
from proxy_server import running_proxy

from search.core.errors import UserError
from search.ledger import open_storage
from search.ledger import proxy as proxies

pytestmark = pytest.mark.rest


@pytest.mark.parametrize("url", ["grpc://", "grpc://host", "grpc://:13000", "grpc://host:port", "grpc://host:1/study"])
def test_what_is_no_address_is_refused_in_one_line(url):
    with pytest.raises(UserError, match=r"must be grpc://HOST:PORT") as refused:
        open_storage(url)
    assert "\n" not in str(refused.value)


def test_an_address_where_nobody_answers_is_refused_in_one_line(monkeypatch):
    monkeypatch.setattr(proxies, "FIRST", 0.2)
    with pytest.raises(UserError, match=r"grpc://127.0.0.1:1: no server of gRPC answers") as refused:
        open_storage("grpc://127.0.0.1:1")
    assert "\n" not in str(refused.value)


def test_without_the_package_it_is_said_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "search.ledger.proxy")
    monkeypatch.setitem(sys.modules, "grpc", None)
    with pytest.raises(UserError, match=r"lambda-search\[grpc\]"):
        open_storage("grpc://127.0.0.1:1")


def test_two_first_runs_at_once_make_one_study(proxy, tmp_path, monkeypatch):
    """With one seal, whoever comes first: without turns each could write its own."""
    monkeypatch.chdir(tmp_path)
    keys, ready = [], threading.Barrier(4)

    def open_and_note() -> None:
        with opened(proxy) as storage:
            ready.wait()
            keys.append(open_ledger(storage)._key)

    threads = [threading.Thread(target=open_and_note) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with opened(proxy) as storage:
        assert keys == [open_ledger(storage)._key] * 4


def test_what_a_lost_turn_had_asked_is_asked_once_more_by_one(proxy, tmp_path, monkeypatch):
    """Whoever loses its turn while it asks does it again, and what it had asked counts for nothing."""
    monkeypatch.chdir(tmp_path)
    with opened(proxy) as storage:
        ledger = open_ledger(storage)
        with ledger.running() as worker:
            tries = []

            def take():
                with ledger.alone():
                    ledger.recover(worker)
                    tries.append(ask(ledger, 2, seed=len(tries), worker=worker))
                    if len(tries) == 1:
                        end_the_turn(ledger)
                return tries[-1]

            assert storage.steadily(take) == tries[1]
            record(ledger, tries[1])
        assert ledger.trials()["state"].tolist() == ["failed"] * 2 + ["complete"] * 2


def test_what_a_lost_turn_had_finished_is_finished(proxy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with opened(proxy) as storage:
        ledger = open_ledger(storage)
        candidates = ask(ledger, 2)
        whole, once = type(ledger)._tell, []

        def tell(self, number, known, *, pruned):
            whole(self, number, known, pruned=pruned)
            if not once:
                once.append(number)
                end_the_turn(ledger)

        monkeypatch.setattr(type(ledger), "_tell", tell)
        assert ledger.record(results_for(candidates), list(candidates)) == []
        assert once == [0]
        assert ledger.trials()["state"].tolist() == ["complete"] * 2


def end_the_turn(ledger) -> None:
    """As another does for whom it takes too long."""
    turns = ledger.storage.alone.__self__
    (mine,) = turns._queue(turns._line(ledger.id))
    turns._end(mine._trial_id)


def test_workers_on_both_sides_of_a_proxy_are_refused(proxy, postgresql, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with opened(proxy) as far, opened(postgresql) as near:
        ledgers = open_ledger(far), open_ledger(near)
        for first, second in (ledgers, reversed(ledgers)):
            with first.running(), pytest.raises(UserError, match="share no lock"), second.running():
                pass
        run_batch(ledgers[0], 1)
        run_batch(ledgers[1], 1)
        assert ledgers[0].trials()["state"].tolist() == ["complete"] * 2


@pytest.mark.filterwarnings(LEFT_OPEN)
def test_a_proxy_or_a_database_that_is_away_for_a_while_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with running_server() as server, new_database(server) as url:
        with running_proxy(url) as running:
            storage = open_storage(running.url)
            ledger = open_ledger(storage)
            run_batch(ledger, 1)
            with away(url):
                waiting = started(lambda: run_batch(ledger, 1, seed=1))
            waiting.join(timeout=30.0)
        waiting = started(lambda: run_batch(ledger, 1, seed=2))
        with running_proxy(url, int(running.url.rpartition(":")[2])):
            waiting.join(timeout=30.0)
            assert ledger.trials()["state"].tolist() == ["complete"] * 3
        storage.optuna.close()


def started(do) -> threading.Thread:
    """Do it, and make sure that it has to wait."""
    thread = threading.Thread(target=do)
    thread.start()
    time.sleep(0.5)
    assert thread.is_alive()
    return thread


def test_a_server_that_stays_away_is_said_in_one_line(postgresql, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with running_proxy(postgresql) as running:
        storage = open_storage(running.url)
        ledger = open_ledger(storage)
    monkeypatch.setattr(proxies, "PATIENCE", 0.5)
    with pytest.raises(UserError, match=r"did not answer for .* minutes") as refused:
        ledger.trials()
    assert "\n" not in str(refused.value)
    storage.optuna.close()
