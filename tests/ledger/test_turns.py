"""Turns: one at a time, in the order of coming; who stands still in its turn loses it, and learns so."""

from __future__ import annotations

import threading
import time

import pytest
from ledger_helpers import open_ledger
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from search.ledger import list_studies, memory_storage
from search.ledger.identity import known_studies
from search.ledger.turns import WHO, LostTurnError, Turns

SHORT = 0.3  # seconds that one may stand still


@pytest.fixture
def storage():
    return InMemoryStorage()


def started(do) -> threading.Thread:
    thread = threading.Thread(target=do)
    thread.start()
    return thread


def until(condition, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def waiting(storage) -> int:
    """How many have a turn of study 0, or wait for one."""
    line = storage.get_study_id_from_name("turns of lambda-search, study 0")
    return storage.get_n_trials(line, TrialState.RUNNING)


def test_what_is_read_and_written_in_a_turn_is_nobody_elses_meanwhile(storage):
    """A counter that is read and then written: without turns some of the steps would be lost."""
    study = storage.create_new_study([StudyDirection.MINIMIZE], "counted")
    storage.set_study_user_attr(study, "count", 0)

    def count(turns: Turns) -> None:
        for _ in range(5):
            with turns.turn(study), turns.turn(study):
                found = storage.get_study_user_attrs(study)["count"]
                time.sleep(0.002)
                storage.set_study_user_attr(study, "count", found + 1)

    for thread in [started(lambda: count(Turns(storage))) for _ in range(4)]:
        thread.join()
    assert storage.get_study_user_attrs(study)["count"] == 20


def test_turns_come_in_the_order_of_the_numbers_drawn(storage):
    order: list[int] = []

    def take(number: int) -> None:
        with Turns(storage).turn(0):
            order.append(number)

    with Turns(storage).turn(0):
        threads = []
        for number in range(4):
            threads.append(started(lambda number=number: take(number)))
            until(lambda number=number: waiting(storage) == number + 2)
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3]


def test_turns_of_other_studies_do_not_wait(storage):
    with Turns(storage).turn(0), Turns(storage).turn(1), Turns(storage).turn():
        pass


def test_who_stands_still_loses_its_turn_and_learns_so(storage):
    began, taken = threading.Event(), threading.Event()

    def stand_still() -> None:
        with Turns(storage).turn(0):
            began.set()
            taken.wait()

    def learn() -> None:
        with pytest.raises(LostTurnError):
            stand_still()
        learned.append(True)

    learned: list[bool] = []
    thread = started(learn)
    began.wait()
    start = time.monotonic()
    with Turns(storage, patience=SHORT).turn(0):
        assert time.monotonic() - start > SHORT
        taken.set()
        thread.join()
    assert learned == [True]


def test_who_stood_still_in_line_is_not_let_in_when_its_place_is_gone(storage):
    def refused() -> None:
        with pytest.raises(LostTurnError), turns.turn(0):
            pass
        learned.append(True)

    turns, learned = Turns(storage), []
    with Turns(storage).turn(0):
        thread = started(refused)
        until(lambda: waiting(storage) == 2)
        (mine,) = [trial for trial in turns._queue(turns._line(0)) if trial.system_attrs[WHO] == turns._name]
        storage.set_trial_state_values(mine._trial_id, TrialState.FAIL)
        thread.join()
    assert learned == [True]


def test_a_number_whose_answer_never_came_is_no_hindrance_to_who_drew_it(storage):
    turns = Turns(storage)
    line = turns._line(0)
    mine = create_trial(state=TrialState.RUNNING, system_attrs={WHO: turns._name})
    storage.create_new_trial(line, mine)
    start = time.monotonic()
    with turns.turn(0):
        pass
    assert time.monotonic() - start < turns.patience / 10


def test_several_that_died_in_line_hold_up_the_others_no_longer_than_one(storage):
    turns = Turns(storage, patience=SHORT)
    for _ in range(5):
        Turns(storage)._draw(turns._line(0))
    start = time.monotonic()
    with turns.turn(0):
        took = time.monotonic() - start
    assert SHORT < took < 5 * SHORT


def test_who_waits_in_line_is_not_taken_for_dead(storage):
    """Longer than the others' patience, behind one that is slow and tells so; its own turn comes."""
    slow = Turns(storage)
    first = slow._draw(slow._line(0))
    done: list[int] = []

    def take(number: int) -> None:
        with Turns(storage, patience=3 * SHORT).turn(0):
            done.append(number)

    threads = []
    for number in range(2):
        threads.append(started(lambda number=number: take(number)))
        until(lambda number=number: waiting(storage) == number + 2)
    for count in range(45):
        slow._say(first, count)
        time.sleep(SHORT / 10)
    assert done == []
    slow._end(first)
    for thread in threads:
        thread.join()
    assert done == [0, 1]


def test_an_error_in_a_turn_ends_it(storage):
    with pytest.raises(ZeroDivisionError), Turns(storage).turn(0):
        print(1 / 0)
    assert waiting(storage) == 0


def test_studies_that_hold_turns_are_shown_to_nobody():
    storage = memory_storage()
    open_ledger(storage)
    with Turns(storage.optuna).turn(0), Turns(storage.optuna).turn():
        assert known_studies(storage).keys() == {"study"}
        assert [study.name for study in list_studies(storage)] == ["study"]
