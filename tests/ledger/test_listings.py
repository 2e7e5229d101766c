"""The lists of trials that a journal's storage keeps are those that Optuna would make anew."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from search.ledger.journal import Journal
from search.ledger.replay import Replay

STATES = (None, (TrialState.WAITING,), (TrialState.RUNNING,), (TrialState.COMPLETE, TrialState.WAITING))
STEP = st.tuples(st.sampled_from(["ask", "wait", "run", "attribute", "COMPLETE", "FAIL"]), st.integers(0, 5))


def change(storage, study, step, place):
    """One change of a study, where there is a trial that it can be made to."""
    if step in {"ask", "wait"}:
        storage.create_new_trial(study, create_trial(state=TrialState.WAITING) if step == "wait" else None)
        return
    still = [each for each in storage.get_all_trials(study) if not each.state.is_finished()]
    if not still:
        return
    trial = still[place % len(still)]
    if step == "attribute":
        storage.set_trial_user_attr(trial._trial_id, f"a{place}", place)
    elif step == "run":
        storage.set_trial_state_values(trial._trial_id, TrialState.RUNNING)
    else:
        storage.set_trial_state_values(trial._trial_id, TrialState[step], [1.0] if step == "COMPLETE" else None)


@given(st.lists(st.tuples(st.booleans(), st.booleans(), STEP), max_size=12))
def test_listed_trials_are_those_of_optuna(tmp_path_factory, steps):
    """Two studies, changed through this storage or by another process's."""
    path = tmp_path_factory.mktemp("a") / "a.journal"
    ours, others = Replay(Journal(path)), Replay(Journal(path))
    studies = [ours.create_new_study([StudyDirection.MINIMIZE], name) for name in ("a", "b")]
    for here, first, (step, place) in steps:
        change(ours if here else others, studies[first], step, place)
        theirs = JournalStorage(JournalFileBackend(str(path)))
        for study in studies:
            for states in STATES:
                assert ours.get_all_trials(study, states=states) == theirs.get_all_trials(study, states=states)


def test_a_list_is_the_callers_own(tmp_path):
    storage = Replay(Journal(tmp_path / "a.journal"))
    study = storage.create_new_study([StudyDirection.MINIMIZE], "a")
    storage.create_new_trial(study)
    storage.get_all_trials(study, deepcopy=False).clear()
    storage.get_all_trials(study)[0].user_attrs["a"] = 1
    assert [trial.user_attrs for trial in storage.get_all_trials(study)] == [{}]


def test_a_study_that_was_deleted_has_none(tmp_path):
    storage = Replay(Journal(tmp_path / "a.journal"))
    study = storage.create_new_study([StudyDirection.MINIMIZE], "a")
    storage.get_all_trials(study)
    storage.delete_study(study)
    with pytest.raises(KeyError):
        storage.get_all_trials(study)


def test_another_process_lists_them_again(tmp_path):
    storage = Replay(Journal(tmp_path / "a.journal"))
    study = storage.create_new_study([StudyDirection.MINIMIZE], "a")
    storage.create_new_trial(study)
    assert pickle.loads(pickle.dumps(storage)).get_all_trials(study) == storage.get_all_trials(study)
