"""A journal's lines: a JSON record each, whose last key is a checksum of all that stands before it.

Optuna's own readers look at the keys that they know, and no others. Their writers, and older versions of ours, write
records without a checksum: of these alone the form is checked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final
from zlib import crc32

FIRST: Final = b'{"op_code":'
KEY: Final = b',"crc32":"'
END: Final = b'"}\n'
VALUE: Final = 8 + len(END)  # bytes from the checksum's digits on
TAIL: Final = len(KEY) + VALUE
OPERATIONS: Final = range(11)  # Optuna's
DECODE: Final = json.JSONDecoder().decode  # what `json.loads` comes to, for a text
LONGEST: Final = 20_000  # bytes in which a flipped bit is looked for: it takes the square of them


def to_line(record: Mapping[str, Any]) -> bytes:
    r"""A record as a line of the file.

    >>> to_line({"op_code": 1, "study_id": 0})
    b'{"op_code":1,"study_id":0,"crc32":"147f94a2"}\n'
    """
    body = json.dumps(record, separators=(",", ":")).encode()[:-1]
    return b"%b%b%08x%b" % (body, KEY, crc32(body), END)


def from_line(line: bytes) -> dict[str, Any]:
    """The record again, without its checksum; `ValueError` says what is wrong with a line that is damaged."""
    if line.startswith(KEY, -TAIL):
        body = line[:-TAIL]
        if b"%08x%b" % (crc32(body), END) != line[-VALUE:]:
            raise ValueError("its checksum is another one")
        line = body + b"}"
    try:
        record: dict[str, Any] = DECODE(line.decode())
    except (ValueError, RecursionError) as error:
        raise ValueError("it is no JSON") from error
    if not isinstance(record, dict) or record.get("op_code") not in OPERATIONS:
        raise ValueError("it is no record of Optuna's")
    return record


def is_whole(line: bytes) -> bool:
    """Whether a line is a record, and none that is known to be damaged."""
    try:
        from_line(line)
    except ValueError:
        return False
    return True


def split(body: bytes) -> tuple[list[bytes], bytes]:
    """The lines, and behind the last of them what a writer that was killed left of another one.

    Where that is a record but for its last byte, it is no rest of a line but one that is damaged there.
    """
    *lines, rest = body.split(b"\n")
    lines = [line + b"\n" for line in lines]
    if rest and is_whole(rest[:-1] + b"\n"):
        return [*lines, rest], b""
    return lines, rest


def put_right(damaged: bytes) -> list[bytes] | None:
    """The lines again where one bit of them was flipped; None where that cannot be told.

    A checksum tells which bit it was: no other single one gives the same.
    """
    if len(damaged) > LONGEST:
        return None
    for flipped in _flips(damaged):
        lines, rest = split(flipped)
        if not rest and all(KEY in line and is_whole(line) for line in lines):
            return lines
    return None


def _flips(damaged: bytes) -> Iterator[bytes]:
    each = bytearray(damaged)
    for place in range(len(each)):
        for bit in range(8):
            each[place] ^= 1 << bit
            yield bytes(each)
            each[place] ^= 1 << bit
