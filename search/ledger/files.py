"""What files need so that a killed process leaves nothing half-done: locks, atomic writes, errors with a name."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from search.core.errors import UserError
from search.core.writing import sync_folder

FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals into a `UserError` that names the path; what is not there is others' to say.

    Making folders says "File exists" where a file stands in a folder's place.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno is None:  # none of the operating system's
            raise
        reason = "Not a directory" if isinstance(error, FileExistsError) else error.strerror or str(error)
        advice = "name a storage that can be read and written"
        if error.errno in FULL:
            advice = "make room; what is finished is kept, and the same command goes on"
        raise UserError(f"{path}: {reason}; {advice}") from error


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[BinaryIO]:
    """Open a file for reading and appending under the kernel's exclusive lock, which dies with its process.

    Makes the file and its folders where they are missing; what is written is with the kernel at once. Without `wait` a
    lock that another holds raises `BlockingIOError`.
    """
    new = not path.exists()
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with _opened(path, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB)) as file:
        if new:
            sync_folder(path.parent)
        try:
            yield file
        finally:
            # A child process may share the open file: closing alone would leave the lock with it.
            fcntl.flock(file, fcntl.LOCK_UN)


def _opened(path: Path, lock: int) -> BinaryIO:
    """The file at this path under lock, also where another took its place while this one waited."""
    while True:
        with naming(path):
            file = path.open("a+b", buffering=0)
        try:
            fcntl.flock(file, lock)
        except BaseException:
            file.close()
            raise
        if is_at(file, path):
            return file
        file.close()


def is_at(file: BinaryIO, path: Path) -> bool:
    """Whether an open file is the one that the path leads to now."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def folder_name(name: str) -> str:
    """A folder name for any study name: itself where it is plain, else a readable part and a hash.

    Two names never share a folder, also not on file systems that ignore case: a plain name holds no dot.
    """
    if re.fullmatch(r"[a-z0-9_-]{1,100}", name):
        return name
    readable = re.sub(r"[^a-z0-9_-]+", "-", name.lower())[:60]
    return f"{readable}.{hashlib.sha256(name.encode()).hexdigest()[:12]}"
