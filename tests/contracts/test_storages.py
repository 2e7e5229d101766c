"""Optuna's own contract of storages, on the storages that the ledger opens."""

from __future__ import annotations

import pickle

import optuna
import pytest
from optuna.testing.pytest_storages import StorageTestCase

from search.ledger import open_storage
from search.ledger.journal import Journal

NAMES = {"journal": "ledger.journal", "sqlite": "sqlite:///ledger.db"}


def opened(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return open_storage(NAMES[kind]).optuna


class TestJournal(StorageTestCase):
    @pytest.fixture
    def storage(self, tmp_path, monkeypatch):
        return opened("journal", tmp_path, monkeypatch)


@pytest.mark.slow  # a commit to the disk for every call
class TestSqlite(StorageTestCase):
    @pytest.fixture
    def storage(self, tmp_path, monkeypatch):
        storage = opened("sqlite", tmp_path, monkeypatch)
        yield storage
        storage.remove_session()
        storage._backend.engine.dispose()


def test_a_journal_that_was_pickled_writes_the_same_file_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    storage = optuna.storages.JournalStorage(Journal(tmp_path.relative_to(tmp_path) / "a.journal"))
    study = optuna.create_study(storage=storage, study_name="a")
    sent = pickle.dumps(storage)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    other = optuna.load_study(study_name="a", storage=pickle.loads(sent))
    other.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    monkeypatch.chdir(tmp_path)
    assert len(study.trials) == 3


def test_what_a_pickled_journal_has_pending_stays_with_its_writer(tmp_path):
    journal = Journal(tmp_path / "a.journal")
    with journal.one_write():
        journal.append_logs([{"op_code": 0}])
        copy = pickle.loads(pickle.dumps(journal))
        assert list(copy.read_logs(0)) == []
    assert list(copy.read_logs(0)) == [{"op_code": 0}]
