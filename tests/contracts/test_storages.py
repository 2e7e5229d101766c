"""Optuna's own contract of storages, on the storages that the ledger opens."""

from __future__ import annotations

import pickle

import optuna
import pytest
from optuna.testing.pytest_storages import StorageTestCase
from postgresql import LEFT_OPEN

from search.ledger import open_storage
from search.ledger.journal import Journal


def database(url):
    """Optuna's storage in a database, closed at the end."""
    storage = open_storage(url).optuna
    yield storage
    storage.remove_session()
    storage._backend.engine.dispose()


class TestJournal(StorageTestCase):
    @pytest.fixture
    def storage(self, tmp_path):
        return open_storage(str(tmp_path / "ledger.journal")).optuna


@pytest.mark.slow  # a commit to the disk for every call
class TestSqlite(StorageTestCase):
    @pytest.fixture
    def storage(self, tmp_path):
        yield from database(f"sqlite:///{tmp_path}/ledger.db")


@pytest.mark.slow  # a new database for every test
@pytest.mark.filterwarnings(LEFT_OPEN)
class TestPostgresql(StorageTestCase):
    @pytest.fixture
    def storage(self, postgresql):
        yield from database(postgresql)


@pytest.mark.slow
@pytest.mark.filterwarnings(LEFT_OPEN)
class TestProxy(StorageTestCase):
    @pytest.fixture
    def storage(self, proxy):
        storage = open_storage(proxy).optuna
        yield storage
        storage.close()

    test_get_all_trials_params_order = None  # Optuna's proxy keeps none: see `search.samplers.in_order`


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
