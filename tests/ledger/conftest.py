"""Storages of every kind, each new and empty."""

from __future__ import annotations

import os

import pytest
from ledger_helpers import dispose, open_ledger

from search.ledger import open_storage

POSTGRESQL = "LAMBDA_SEARCH_TEST_POSTGRESQL"


@pytest.fixture(params=["journal", *(pytest.param(name, marks=pytest.mark.rest) for name in ("sqlite", "postgresql"))])
def storage_name(request, tmp_path, monkeypatch):
    """What a user would write for each kind of storage, new and empty; works in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    if request.param == "postgresql":
        if POSTGRESQL not in os.environ:
            pytest.skip(f"{POSTGRESQL} names no PostgreSQL database")
        return os.environ[POSTGRESQL]
    return {"journal": "deep/er/ledger.journal", "sqlite": "sqlite:///deep/er/ledger.db"}[request.param]


@pytest.fixture
def storage(storage_name):
    storage = open_storage(storage_name)
    if storage.optuna.get_all_studies():
        pytest.fail(f"{POSTGRESQL} names a database that holds studies; give the tests an empty one")
    yield storage
    for study in storage.optuna.get_all_studies():
        storage.optuna.delete_study(study._study_id)
    dispose(storage)


@pytest.fixture
def ledger(storage):
    return open_ledger(storage)
