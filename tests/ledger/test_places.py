"""Where losses lie: beside the storage's file, where a study on a server noted it, or in an object store."""

from __future__ import annotations

import io
import shutil
from contextlib import contextmanager

import pytest
from ledger_helpers import ask, make_results, open_ledger, run_batch, same, sealed
from object_store import BUCKET, refusing
from optuna.artifacts.exceptions import ArtifactNotFound
from postgresql import dispose

import search
from search.core.errors import UserError
from search.core.results import join
from search.ledger import StudyLedger, open_storage
from search.ledger.artifacts import open_artifacts


@contextmanager
def opened(storage, **options):
    found = open_storage(storage, **options)
    yield found
    dispose(found)


@pytest.fixture
def folders(tmp_path):
    made = [tmp_path / name for name in ("one", "two")]
    for folder in made:
        folder.mkdir()
    return made


def test_a_study_on_a_server_is_one_study_from_every_folder(postgresql, folders, monkeypatch):
    expected = []
    for number, folder in enumerate(folders):
        monkeypatch.chdir(folder)
        with opened(postgresql) as storage:
            expected.append(run_batch(open_ledger(storage), 3, seed=number))
    assert not list(folders[1].rglob("*.npz"))
    for folder in folders:
        monkeypatch.chdir(folder)
        with opened(postgresql) as storage:
            ledger = StudyLedger.load(storage, "study")
            same(ledger.results([0, 1, 2]), sealed(expected[0]))
            same(ledger.results([3, 4, 5]), sealed(expected[1]))


def test_a_link_to_a_journal_leads_to_its_losses(folders, monkeypatch):
    with opened(str(folders[0] / "a.journal")) as storage:
        expected = run_batch(open_ledger(storage), 2)
    link = folders[1] / "b.journal"
    link.symlink_to(folders[0] / "a.journal")
    with opened(str(link)) as storage:
        ledger = StudyLedger.load(storage, "study")
        same(ledger.results([0, 1]), sealed(expected))
        run_batch(ledger, 1, seed=1)
    with opened(str(folders[0] / "a.journal")) as storage:
        assert len(StudyLedger.load(storage, "study").snapshot().results) == 3


def test_a_journal_and_its_losses_can_be_moved_together(folders):
    with opened(str(folders[0] / "a.journal")) as storage:
        expected = run_batch(open_ledger(storage), 2)
    moved = folders[1] / "moved"
    shutil.move(folders[0], moved)
    with opened(str(moved / "a.journal")) as storage:
        same(StudyLedger.load(storage, "study").results([0, 1]), sealed(expected))


def test_the_place_that_is_named_is_kept_to(folders, monkeypatch):
    where, journal = folders[1] / "losses", str(folders[0] / "a.journal")
    monkeypatch.chdir(folders[1])
    with opened(journal, artifacts="losses") as storage:
        expected = run_batch(open_ledger(storage), 2)
    assert list(where.rglob("*.npz"))
    monkeypatch.chdir(folders[0])
    with opened(journal) as storage:
        same(open_ledger(storage).results([0, 1]), sealed(expected))
    with opened(journal, artifacts=str(where)) as storage:
        open_ledger(storage)
    with opened(journal, artifacts=str(folders[0])) as storage, pytest.raises(UserError, match="keeps its losses in"):
        open_ledger(storage)
    with opened(journal) as storage:
        run_batch(open_ledger(storage, "another"), 1)
    with opened(journal, artifacts=str(where)) as storage, pytest.raises(UserError, match="beside it, found artifacts"):
        open_ledger(storage, "another")


@pytest.mark.parametrize("read", [lambda ledger: ledger.results([0, 1]), lambda ledger: ledger.snapshot()])
def test_losses_of_another_study_are_never_taken_for_its_own(folders, read):
    with opened(str(folders[0] / "a.journal")) as storage:
        ledger, other = open_ledger(storage), open_ledger(storage, "other")
        run_batch(ledger, 2)
        foreign = ask(other, 2)
        other.record(join([make_results(each, 50 + number) for number, each in foreign.items()]), list(foreign))
        read(ledger)
        kept = folders[0] / "a.journal.losses"
        shutil.copy(kept / "other" / "trials-0.npz", kept / "study" / "trials-0.npz")
        with pytest.raises(UserError, match=r"trial 0 has the value .* and its losses in .* have the mean"):
            read(ledger)
        run_batch(other, 2)
        shutil.copy(kept / "other" / "trials-2.npz", kept / "study" / "trials-0.npz")
        with pytest.raises(UserError, match=r"the losses study/trials-0.npz .* are of other trials"):
            read(ledger)


def test_an_object_store_keeps_replaces_and_removes(s3):
    store = open_artifacts(f"s3://{BUCKET}/deep/er")
    store.write("a/b", io.BytesIO(b"one"))
    store.write("a/b", io.BytesIO(b"two"))
    with store.open_reader("a/b") as body:
        assert body.read() == b"two"
        assert body.seekable()
    with pytest.raises(ArtifactNotFound):
        open_artifacts(f"s3://{BUCKET}/deep").open_reader("a/b")
    store.remove("a/b")
    with pytest.raises(ArtifactNotFound):
        store.open_reader("a/b")


def test_a_study_whose_losses_are_in_an_object_store(s3, folders, monkeypatch):
    settings = {
        "name": "far",
        "data": {"source": "diabetes"},
        "training": {"optimizer": "exact"},
        "search": {"trials": 8},
    }
    journal = str(folders[0] / "a.journal")
    monkeypatch.chdir(folders[0])
    study = search.run(settings, storage=journal, artifacts=f"s3://{BUCKET}/studies", progress=False)
    monkeypatch.chdir(folders[1])
    again = search.load("far", storage=journal)
    assert again.judge().to_dict() == study.verdict.to_dict()
    assert again.model().predict([[0.0] * 10]).shape[0] == 1
    assert not list(folders[0].rglob("*.npz"))


def test_a_store_that_refuses_every_third_request_loses_nothing(s3, monkeypatch):
    monkeypatch.setattr("search.ledger.remote_artifacts.DELAY", 0.001)
    with refusing(s3) as flaky:
        store = open_artifacts(f"s3://{BUCKET}/flaky")
        for number in range(20):
            store.write(str(number), io.BytesIO(bytes([number])))
        for number in range(20):
            with store.open_reader(str(number)) as body:
                assert body.read() == bytes([number])
    assert flaky.seen >= 55
    assert flaky.refused >= 15


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("s3://", "must be a folder"),
        ("ftp://host/x", r"must be a folder, s3://bucket/prefix or gs://bucket/prefix"),
    ],
)
def test_places_that_are_none(where, says):
    with pytest.raises(UserError, match=says):
        open_artifacts(where)


def test_a_bucket_that_is_not_there_is_said_in_one_line(s3, monkeypatch):
    monkeypatch.setattr("search.ledger.remote_artifacts.DELAY", 0.001)
    store = open_artifacts("s3://nobody-made-this/x")
    with pytest.raises(UserError, match=r"artifacts s3://nobody-made-this/x: .*NoSuchBucket"):
        store.write("a", io.BytesIO(b"one"))
