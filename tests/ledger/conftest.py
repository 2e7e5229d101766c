"""Storages of every kind, each new and empty."""

from __future__ import annotations

import pytest
from ledger_helpers import open_ledger
from postgresql import dispose

from search.ledger import open_storage

OTHERS = ("sqlite", "postgresql", "proxy")


@pytest.fixture(params=["journal", *(pytest.param(name, marks=pytest.mark.rest) for name in OTHERS)])
def storage_name(request, tmp_path, monkeypatch):
    """What a user would write for each kind of storage, new and empty; works in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    if request.param in {"postgresql", "proxy"}:
        return request.getfixturevalue(request.param)
    return {"journal": "deep/er/ledger.journal", "sqlite": "sqlite:///deep/er/ledger.db"}[request.param]


@pytest.fixture
def storage(storage_name):
    storage = open_storage(storage_name)
    yield storage
    dispose(storage)


@pytest.fixture
def ledger(storage):
    return open_ledger(storage)
