"""The seal on the test losses: a mask against accidents.

Sealed bytes are combined with a keystream that comes from the study's random key and a fresh nonce. No tool shows
the test losses by accident: not numpy, not grep, not a dashboard. The key lies in the same storage, so this is a seal
that is broken by intent alone and never by chance; it is no encryption against somebody who means to look.
"""

from __future__ import annotations

import hashlib
import os

import numpy as np

NONCE_BYTES = 16


def new_key() -> str:
    """A random key, as hexadecimal text."""
    return os.urandom(32).hex()


def close_seal(body: bytes, key: str) -> bytes:
    """The masked bytes, behind the nonce that they were masked with."""
    nonce = os.urandom(NONCE_BYTES)
    return b"".join((nonce, _mask(memoryview(body), key, nonce)))


def break_seal(sealed: bytes, key: str) -> bytes:
    """The inverse of `close_seal`."""
    return bytes(_mask(memoryview(sealed)[NONCE_BYTES:], key, sealed[:NONCE_BYTES]))


def _mask(body: memoryview, key: str, nonce: bytes) -> memoryview:
    stream = hashlib.shake_256(bytes.fromhex(key) + nonce).digest(len(body))
    return np.bitwise_xor(np.frombuffer(body, np.uint8), np.frombuffer(stream, np.uint8)).data
