"""Opening a storage: where things lie, and what is said about a name that cannot be opened."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ledger_helpers import open_ledger, run_batch
from postgresql import dispose, running_server

from search.core.errors import UserError
from search.ledger import StudyLedger, list_studies, open_storage


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_default_lies_under_runs_and_is_made_by_the_first_write(here):
    storage = open_storage()
    assert list_studies(storage) == []
    with pytest.raises(UserError, match="there are no studies yet"):
        StudyLedger.load(storage, "study")
    assert list(here.iterdir()) == []
    run_batch(open_ledger(storage), 1)
    files = {str(path.relative_to(here)) for path in here.rglob("*") if path.is_file()}
    assert files == {"runs/ledger.journal", "runs/ledger.journal.losses/study/trials-0.npz"}


def test_reading_a_storage_that_is_not_there_is_refused_and_makes_nothing(here):
    for name in ("typo.journal", "sqlite:///typo.db"):
        with pytest.raises(UserError, match=r"typo\.\w+: there is no such storage"):
            open_storage(name, create=False)
    assert open_storage(None, create=False).name == "runs/ledger.journal"
    assert list(here.iterdir()) == []


def test_storages_of_one_folder_do_not_share_their_losses(here):
    assert open_storage("a.journal").folder != open_storage("sqlite:///a.db").folder


def test_servers_on_sockets_do_not_share_the_losses_of_databases_with_one_name(here, postgresql_server):
    with running_server() as other:
        opened = [open_storage(url) for url in (postgresql_server, other)]
        again = open_storage(other)
        assert len({storage.folder for storage in opened}) == 2
        assert again.folder == opened[1].folder
        for storage in (*opened, again):
            dispose(storage)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (".", "Is a directory"),
        ("notes.txt", "not a journal"),
        ("notes.txt/a.journal", "Not a directory"),
        ("sqlite://", "names no file"),
        ("sqlite:///.", "is a folder"),
        ("sqlite:///notes.txt", "not a database"),
        ("sqlite:///notes.txt/a.db", "Not a directory"),
        ("nosuch://host/database", "no driver"),
        ("http//://", "not a database URL"),
        ("mysql+pymysql://user:secret@127.0.0.1:1/x", "no driver"),
        ("mysql+pymysql://127.0.0.1:1/x?user=me&password=secret", "no driver"),
        ("postgresql://user:secret@host:port/x", "not a database URL"),
        ("postgresql://host:port/x?password=secret", "not a database URL"),
    ],
)
def test_what_cannot_be_opened_is_named_in_one_line(here, name, message):
    Path("notes.txt").write_text("dear diary\n" * 400)
    with pytest.raises(UserError, match=message) as refusal:
        open_ledger(open_storage(name))
    assert "\n" not in str(refusal.value)
    assert "secret" not in str(refusal.value)
    assert Path("notes.txt").read_text() == "dear diary\n" * 400


def test_an_unreachable_server_is_named_without_the_password(here):
    pytest.importorskip("psycopg")
    with pytest.raises(UserError, match="cannot be opened") as refusal:
        open_storage("postgresql+psycopg://user:secret@127.0.0.1:1/database")
    assert "secret" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_without_permission_is_named(here):
    Path("closed").mkdir(mode=0o500)
    with pytest.raises(UserError, match="Permission denied"):
        open_ledger(open_storage("closed/a.journal"))
