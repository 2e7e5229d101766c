"""The journal: same lines as Optuna's, whole after any cut, nothing lost between writers."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import optuna
import pytest
from full_disk import full_after
from ledger_helpers import ask, open_ledger, record, run_batch
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from search.core.errors import UserError
from search.ledger import StudyLedger, open_storage
from search.ledger.files import locked
from search.ledger.journal import Journal
from search.ledger.lines import to_line


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.journal"


def log(number: int) -> dict[str, int]:
    return {"op_code": 4, "number": number}


def without_checksums(record):
    """A line's record, as a reader without the journal's checksums has it."""
    return {key: value for key, value in record.items() if key not in {"after", "crc32"}}


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
        theirs = [json.loads(line) for line in path.read_text().splitlines()]
        assert list(journal.read_logs(0)) == [without_checksums(each) for each in theirs]


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


def test_records_that_are_cut_out_are_noticed_each_time_that_the_next_one_is_read(path):
    journal = Journal(path)
    journal.append_logs([log(n) for n in range(3)])
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2])
    reader = Journal(path)
    for first in (0, 1):
        with pytest.raises(UserError, match="line 2 is damaged: it was not written after the one before it"):
            list(reader.read_logs(first))
    with pytest.raises(UserError, match="cut short"):
        journal.append_logs([log(3)])


def test_what_others_write_between_cuts_no_chain(path):
    """Optuna's own backend, a version of before, and one that read the file before they wrote."""
    ours, theirs, idle = Journal(path), JournalFileBackend(str(path)), Journal(path)
    ours.append_logs([log(0)])
    list(idle.read_logs(0))
    theirs.append_logs([log(1)])
    with path.open("ab") as file:
        file.write(to_line(log(2)))
    with ours.shared_write():
        ours.append_logs([log(3)])
        ours.append_logs([log(4)])
    theirs.append_logs([log(5)])
    idle.append_logs([log(6)])
    ours.append_logs([log(7)])
    expected = [log(n) for n in range(8)]
    assert list(Journal(path).read_logs(0)) == list(ours.read_logs(0)) == list(idle.read_logs(0)) == expected
    assert [without_checksums(each) for each in theirs.read_logs(0)] == expected


def test_a_damaged_record_is_named(path):
    path.write_bytes(b'{"op_code":4}\n{"op_code":\n')
    with pytest.raises(UserError, match="line 2 is damaged: it is no JSON; lambda-search check --storage"):
        list(Journal(path).read_logs(0))


def test_it_is_said_whose_a_damaged_record_is(path):
    run_batch(open_ledger(open_storage(str(path))), 2)
    lines = path.read_bytes().splitlines(keepends=True)
    number = max(n for n, line in enumerate(lines) if b'"trial_id":1' in line and b"weight_norm" in line)
    lines[number] = lines[number].replace(b"0.", b"1.", 1)
    path.write_bytes(b"".join(lines))
    said = f"line {number + 1}, of trial 1 of study 'study', is damaged: its checksum is another one"
    with pytest.raises(UserError, match=said):
        open_storage(str(path))


@pytest.mark.parametrize("mark", [b"{", b"x"])
def test_a_damaged_end_of_the_last_record_is_no_torn_one(path, mark):
    Journal(path).append_logs([log(n) for n in range(3)])
    path.write_bytes(path.read_bytes()[:-1] + mark)
    with pytest.raises(UserError, match="line 3 is damaged"):
        list(Journal(path).read_logs(0))


def test_a_journal_is_known_by_its_other_records_where_the_first_is_damaged(path):
    Journal(path).append_logs([log(n) for n in range(3)])
    path.write_bytes(b"[" + path.read_bytes()[1:])
    with pytest.raises(UserError, match="line 1 is damaged"):
        list(Journal(path).read_logs(0))


@pytest.mark.parametrize(
    "line",
    [
        b'{"op_code":6,"worker_id":"a","trial_id":0}',
        b'{"op_code":4,"worker_id":"a","study_id":0,"datetime_start":"no time"}',
        b'{"op_code":2,"worker_id":"a","study_id":0,"user_attr":7}',
        b'{"op_code":5,"worker_id":"a","trial_id":0,"param_name":"x","param_value_internal":1,"distribution":"{}"}',
    ],
)
def test_a_record_that_does_not_fit_the_others_is_named(path, line):
    """Of a writer without checksums: it is JSON, and Optuna cannot take it."""
    ledger = open_ledger(open_storage(str(path)))
    ask(ledger, 1)
    whole = path.read_bytes()
    path.write_bytes(whole + line + b"\n")
    number = whole.count(b"\n") + 1
    with pytest.raises(UserError, match=rf"line {number}.* is damaged: it does not fit the others"):
        open_storage(str(path))
    with pytest.raises(UserError, match=f"line {number}"):
        ledger.trials()


def test_what_optuna_refuses_is_optunas_to_say(path):
    storage = open_storage(str(path))
    run_batch(open_ledger(storage), 1)
    with pytest.raises(optuna.exceptions.DuplicatedStudyError):
        storage.optuna.create_new_study([optuna.study.StudyDirection.MINIMIZE], "study")
    with pytest.raises(optuna.exceptions.UpdateFinishedTrialError):
        storage.optuna.set_trial_user_attr(0, "a", 1)
    with pytest.raises(KeyError):
        storage.optuna.set_trial_user_attr(7, "a", 1)


def test_a_file_in_anothers_place_is_not_read_with_what_is_known_of_that(path):
    journal = Journal(path)
    journal.append_logs([log(0), log(1)])
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes() * 2)
    copy.replace(path)
    with pytest.raises(UserError, match="replaced"):
        list(journal.read_logs(2))


def test_a_write_that_fails_leaves_no_part_of_it(path):
    journal = Journal(path)
    journal.append_logs([log(0)])
    whole = path.read_bytes()
    for room in range(0, 3 * len(whole), 7):
        with full_after(len(whole) + room), pytest.raises(UserError, match="File too large; make room"):
            journal.append_logs([log(n) for n in range(1, 5)])
        assert path.read_bytes() == whole
    journal.append_logs([log(1)])
    assert list(Journal(path).read_logs(0)) == [log(0), log(1)]


def test_one_who_waited_for_the_lock_writes_the_file_that_is_there_then(path):
    with locked(path):
        waiting = threading.Thread(target=Journal(path).append_logs, args=([log(1)],))
        waiting.start()
        waiting.join(timeout=0.2)
        assert waiting.is_alive()
        copy = path.with_name("copy")
        copy.write_bytes(b"")
        copy.replace(path)
    waiting.join(timeout=30)
    assert list(Journal(path).read_logs(0)) == [log(1)]
