"""First runs at once on one new database: each makes the tables, and the study, or finds them made; none fails."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest
from command_line import study_file
from forked import started
from postgresql import LEFT_OPEN, dispose, new_database, opened

from search.ledger import StudyLedger, open_storage
from search.settings import Settings

TRIALS = 8
SETTINGS = Settings.parse({"name": "study", "data": {"source": "digits"}}).to_dict()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.rest)])
def databases(request, tmp_path):
    """Makes the URLs of new databases."""
    if request.param == "sqlite":
        names = iter(range(100))
        yield lambda: f"sqlite:///{tmp_path}/{next(names)}.db"
    else:
        server = request.getfixturevalue("postgresql_server")
        with ExitStack() as stack:
            yield lambda: stack.enter_context(new_database(server))


@pytest.mark.filterwarnings(LEFT_OPEN)
def test_who_opens_a_new_database_at_once_shares_the_study(databases):
    for _ in range(3):
        url, barrier, found = databases(), threading.Barrier(4), []

        def come(url=url, barrier=barrier, found=found) -> None:
            barrier.wait()
            storage = open_storage(url)
            try:
                ledger = StudyLedger.open(
                    storage, "study", settings=SETTINGS, fingerprint="f", versions={"python": "3"}
                )
                found.append(ledger.id)
            finally:
                dispose(storage)

        threads = [threading.Thread(target=come) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert len(found) == 4
        assert len(set(found)) == 1


@pytest.mark.rest
def test_first_runs_at_once_share_the_study_and_none_ends_in_a_traceback(databases, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = study_file(tmp_path, search={"trials": TRIALS, "batch": 2, "sampler": "random"})
    url = databases()
    logs = [tmp_path / f"{worker}.log" for worker in range(3)]
    processes = [started(log, "run", str(path), "--storage", url, "--quiet") for log in logs]
    for process in processes:
        process.join(timeout=120)
    said = [log.read_text(encoding="utf-8") for log in logs]
    assert [process.exitcode for process in processes] == [0] * 3, said
    assert not any("Traceback" in each for each in said)
    with opened(url) as storage:
        frame = StudyLedger.load(storage, "small").trials()
    assert frame["state"].tolist() == ["complete"] * TRIALS
