"""What may be used is what is free on the machine, or in its container where that is less."""

from __future__ import annotations

import math
from pathlib import Path

import psutil
import pytest

from search.core.memory import SHARE_OF_FREE, free_in_container, usable_memory

GIB = 2**30
V2 = ("memory.max", "memory.current", "inactive_file", "0::")
V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", "4:cpu,memory:")


def group(folder: Path, version, limit, used=0, cache=0) -> Path:
    """A control group's folder as the kernel shows it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in zip(version, (limit, used), strict=False):
        (folder / name).write_text(f"{value}\n")
    (folder / "memory.stat").write_text(f"anon 7\n{version[2]} {cache}\nunevictable 0\n")
    return folder


def own(tmp_path: Path, *lines: str) -> Path:
    """What /proc/self/cgroup would say."""
    file = tmp_path / "cgroup"
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


@pytest.mark.parametrize(("version", "mount"), [(V2, ""), (V1, "memory")])
def test_what_is_left_is_the_limit_without_what_is_held(tmp_path, version, mount):
    """File cache is given back, so it is not held."""
    group(tmp_path / mount / "job", version, 4 * GIB, 3 * GIB, 2 * GIB)
    assert free_in_container(own(tmp_path, "9:name=systemd:/", f"{version[3]}/job"), tmp_path) == 3 * GIB


@pytest.mark.parametrize(("version", "mount"), [(V2, ""), (V1, "memory")])
def test_the_tightest_of_the_groups_around_counts(tmp_path, version, mount):
    inner = tmp_path / mount / "pod" / "box"
    group(inner.parent, version, 2 * GIB, GIB)
    group(inner, version, 8 * GIB)
    assert free_in_container(own(tmp_path, f"{version[3]}/pod/box"), tmp_path) == GIB


@pytest.mark.parametrize(("version", "mount"), [(V2, ""), (V1, "memory")])
def test_in_a_container_the_mount_is_the_group_itself(tmp_path, version, mount):
    """The path is that on the host, and is not there."""
    group(tmp_path / mount, version, GIB)
    assert free_in_container(own(tmp_path, f"{version[3]}/docker/0123"), tmp_path) == GIB


def test_without_a_limit_nothing_bounds(tmp_path):
    group(tmp_path / "job", V2, "max", GIB)
    assert free_in_container(own(tmp_path, "0::/job"), tmp_path) == math.inf
    assert free_in_container(tmp_path / "missing", tmp_path) == math.inf


def test_a_limit_of_another_controller_is_none_of_the_memory(tmp_path):
    group(tmp_path / "memory" / "job", V1, GIB)
    assert free_in_container(own(tmp_path, "3:cpuset:/job"), tmp_path) == math.inf


def test_no_more_is_used_than_is_free_here():
    assert 0 < usable_memory() <= SHARE_OF_FREE * psutil.virtual_memory().total
    assert usable_memory() <= SHARE_OF_FREE * free_in_container()
