"""A journal whose lines were damaged: what can be put right is, the rest is left out and nobody's ids move."""

from __future__ import annotations

import json
import random

import pytest
from ledger_helpers import ask, open_ledger, record, run_batch
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from search.ledger import open_storage
from search.ledger.lines import from_line, split, to_line
from search.ledger.mending import failed, mend
from search.ledger.replay import Lines, Replay


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """The lines of two studies in one journal, whose trials take turns."""
    storage = open_storage(str(tmp_path_factory.mktemp("whole") / "a.journal"))
    one, two = open_ledger(storage), open_ledger(storage, "other")
    storage.optuna.set_study_user_attr(one.id, "stars", "***")
    for seed in range(2):
        run_batch(one, 2, seed)
        record(two, ask(two, 1, seed))
    with open(storage.name, "rb") as file:
        return list(file)


def trials(lines, name: str = "study"):
    storage = Replay(Lines(lines))
    known = {study.study_name: study._study_id for study in storage.get_all_studies()}
    return storage.get_all_trials(known[name])


def numbers_of(lines, **keys):
    """The lines with these keys."""
    return [n for n, line in enumerate(lines) if keys.items() <= from_line(line).items()]


def spoilt(lines, *numbers):
    """These lines with eight bytes of what they say made zero, more than a checksum puts right."""
    return [line[:-40] + bytes(8) + line[-32:] if n in numbers else line for n, line in enumerate(lines)]


def test_whole_lines_stay_as_they_are(lines):
    assert mend(lines) == (lines, [])


def test_flipped_bits_are_put_right_wherever_they_are(lines):
    body = bytearray(b"".join(lines))
    ends = [n for n, byte in enumerate(body) if byte == ord("\n")]
    for place in (3, ends[2] + 30, ends[5], ends[9] + 30, ends[12] - 8, ends[-1]):
        body[place] ^= 4
    found = mend(split(bytes(body))[0])
    assert found.lines == lines
    assert {each.repair for each in found.damages} == {"put right"}


def test_a_line_in_two_and_two_lines_in_one_are_put_right(lines):
    body = bytearray(b"".join(lines))
    ends = [n for n, byte in enumerate(body) if byte == ord("\n")]
    body[body.index(b"*")] ^= 0x20
    body[ends[20]] ^= 0x20
    found = mend(split(bytes(body))[0])
    assert found.lines == lines
    assert [each.repair for each in found.damages] == ["put right"] * 3


def test_it_says_whose_a_damaged_line_is(lines):
    trial = numbers_of(lines, op_code=6)[-1]
    study = numbers_of(lines, op_code=2)[0]
    found = mend([line.replace(b":", b";;", 3) if n in {study, trial} else line for n, line in enumerate(lines)])
    assert [(each.number, each.owner.study, each.owner.trial) for each in found.damages][1][0] == trial
    found = mend(spoilt(lines, trial))
    assert [(each.number, *each.owner) for each in found.damages] == [(trial, "other", 1)]


@pytest.mark.parametrize("which", [0, 1, 2, 3, 4, 5])
def test_a_trial_whose_making_is_lost_is_made_anew_and_no_number_moves(lines, which):
    made = numbers_of(lines, op_code=4)[which]
    found = mend(spoilt(lines, made))
    assert [each.repair for each in found.damages] == ["left out"]
    for name in ("study", "other"):
        expected = trials(lines, name)
        assert [trial.number for trial in trials(found.lines, name)] == [trial.number for trial in expected]
        for mine, other in zip(trials(found.lines, name), expected, strict=True):
            assert (mine.state, mine.values, mine.params) == (other.state, other.values, other.params)


def test_trials_whose_making_is_lost_together_are_all_made_anew(lines):
    made = numbers_of(lines, op_code=4)[:2]
    assert made[1] == made[0] + 1
    found = mend(spoilt(lines, *made))
    assert [trial.values for trial in trials(found.lines)] == [trial.values for trial in trials(lines)]


def test_a_study_whose_making_is_lost_is_made_anew_by_the_name_in_its_settings(lines):
    for number in numbers_of(lines, op_code=0):
        found = mend(spoilt(lines, number))
        for name in ("study", "other"):
            assert [trial.values for trial in trials(found.lines, name)] == [t.values for t in trials(lines, name)]


def test_wherever_lines_are_cut_out_it_is_said_and_nobodys_ids_move(lines):
    """Every run of up to twelve lines: the trials whose ends are left have the values that they had."""
    for first in range(len(lines) - 1):
        last = min(first + 1 + first % 12, len(lines) - 1)
        left = [*lines[:first], *lines[last:]]
        found = mend(left)
        assert (found.damages[0].number, found.damages[0].repair) == (first, "closed"), first
        assert mend(found.lines) == (found.lines, [])
        ends = {n for n in numbers_of(lines, op_code=6) if n < first or n >= last}
        ended = {from_line(lines[n])["trial_id"]: from_line(lines[n])["values"] for n in ends}
        storage = Replay(Lines(found.lines))
        known = [each for study in storage.get_all_studies() for each in storage.get_all_trials(study._study_id)]
        values = {trial._trial_id: trial.values for trial in known if trial.state.is_finished()}
        assert values == ended, first


def test_a_cut_and_a_damaged_line_beside_it(lines):
    first = numbers_of(lines, op_code=4)[1]
    found = mend([*spoilt(lines, first - 1)[:first], *lines[first + 3 :]])
    assert {each.repair for each in found.damages} == {"left out"}  # whether lines beside it are missing cannot be told
    assert mend(found.lines) == (found.lines, [])


def test_a_nonsensical_id_behind_a_cut_makes_nothing(lines):
    odd = to_line({"op_code": 8, "worker_id": "a", "trial_id": 900_000, "user_attr": {"a": 1}})
    found = mend([*lines[:-2], lines[-1], odd])
    assert len(found.lines) == len(lines)


def test_a_trial_whose_end_is_lost_is_running(lines):
    ended = numbers_of(lines, op_code=6, trial_id=1)[0]
    found = mend(spoilt(lines, ended))
    assert [trial.state.name for trial in trials(found.lines)] == ["COMPLETE", "RUNNING", "COMPLETE", "COMPLETE"]


def test_a_record_that_does_not_fit_the_others_is_left_out(lines):
    """Of a writer without checksums: it is JSON, and Optuna cannot take it."""
    bad = [
        b'{"op_code":6,"worker_id":"a","trial_id":0}\n',
        b'{"op_code":0,"worker_id":"a","study_name":"x","directions":[7]}\n',
        b'{"op_code":5,"worker_id":"a","study_id":0}\n',
        b'{"op_code":2,"worker_id":"a","study_id":0,"user_attr":7}\n',
    ]
    first = numbers_of(lines, op_code=4)[0]
    found = mend([*lines[: first + 1], *bad, *lines[first + 1 :]])
    assert [each.number for each in found.damages] == [first + 1 + n for n in range(len(bad))]
    assert found.lines == lines


def test_a_nonsensical_id_beside_a_gap_makes_nothing(lines):
    odd = b'{"op_code":8,"worker_id":"a","trial_id":900000,"user_attr":{"a":1}}\n'
    found = mend([*spoilt(lines, len(lines) - 1), odd])
    assert len(found.lines) == len(lines)


def test_trials_that_have_failed_after_all(lines, tmp_path):
    found = failed(lines, {1: "why"})
    path = tmp_path / "a.journal"
    path.write_bytes(b"".join(found))
    theirs = JournalStorage(JournalFileBackend(str(path))).get_all_trials(0)
    assert [trial.state.name for trial in theirs] == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert theirs[1].values is None
    assert theirs[1].user_attrs["interrupted"] == "why"
    assert theirs[1].params == trials(lines)[1].params
    assert [each for n, each in enumerate(theirs) if n != 1] == [each for n, each in enumerate(trials(lines)) if n != 1]


def test_a_trial_that_was_copied_as_a_whole_can_fail_too():
    study = {"op_code": 0, "worker_id": "a", "study_name": "x", "directions": [1]}
    when = "2026-01-01T00:00:00.000000"
    copied = {"op_code": 4, "worker_id": "a", "study_id": 0, "datetime_start": when, "datetime_complete": when}
    copied |= {"state": 1, "value": 0.5, "user_attrs": {"a": 1}}
    given = [json.dumps(each).encode() + b"\n" for each in (study, copied)]
    (trial,) = trials(failed(given, {0: "why"}), "x")
    assert (trial.state.name, trial.values, trial.user_attrs) == ("FAIL", None, {"a": 1, "interrupted": "why"})


@pytest.mark.parametrize("stamped", [True, False])
def test_whatever_was_done_to_a_journal_it_is_whole_afterwards(lines, stamped):
    """Sectors of zeros, noise, holes, copies: what is left fits together, and nothing in it is damaged."""
    draw = random.Random(3)
    given = lines if stamped else [json.dumps(from_line(line)).encode() + b"\n" for line in lines]
    for _ in range(15):
        body = bytearray(b"".join(given))
        for _ in range(draw.choice([1, 2, 3])):
            place, size, other = draw.randrange(len(body)), draw.choice([1, 4, 30, 512]), draw.randrange(len(body))
            harm = [bytes(size), draw.randbytes(size), b"", bytes(body[other : other + size]) + body[place:][:size]]
            body[place : place + size] = draw.choice(harm)
        found = mend(split(bytes(body))[0])
        assert mend(found.lines) == (found.lines, [])
