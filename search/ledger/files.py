"""What files need so that a killed process leaves nothing half-done: locks, atomic writes, errors with a name."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from search.core.errors import UserError


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals into a `UserError` that names the path."""
    try:
        yield
    except (PermissionError, IsADirectoryError, NotADirectoryError, FileExistsError) as error:
        # Making folders says "File exists" where a file stands in a folder's place.
        reason = "Not a directory" if isinstance(error, FileExistsError) else error.strerror
        raise UserError(f"{path}: {reason}; name a storage that can be read and written") from error


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[BinaryIO]:
    """Open a file for reading and appending under the kernel's exclusive lock, which dies with its process.

    Makes the file and its folders where they are missing. Without `wait` a lock that another holds raises
    `BlockingIOError`.
    """
    new = not path.exists()
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b")
    with file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        if new:
            sync_folder(path.parent)
        try:
            yield file
        finally:
            # A child process may share the open file: closing alone would leave the lock with it.
            fcntl.flock(file, fcntl.LOCK_UN)


def sync(file: BinaryIO) -> None:
    """Return when what was written to the file has reached the disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Return when the folder's list of names has reached the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def folder_name(name: str) -> str:
    """A folder name for any study name: itself where it is plain, else a readable part and a hash.

    Two names never share a folder, also not on file systems that ignore case: a plain name holds no dot.
    """
    if re.fullmatch(r"[a-z0-9_-]{1,100}", name):
        return name
    readable = re.sub(r"[^a-z0-9_-]+", "-", name.lower())[:60]
    return f"{readable}.{hashlib.sha256(name.encode()).hexdigest()[:12]}"
