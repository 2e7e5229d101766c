"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO


@contextmanager
def whole_file(path: Path, *, new: bool = False) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of `path` on the disk when the block ends without an error.

    After a crash, or on a full disk, `path` is what it was before. A pipe or a device is written to as it is. Raises
    what the operating system does; `new`: `FileExistsError` where something is there already.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.txt"
    >>> with whole_file(path) as file:
    ...     _ = file.write(b"all of it")
    >>> path.read_text()
    'all of it'
    """
    target = path.resolve()  # a link stays, and leads to the new file
    if not new and target.exists() and not target.is_file():
        with target.open("wb") as file:
            yield file
        return
    part = target.with_name(f".{token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            yield file
            sync(file)
        _put(part, target, new=new)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def _put(part: Path, target: Path, *, new: bool) -> None:
    if new:
        try:
            target.hardlink_to(part)
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            if target.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        else:
            part.unlink()
            return
    elif target.exists():
        shutil.copymode(target, part)
    part.replace(target)


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
