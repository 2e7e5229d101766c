"""`lambda-search status`: workers, pace, failures, time left."""

from __future__ import annotations

import pytest
from command_line import call, study_file

from search.ledger import StudyLedger, open_storage


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_study_that_is_being_run(folder):
    path = study_file(folder, search={"trials": 6, "batch": 3})
    assert call("run", path, "--sealed").code == 0
    done = call("status", "small")
    assert done.out.startswith("small: 6 of 6 trials\n")
    assert done.out.endswith("no worker, and nothing left to do\n")
    ledger = StudyLedger.load(open_storage(), "small")
    with ledger.running() as worker:
        study = ledger.study()
        with ledger.alone():
            trials = [study.ask() for _ in range(3)]
            worker.hold(trial.number for trial in trials)
        ledger.fail(trials[0].number, "ValueError: a [broken] net")
        facts = call("status", path, "--json").json
        (known,) = facts["workers"]
        assert (known["worker"], known["trials"], known["late"]) == (worker.name, 2, False)
        assert facts["trials"] == {"complete": 6, "running": 2, "failed": 1}
        assert facts["failures"] == {"ValueError: a [broken] net": 1}
        assert facts["per_minute"] > 0
        assert (facts["wanted"], facts["minutes_left"], facts["confirmed"]) == (6, 0.0, True)
        shown = call("status", "small").out
        assert f"worker {worker.name}: 2 trials in hand, heard" in shown
        assert "failed, 1 times: ValueError: a [broken] net" in shown


def test_of_no_such_study_and_of_somebody_elses(folder):
    assert call("run", study_file(folder), "--sealed").code == 0
    missing = call("status", "smal")
    assert (missing.code, len(missing.said)) == (2, 1)
    assert "did you mean 'small'?" in missing.err
