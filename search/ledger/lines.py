"""A journal's lines: a JSON record each, whose last key is a checksum of all that stands before it.

The key before that is the checksum of the line that it was written after, so that no line between two others can go,
come or move unnoticed. Optuna's own readers look at the keys that they know, and no others. Their writers write records
without a checksum, of which the form alone is checked, and which the others pass over; older versions of ours wrote
them without either key, or with the checksum alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from zlib import crc32

FIRST: Final = b'{"op_code":'
KEY: Final = b',"crc32":"'
END: Final = b'"}\n'
VALUE: Final = 8 + len(END)  # bytes from the checksum's digits on
TAIL: Final = len(KEY) + VALUE
AFTER: Final = b',"after":"'
LINK: Final = len(AFTER) + 9  # bytes of this key, whose value is a checksum's digits
OWN: Final = slice(-VALUE, -len(END))  # where a line has its own checksum's digits
BEFORE: Final = slice(-TAIL - 9, -TAIL - 1)  # and those of the one before it
FIRST_OF_ALL: Final = b"0" * 8  # what the first line with a checksum is written after
GAP: Final = "it was not written after the one before it: records between them are missing, or were moved"
OPERATIONS: Final = range(11)  # Optuna's
DECODE: Final = json.JSONDecoder().decode  # what `json.loads` comes to, for a text
LONGEST: Final = 20_000  # bytes in which a flipped bit is looked for: it takes the square of them


def to_line(record: Mapping[str, Any], after: bytes | None = None) -> bytes:
    r"""A record as a line of the file; `after` is the checksum of the one before it, and left out where it is None.

    >>> to_line({"op_code": 1, "study_id": 0})
    b'{"op_code":1,"study_id":0,"crc32":"147f94a2"}\n'
    >>> to_line({"op_code": 1, "study_id": 0}, after=b"147f94a2")
    b'{"op_code":1,"study_id":0,"after":"147f94a2","crc32":"0b6da34c"}\n'
    """
    return _stamped(json.dumps(record, separators=(",", ":")).encode()[:-1], after)


def _stamped(body: bytes, after: bytes | None) -> bytes:
    if after is not None:
        body = b'%b%b%b"' % (body, AFTER, after)
    return b"%b%b%08x%b" % (body, KEY, crc32(body), END)


def from_line(line: bytes) -> dict[str, Any]:
    """The record again, without its checksums; `ValueError` says what is wrong with a line that is damaged."""
    if line.startswith(KEY, -TAIL):
        body = line[:-TAIL]
        if b"%08x%b" % (crc32(body), END) != line[-VALUE:]:
            raise ValueError("its checksum is another one")
        line = (body[:-LINK] if body.startswith(AFTER, -LINK) else body) + b"}"
    try:
        record: dict[str, Any] = DECODE(line.decode())
    except (ValueError, RecursionError) as error:
        raise ValueError("it is no JSON") from error
    if not isinstance(record, dict) or record.get("op_code") not in OPERATIONS:
        raise ValueError("it is no record of Optuna's")
    return record


@dataclass(slots=True)
class Chain:
    """Lines taken one after another. `latest` is the last checksum among them; None: not known."""

    latest: bytes | None = FIRST_OF_ALL

    def takes(self, line: bytes) -> bool:
        """Whether this line was written after those that were taken, as far as it says so; it is taken in any case."""
        if not line.startswith(KEY, -TAIL):
            return True
        known, self.latest = self.latest, line[OWN]
        return line[BEFORE] == known or known is None or not line.startswith(AFTER, -TAIL - LINK)

    def append(self, record: Mapping[str, Any]) -> bytes:
        """The record as the next line."""
        line = to_line(record, self.latest)
        self.takes(line)
        return line


def chained(lines: Iterable[bytes]) -> list[bytes]:
    """The lines, each of which says that it was written after the one before it, if it says so at all."""
    chain, found = Chain(), []
    for line in lines:
        known = chain.latest
        if not chain.takes(line):
            line = _stamped(line[: -TAIL - LINK], known)  # noqa: PLW2901
            chain.takes(line)
        found.append(line)
    return found


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
