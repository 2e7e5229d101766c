"""Every record of a journal carries a checksum: what is flipped since is noticed, and can be put right."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_helpers import flips

from search.ledger.lines import Chain, chained, from_line, is_whole, put_right, split, to_line

RECORD = {"op_code": 8, "worker_id": "a-1", "trial_id": 3, "user_attr": {"losses": "trials-0", "x": [1.5, None]}}
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
records = st.builds(
    lambda code, rest: {"op_code": code, **rest},
    st.integers(0, 10),
    st.dictionaries(st.text().filter(lambda name: name not in {"op_code", "after", "crc32"}), values, max_size=4),
)


@given(records)
def test_a_record_comes_back_and_is_json_with_one_key_more(record):
    line = to_line(record)
    assert from_line(line) == record
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    whole = json.loads(line)
    assert len(whole.pop("crc32")) == 8
    assert whole == record


@given(records)
def test_a_record_of_another_writer_needs_no_checksum(record):
    assert from_line(json.dumps(record).encode() + b"\n") == record


@pytest.mark.parametrize(
    "line", [b"", b"\n", b"[]\n", b"3\n", b"{}\n", b'{"op_code":11}\n', b'{"op_code":[]}\n', b"[" * 9999]
)
def test_what_is_no_record_is_none(line):
    assert not is_whole(line)


def test_a_flipped_bit_is_noticed_or_changes_nothing():
    body = to_line(RECORD) + to_line({"op_code": 1, "study_id": 0})
    expected = [from_line(line) for line in split(body)[0]]
    unnoticed = 0
    for place, flipped in flips(body):
        lines, rest = split(flipped)
        if all(map(is_whole, lines)):
            unnoticed += 1
            found = [{key: value for key, value in from_line(line).items() if "rc" not in key} for line in lines]
            assert rest == b"", place
            assert [each | expected[index] for index, each in enumerate(found)] == found, place
    assert unnoticed <= 2 * 8 * len("crc32")  # the name of the checksum's key alone


def test_every_flipped_bit_that_is_noticed_can_be_put_right():
    lines = [to_line(RECORD), to_line({"op_code": 1, "study_id": 0})]
    for place, flipped in flips(b"".join(lines)):
        if not all(map(is_whole, split(flipped)[0])):
            assert put_right(flipped) == lines, place


def test_what_is_damaged_further_is_not_guessed():
    line = to_line(RECORD)
    assert put_right(line.replace(b"trials-0", b"trials-9x")) is None
    assert put_right(line[:40] + bytes(40) + line[80:]) is None
    assert put_right(b"x" * 30_000) is None


@given(records, st.data())
def test_what_a_killed_writer_leaves_is_a_rest_and_no_line(record, data):
    line = to_line(record)
    cut = data.draw(st.integers(0, len(line) - 1))
    assert split(line + line[:cut]) == ([line], line[:cut])


# One after the other


def written(count: int, chain: Chain | None = None) -> list[bytes]:
    chain = chain or Chain()
    return [chain.append(RECORD | {"trial_id": number}) for number in range(count)]


def in_order(lines) -> list[bool]:
    chain = Chain()
    return [chain.takes(line) for line in lines]


@given(records)
def test_a_line_that_says_what_it_was_written_after_is_the_same_record(record):
    line = to_line(record, b"01234567")
    assert from_line(line) == record
    assert json.loads(line)["after"] == "01234567"


def test_lines_that_are_cut_out_moved_doubled_or_put_in_are_noticed_where_it_is():
    lines = written(7)
    assert all(in_order(lines))
    for first in range(6):
        for last in range(first + 1, 7):
            assert in_order(lines[:first] + lines[last:]) == [True] * first + [False] + [True] * (6 - last)
    assert in_order([*lines[:4], *lines[3:]]) == [True] * 4 + [False] + [True] * 3
    assert in_order([*lines[:2], lines[3], lines[2], *lines[4:]]).count(False) == 3
    assert in_order([*lines[:2], *written(1), *lines[2:]]).count(False) == 2


def test_lines_of_other_writers_and_older_versions_may_stand_between():
    chain, other = Chain(), json.dumps(RECORD).encode() + b"\n"
    old = to_line(RECORD)
    assert chain.takes(old)
    lines = [old, other, *written(2, chain), other, *written(2, chain)]
    assert all(in_order(lines))
    assert all(in_order([line for line in lines if line != other]))
    assert not all(in_order(lines[1:]))


def test_lines_follow_on_each_other_again():
    lines = written(7)
    assert chained(lines) == lines
    left = [lines[0], *lines[3:]]
    found = chained(left)
    assert all(in_order(found))
    assert list(map(from_line, found)) == list(map(from_line, left))
    assert chained(found) == found
