"""A file is the old one or the new one, whatever happens on the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from full_disk import full_after

from search.core.writing import whole_file

OLD, NEW = b"old", b"new" * 4000


def write(path: Path, *, new: bool = False) -> None:
    with whole_file(path, new=new) as file:
        file.write(NEW)


def test_it_takes_the_place_of_the_old_one_with_its_permissions(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(OLD)
    path.chmod(0o640)
    write(path)
    assert path.read_bytes() == NEW
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("size", [0, 1, len(NEW) - 1])
@pytest.mark.parametrize("new", [False, True])
def test_a_full_disk_leaves_what_was_there(tmp_path, size, new):
    path = tmp_path / "a"
    if not new:
        path.write_bytes(OLD)
    with full_after(size), pytest.raises(OSError, match="File too large"):
        write(path, new=new)
    assert [each.read_bytes() for each in tmp_path.iterdir()] == ([] if new else [OLD])


def test_a_block_that_raises_leaves_what_was_there(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(OLD)
    with pytest.raises(UnicodeError), whole_file(path) as file:
        file.write(NEW + "\ud800".encode())
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [OLD]


def test_a_process_that_dies_leaves_what_was_there(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(OLD)
    if not (child := os.fork()):
        with whole_file(path) as file:
            file.write(NEW)
            file.flush()
            os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert path.read_bytes() == OLD


def test_a_new_file_takes_nobodys_place(tmp_path):
    path = tmp_path / "a"
    write(path, new=True)
    path.write_bytes(OLD)
    with pytest.raises(FileExistsError):
        write(path, new=True)
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [OLD]


def test_a_link_stays_and_leads_to_the_new_file(tmp_path):
    path, link = tmp_path / "a", tmp_path / "b"
    path.write_bytes(OLD)
    link.symlink_to(path)
    write(link)
    assert link.is_symlink()
    assert path.read_bytes() == NEW


def test_a_device_is_written_to_as_it_is():
    write(Path(os.devnull))
    assert Path(os.devnull).is_char_device()
