"""Files of losses: whole or not there, and nowhere but in their folder."""

from __future__ import annotations

import io

import pytest
from optuna.artifacts.exceptions import ArtifactNotFound

from search.core import writing
from search.ledger import FileArtifacts, StudyLedger, memory_storage
from search.ledger.artifacts import MemoryArtifacts


@pytest.fixture
def store(tmp_path):
    return FileArtifacts(tmp_path / "store")


def read(store, name) -> bytes:
    with store.open_reader(name) as body:
        return body.read()


class Broken:
    """A body whose source fails after its first part."""

    def __init__(self) -> None:
        self.parts = [b"half of it"]

    def read(self, _size):
        if self.parts:
            return self.parts.pop()
        raise OSError("pulled")


def test_a_write_that_fails_leaves_what_was_there(store):
    with pytest.raises(OSError, match="pulled"):
        store.write("a/b", Broken())
    with pytest.raises(ArtifactNotFound):
        store.open_reader("a/b")
    with pytest.raises(ArtifactNotFound):
        store.remove("a/b")
    store.write("a/b", io.BytesIO(b"first"))
    with pytest.raises(OSError, match="pulled"):
        store.write("a/b", Broken())
    assert read(store, "a/b") == b"first"
    store.write("a/b", io.BytesIO(b"second"))
    assert read(store, "a/b") == b"second"
    store.remove("a/b")
    with pytest.raises(ArtifactNotFound):
        store.open_reader("a/b")


def test_it_is_on_the_disk_before_it_has_its_name(store, monkeypatch):
    happened = []
    monkeypatch.setattr(writing, "sync", lambda file: happened.append(("file", store.path("a/b").exists())))
    monkeypatch.setattr(writing, "sync_folder", lambda _: happened.append(("folder", store.path("a/b").exists())))
    store.write("a/b", io.BytesIO(b"body"))
    assert happened == [("file", False), ("folder", True)]


@pytest.mark.parametrize("name", ["../secret", "a/../../secret", "/etc/passwd"])
def test_a_name_outside_of_the_folder_is_refused(store, name):
    for act in (store.open_reader, store.remove, lambda name: store.write(name, io.BytesIO(b""))):
        with pytest.raises(ValueError, match="outside"):
            act(name)


@pytest.mark.parametrize("make", [FileArtifacts, lambda folder: MemoryArtifacts()])
def test_every_store_keeps_replaces_and_removes(tmp_path, make):
    store = make(tmp_path)
    store.write("a/b", io.BytesIO(b"one"))
    store.write("a/b", io.BytesIO(b"two"))
    store.write("c", io.BytesIO(b"three"))
    assert (read(store, "a/b"), read(store, "c")) == (b"two", b"three")
    store.remove("a/b")
    for missing in (store.open_reader, store.remove):
        with pytest.raises(ArtifactNotFound):
            missing("a/b")


def test_a_storage_in_memory_writes_no_file_and_knows_no_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    storage = memory_storage()
    ledger = StudyLedger.open(storage, "a", settings={"name": "a"}, fingerprint="f", versions={})
    with ledger.running() as worker, ledger.running():
        assert ledger.recover(worker) == []
    assert list(tmp_path.iterdir()) == []
    assert memory_storage().optuna.get_all_studies() == []
