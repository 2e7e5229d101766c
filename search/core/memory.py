"""How much of the memory may be used: of this machine's, and of the container's where a process runs in one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final

import psutil

from search.core.errors import UserError

SHARE_OF_FREE: Final = 0.5
CGROUPS: Final = Path("/sys/fs/cgroup")
OWN: Final = Path("/proc/self/cgroup")
# Version 2 and version 1 of control groups: the controllers' names in `OWN`, the mount below `CGROUPS`, and in a
# group's folder the limit, what is used, and what its `memory.stat` calls the file cache that is given back first.
VERSIONS: Final = (
    ("", "", "memory.max", "memory.current", "inactive_file"),
    ("memory", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


def usable_memory() -> int:
    """Half of the bytes that are free to this machine and its container: the other half is for what is not measured.

    A container (Docker, Kubernetes, Slurm) ends a process that takes more than it was given, whatever the machine has.
    """
    return int(min(float(psutil.virtual_memory().available), free_in_container()) * SHARE_OF_FREE)


def free_in_container(own: Path = OWN, root: Path = CGROUPS) -> float:
    """The bytes left in the tightest of this process's control groups (Linux); infinity where none is limited.

    `own` is the file that names the groups, `root` the folder that they are mounted below.
    """
    with suppress(OSError):
        return min(_left(own.read_text().splitlines(), root), default=float("inf"))
    return float("inf")  # no control groups: not Linux


def _left(groups: list[str], root: Path) -> Iterator[float]:
    """What is left in each group of this process and in those around it, where they have a limit."""
    for line in groups:
        _, controllers, path = line.split(":", 2)
        for name, mount, limit, used, cache in VERSIONS:
            if name == controllers or (name and name in controllers.split(",")):
                # In a container the path may be that on the host, and the mount begins at the group itself.
                for group in {root / mount, *(root / mount / each for each in _around(path))}:
                    with suppress(OSError, ValueError):  # "max": no limit
                        yield int((group / limit).read_text()) - _held(group, used, cache)


def _around(path: str) -> list[PurePosixPath]:
    """A group and those that it lies in, relative to the mount."""
    own = PurePosixPath(path.lstrip("/"))
    return [own, *own.parents]


def _held(group: Path, used: str, cache: str) -> int:
    """The bytes that a group holds and that cannot be taken back: its file cache can."""
    held = int((group / used).read_text())
    with suppress(OSError):
        for line in (group / "memory.stat").read_text().splitlines():
            if line.startswith(f"{cache} "):
                held -= int(line.split()[1])
    return held


def refuse_too_large(numbers: float, what: str, advice: str) -> None:
    """`UserError` where so many numbers of double precision are more than may be used; `what` has them."""
    needed, room = 8 * numbers, usable_memory()
    if needed > room:
        raise UserError(f"{what} need {needed / 2**30:,.1f} GiB and {room / 2**30:.1f} GiB may be used; {advice}")
