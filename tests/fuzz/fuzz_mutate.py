"""Mutations of bytes: what a disk, a careless editor or somebody hostile makes of a file."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from typing import Final

TOKENS: Final = tuple(
    text.encode()
    for text in (
        *("0", "-1", "1e400", "nan", "inf", "-inf", "9" * 30, "1_000_000_000_000", "0x" + "f" * 40, "1979-05-27"),
        *("", " ", "\n", "\r\n", "\t", ",", ";", '"', "'", '"""', "[", "]", "{", "}", "[[", "=", ".", "#", ":"),
        *("true", "false", "null", "None", "\\u0000", "\x00", "\ufeff", "\u2028", "é", "[1, 2]", "{}", "a.b = 1"),
        *("[" * 50, "{a=" * 30, "x" * 300, "..", "/dev/zero", "name", "lambda", "penalty", "low", "high", "auto"),
    )
)
NUMBER: Final = re.compile(rb"-?\d+(?:\.\d+)?(?:e-?\d+)?")
Draw = random.Random


def mutated(body: bytes, others: Sequence[bytes], draw: Draw) -> bytes:
    """The bytes after one to six mutations; `others` are spliced in."""
    for _ in range(draw.choice((1, 1, 1, 2, 3, 6))):
        body = draw.choice(MUTATIONS)(body, others, draw)
    return body


def _flip(body: bytes, others: Sequence[bytes], draw: Draw) -> bytes:
    if not body:
        return b"\x00"
    place = draw.randrange(len(body))
    return body[:place] + bytes([body[place] ^ (1 << draw.randrange(8))]) + body[place + 1 :]


def _overwrite(body: bytes, others: Sequence[bytes], draw: Draw) -> bytes:
    place, count = draw.randrange(len(body) + 1), draw.randint(1, 8)
    return body[:place] + draw.randbytes(count) + body[place + count :]


def _cut(body: bytes, others: Sequence[bytes], draw: Draw) -> bytes:
    first, last = sorted(draw.randrange(len(body) + 1) for _ in range(2))
    return body[:first] + body[last:] if draw.random() < 0.5 else body[:last]


def _repeat(body: bytes, others: Sequence[bytes], draw: Draw) -> bytes:
    first = draw.randrange(len(body) + 1)
    part = body[first : first + draw.randint(1, 200)]
    return body[:first] + part * draw.randint(2, 5) + body[first:]


def _insert(body: bytes, others: Sequence[bytes], draw: Draw) -> bytes:
    place = draw.randrange(len(body) + 1)
    return body[:place] + draw.choice(TOKENS) + body[place:]


def _number(body: bytes, others: Sequence[bytes], draw: Draw) -> bytes:
    """Another token in the place of a number."""
    found = list(NUMBER.finditer(body))
    if not found:
        return _insert(body, others, draw)
    one = draw.choice(found)
    return body[: one.start()] + draw.choice(TOKENS) + body[one.end() :]


def _line(body: bytes, others: Sequence[bytes], draw: Draw) -> bytes:
    """Lines moved, lost or doubled."""
    lines = body.split(b"\n")
    one, other = draw.randrange(len(lines)), draw.randrange(len(lines))
    lines.insert(other, lines[one] if draw.random() < 0.5 else lines.pop(one))
    return b"\n".join(lines)


def _splice(body: bytes, others: Sequence[bytes], draw: Draw) -> bytes:
    other = draw.choice(others)
    return body[: draw.randrange(len(body) + 1)] + other[draw.randrange(len(other) + 1) :]


MUTATIONS: Final[tuple[Callable[[bytes, Sequence[bytes], Draw], bytes], ...]] = (
    _flip,
    _overwrite,
    _cut,
    _repeat,
    _insert,
    _number,
    _line,
    _splice,
)
