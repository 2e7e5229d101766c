"""The journal: same lines as Optuna's, whole after any cut, nothing lost between writers."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import optuna
import pytest
from ledger_helpers import ask, open_ledger, record, run_batch
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from search.core.errors import UserError
from search.ledger import StudyLedger, open_storage
from search.ledger.journal import Journal


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.journal"


def log(number: int) -> dict[str, int]:
    return {"op_code": 4, "number": number}


def test_optunas_own_backend_reads_our_file(path):
    ledger = open_ledger(open_storage(str(path)))
    run_batch(ledger, 4)
    theirs = optuna.load_study(study_name="study", storage=JournalStorage(JournalFileBackend(str(path))))
    ours = ledger.study()
    assert theirs.trials == ours.trials
    assert theirs.user_attrs == ours.user_attrs


def test_we_read_what_optunas_own_backend_wrote(path):
    storage = JournalStorage(JournalFileBackend(str(path)))
    optuna.create_study(storage=storage, study_name="theirs").ask()
    assert [study.study_name for study in open_storage(str(path)).optuna.get_all_studies()] == ["theirs"]


def test_reading_makes_no_file(path):
    assert list(Journal(path.parent / "deep" / "a.journal").read_logs(0)) == []
    assert list(path.parent.iterdir()) == []


def test_a_batch_is_one_write(path, monkeypatch):
    ledger = open_ledger(open_storage(str(path)))
    synced = []
    monkeypatch.setattr("search.ledger.journal.sync", lambda file: (file.flush(), synced.append(file.tell())))
    asked = ask(ledger, 16)
    assert len(synced) == 1
    assert len(ledger.trials()) == 16
    record(ledger, asked)
    assert len(synced) == 2
    assert set(ledger.trials()["state"]) == {"complete"}


def test_pending_records_are_read_back_before_they_are_written(path):
    journal, other = Journal(path), Journal(path)
    other.append_logs([log(0)])
    with journal.one_write():
        journal.append_logs([log(1)])
        with journal.one_write():
            journal.append_logs([log(2)])
        assert list(journal.read_logs(0)) == [log(0), log(1), log(2)]
        assert list(journal.read_logs(2)) == [log(2)]
        assert list(other.read_logs(0)) == [log(0)]
    assert list(other.read_logs(1)) == [log(1), log(2)]


def test_a_cut_at_every_byte_of_the_last_records_loses_these_alone(path):
    Journal(path).append_logs([log(n) for n in range(6)])
    whole = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(ends[3], len(whole) + 1):
        path.write_bytes(whole[:cut])
        kept = sum(end <= cut for end in ends)
        journal = Journal(path)
        assert list(journal.read_logs(0)) == [log(n) for n in range(kept)]
        journal.append_logs([log(99)])
        assert list(Journal(path).read_logs(0)) == [*(log(n) for n in range(kept)), log(99)]
        assert [json.loads(line) for line in path.read_text().splitlines()] == list(journal.read_logs(0))


def test_a_study_cut_anywhere_in_its_last_trial_goes_on(path):
    ledger = open_ledger(open_storage(str(path)))
    run_batch(ledger, 1)
    before = path.stat().st_size
    run_batch(ledger, 1)
    whole = path.read_bytes()
    for cut in range(before, len(whole) + 1, 61):
        path.write_bytes(whole[:cut])
        again = open_ledger(open_storage(str(path)))
        with again.running() as worker:
            again.recover(worker)
            run_batch(again, 1)
        assert set(again.trials()["state"]) <= {"complete", "failed"}
        assert len(again.snapshot().results) == len(again.completed())


def append_many(path, writer: int) -> None:
    journal = Journal(path)
    for number in range(40):
        with journal.one_write():
            journal.append_logs([log(1000 * writer + number)])
            journal.append_logs([log(1000 * writer + number + 500)])


@pytest.mark.rest
def test_processes_that_append_at_once_lose_nothing(path):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(append_many, [path] * 2, range(2)))
    numbers = [log["number"] for log in Journal(path).read_logs(0)]
    assert sorted(numbers) == sorted(1000 * w + n + half for w in range(2) for n in range(40) for half in (0, 500))
    assert all(second == first + 500 for first, second in zip(numbers[::2], numbers[1::2], strict=True))


def test_threads_that_append_while_one_writes_lose_nothing_and_do_not_lock_up(path):
    ledger = open_ledger(open_storage(str(path)))
    storage = ledger.storage.optuna

    def note(name: str) -> None:
        for number in range(30):
            storage.set_study_user_attr(ledger.id, f"{name}{number}", number)

    threads = [threading.Thread(target=note, args=(name,), daemon=True) for name in "ab"]
    for thread in threads:
        thread.start()
    for seed in range(5):
        ask(ledger, 4, seed)
    for thread in threads:
        thread.join(timeout=30)
    again = StudyLedger.load(open_storage(str(path)), "study")
    assert len(again.trials()) == 20
    assert {f"{name}{n}" for name in "ab" for n in range(30)} <= again.study().user_attrs.keys()


def test_a_replaced_file_is_refused_not_appended_to(path):
    journal = Journal(path)
    journal.append_logs([log(0), log(1)])
    path.unlink()
    with pytest.raises(UserError, match="replaced"):
        journal.append_logs([log(2)])


def test_a_damaged_record_is_named(path):
    path.write_bytes(b'{"op_code":4}\n{"op_code":\n')
    with pytest.raises(UserError, match="damaged"):
        list(Journal(path).read_logs(0))
