"""Arrays as a npz file with a checksum of the whole of it, which any reader of such files takes for a comment."""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, Final
from zipfile import ZipFile
from zlib import crc32

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from search.core.errors import UserError

TAG: Final = b"crc32 "
DIGITS: Final = 8
LENGTH: Final = 2  # the last bytes of an archive without a comment: how long that is
LAST: Final = 22  # bytes of a table of contents that ends such an archive, from this sign on
SIGN: Final = b"PK\x05\x06"
ENTRIES: Final = slice(10, 12)  # of that table's end: how many files are in it
PIECE: Final = 1 << 20


class DamagedError(ValueError):
    """A file that is not what was written; the message says how that is known."""


def to_npz(arrays: Mapping[str, NDArray[Any]], *, compressed: bool = False) -> bytes:
    """The arrays as the bytes of a file."""
    body = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(body, **arrays)  # type: ignore[arg-type]
    body.seek(-LENGTH, io.SEEK_END)
    body.write((len(TAG) + DIGITS).to_bytes(LENGTH, "little") + TAG)
    with body.getbuffer() as whole:
        digits = b"%0*x" % (DIGITS, crc32(whole))
    body.write(digits)
    return body.getvalue()


@contextmanager
def from_npz(file: BinaryIO) -> Iterator[NpzFile]:
    """The arrays again; `DamagedError` for a file that is not what was written, also where that shows in the block."""
    try:
        _verify(file)
        file.seek(0)
        with np.load(file, allow_pickle=False) as arrays:
            yield arrays
    except (UserError, DamagedError, MemoryError):
        raise
    except Exception as error:  # what is damaged can raise anything
        if isinstance(error, OSError) and error.errno not in {None, errno.EINVAL}:
            raise  # of a disk or a network that is away, not of what was read
        raise DamagedError("it cannot be read") from error


def _verify(file: BinaryIO) -> None:
    """Older versions wrote no checksum of the whole: there the archive's own are checked, of each array."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - LAST))
    end = file.read()
    if end.startswith(SIGN) and end.endswith(bytes(LENGTH)):
        with ZipFile(file) as archive:
            if len(archive.namelist()) != int.from_bytes(end[ENTRIES], "little") or archive.testzip() is not None:
                raise DamagedError("its checksum is another one")
        return
    if end[:-DIGITS].endswith(TAG):
        file.seek(0)
        if b"%0*x" % (DIGITS, _checksum(file, size - DIGITS)) == end[-DIGITS:]:
            return
    raise DamagedError("its checksum is another one")


def _checksum(file: BinaryIO, size: int) -> int:
    found = 0
    while size and (piece := file.read(min(PIECE, size))):
        found = crc32(piece, found)
        size -= len(piece)
    return found
