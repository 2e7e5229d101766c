"""Making a study, finding it again, and refusing to continue another one under its name, on every kind of storage."""

from __future__ import annotations

import optuna
import pytest
from ledger_helpers import ask, open_ledger, run_batch

from search.core.errors import UserError
from search.ledger import StudyLedger, list_studies


def test_resume_lets_trials_grow_and_notes_versions(storage, ledger):
    grown = ledger.settings | {"search": {"trials": 99}}
    again = open_ledger(storage, settings=grown, versions={"torch": "2.14"})
    assert again.id == ledger.id
    assert again.settings["search"]["trials"] == 99
    assert open_ledger(storage, settings=grown).versions == [{"torch": "2.13"}, {"torch": "2.14"}]


def test_changed_settings_and_data_are_refused(storage, ledger):
    run_batch(ledger, 1)
    changed = ledger.settings | {"training": {"lr": 0.2}}
    with pytest.raises(UserError, match=r"training\.lr was 0\.1 and is 0\.2") as refusal:
        open_ledger(storage, settings=changed)
    assert "\n" not in str(refusal.value)
    with pytest.raises(UserError, match="other data"):
        open_ledger(storage, fingerprint="abd")
    assert ledger.settings["training"]["lr"] == 0.1


def test_a_study_that_came_to_nothing_does_not_hold_its_name(storage, ledger):
    ask(ledger, 1)
    changed = ledger.settings | {"training": {"lr": 0.2}}
    anew = open_ledger(storage, settings=changed)
    assert anew.settings["training"]["lr"] == 0.2
    with anew.running() as worker:
        ask(anew, 1, worker=worker)
        with pytest.raises(UserError, match=r"training\.lr was 0\.2 and is 0\.1"):
            open_ledger(storage)


def test_foreign_studies_are_refused_and_not_listed(storage, ledger):
    optuna.create_study(storage=storage.optuna, study_name="foreign").ask()
    with pytest.raises(UserError, match="not made by"):
        open_ledger(storage, "foreign")
    with pytest.raises(UserError, match="not made by"):
        StudyLedger.load(storage, "foreign")
    assert [summary.name for summary in list_studies(storage)] == ["study"]


def test_unknown_name_is_told_the_nearest(storage, ledger):
    with pytest.raises(UserError, match="did you mean 'study'"):
        StudyLedger.load(storage, "stdy")
    with pytest.raises(UserError, match="known are: study"):
        StudyLedger.load(storage, "something else entirely")
