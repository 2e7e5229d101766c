"""A study's note is the one that optuna-dashboard reads and writes."""

from __future__ import annotations

import optuna
import pytest
from optuna_dashboard import get_note, save_note

from search.ledger.note import LONGEST, read_note, write_note


@pytest.fixture
def study():
    return optuna.create_study()


NOTES = ["one line", "", "x" * LONGEST, "y" * (3 * LONGEST + 1), "ends\nshorter"]


def test_a_study_without_a_note_has_an_empty_one(study):
    assert read_note(study) == get_note(study) == ""


def test_optuna_dashboard_reads_what_is_written(study):
    for note in NOTES:
        write_note(study, note)
        assert get_note(study) == read_note(study) == note


def test_what_optuna_dashboard_writes_is_read(study):
    for note in NOTES:
        save_note(study, note)
        assert read_note(study) == note


def test_it_is_stored_as_optuna_dashboard_stores_it(study):
    other = optuna.create_study()
    for note in NOTES:
        write_note(study, note)
        save_note(other, note)
        ours, theirs = (each._storage.get_study_system_attrs(each._study_id) for each in (study, other))
        assert ours == theirs
