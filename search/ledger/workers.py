"""Who works on a study: every worker holds a lease that it renews, and the others watch it by their own pace.

A worker counts its beats in the study. One whose count stands still while another's own moves on for as long as its
lease is gone: no clock is compared with another, so that none that jumps matters, and a storage that is away for a
while stops all counts alike. On one machine the kernel tells at once, because a lock dies with its process.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

from search.core.errors import UserError
from search.ledger.files import folder_name, locked
from search.ledger.openings import now
from search.ledger.storage import OWN, Storage

LEASE: Final = 60.0  # seconds
BEATS: Final = 4  # in a lease
# Keys of attributes of the study, a worker's name or that of a task behind each.
WORKER: Final = "worker "
TRIALS: Final = "trials of "
CLAIM: Final = "claim "


def _new_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{token_hex(2)}"


@dataclass(eq=False)
class Worker:
    """One of the processes that work on a study; `lease` is how many seconds it may be silent."""

    storage: Storage
    study: str
    study_id: int
    lease: float = LEASE
    name: str = field(default_factory=_new_name)
    _beats: int = 0
    _seen: dict[str, tuple[int, int]] = field(default_factory=dict)  # of others: their count, and mine when it was new

    @contextmanager
    def at_work(self) -> Iterator[Worker]:
        """Hold the lease; what the block has not finished is free for others at its end."""
        if self.storage.folder is None:  # in memory: nobody else can see it
            yield self
            return
        ended = threading.Event()
        beating = threading.Thread(target=self._beat_until, args=(ended,), daemon=True)
        with locked(self._lock(self.name)):
            self._beat()
            beating.start()
            try:
                self._require_one_lock()
                yield self
            finally:
                ended.set()
                beating.join(timeout=1.0)  # it may be waiting for a storage that is away
                with suppress(Exception):  # without a word the lease runs out
                    self._note(ended=True)
                self._lock(self.name).unlink(missing_ok=True)

    def others(self) -> list[str]:
        """The names of the others that are at work, as far as this one can know."""
        records = self._records()
        names = [name for name in records if name != self.name]
        gone = self._gone(names, records)
        return [name for name in names if name not in gone]

    def hold(self, numbers: Iterable[int]) -> None:
        """These trials are in this worker's hands from now on, and no others."""
        self._set(TRIALS + self.name, list(numbers))

    def held_by_others(self) -> set[int]:
        """The trials in the hands of other workers that are not gone."""
        attributes = self._attributes()
        holders = [key.removeprefix(TRIALS) for key in attributes if key.startswith(TRIALS)]
        others = [name for name in holders if name != self.name]
        gone = self._gone(others, records_in(attributes))
        return {number for name in others if name not in gone for number in attributes[TRIALS + name]}

    def claim(self, task: str) -> bool:
        """Take a task in hand, unless another that is not gone has it; `release` gives it up."""
        return self.storage.steadily(lambda: self._claim(task))

    def _claim(self, task: str) -> bool:
        with self.storage.alone(self.study_id):
            attributes = self._attributes()
            holder = attributes.get(CLAIM + task)
            free = holder in (None, self.name) or bool(self._gone([holder], records_in(attributes)))
            if free:
                self._set(CLAIM + task, self.name)
        return free

    def release(self, task: str) -> None:
        """Give a task up, done or not."""
        self._set(CLAIM + task, None)

    def running(self) -> list[str]:
        """Those that may be at work, to one who looks once: whose process lives here, or whose lease has not ended."""
        found = []
        for name, record in self._records().items():
            lives = self._lives_here(name, record["host"])
            if lives or (lives is None and not record["ended"] and not _late(record)):
                found.append(name)
        return found

    def _require_one_lock(self) -> None:
        """Refuse to work beside others that this one cannot shut out: each has said so before it looks."""
        records = self._records()
        apart = [name for name, record in records.items() if record.get("lock", OWN) != self.storage.lock]
        if here := set(apart) - self._gone(apart, records):
            raise UserError(
                f"study {self.study!r}: {', '.join(sorted(here))} works on it, but not through {self.storage.name}; "
                "workers behind a gRPC proxy and at its database share no lock: start all with the same --storage"
            )

    def _gone(self, names: Iterable[str], records: Mapping[str, Mapping[str, Any]]) -> set[str]:
        return {name for name in names if name != self.name and self._is_gone(name, records.get(name))}

    def _is_gone(self, name: str, record: Mapping[str, Any] | None) -> bool:
        if record is None or record["ended"] or self._lives_here(name, record["host"]) is False:
            return True
        count, mine = self._seen.get(name, (-1, 0))
        if record["beat"] != count:
            self._seen[name] = (record["beat"], self._beats)
            return False
        return (self._beats - mine) * self.lease / BEATS > float(record["lease"])

    def _lives_here(self, name: str, host: str) -> bool | None:
        """Whether its process, one of this machine, has not ended; None where that cannot be seen."""
        path = self._lock(name)
        if host != socket.gethostname() or not path.exists():
            return None
        try:
            with locked(path, wait=False):
                return False
        except BlockingIOError:
            return True

    def _beat_until(self, ended: threading.Event) -> None:
        while not ended.wait(self.lease / BEATS):
            with suppress(Exception):  # a storage that is away: the next beat tries again, and whoever asks hears of it
                self._beat()
        self.storage.optuna.remove_session()

    def _beat(self) -> None:
        self._note(ended=False)
        self._beats += 1

    def _note(self, *, ended: bool) -> None:
        record = {"host": socket.gethostname(), "pid": os.getpid(), "lock": self.storage.lock}
        record |= {"lease": self.lease, "beat": self._beats}
        # The time is for people alone.
        self._set(WORKER + self.name, record | {"at": now(), "ended": ended})

    def _records(self) -> dict[str, dict[str, Any]]:
        return records_in(self._attributes())

    def _attributes(self) -> dict[str, Any]:
        return self.storage.marks(self.study_id)

    def _set(self, key: str, value: Any) -> None:  # noqa: ANN401 - JSON
        self.storage.mark(self.study_id, key, value)

    def _lock(self, name: str) -> Path:
        assert self.storage.folder is not None, "at_work"
        return self.storage.folder / folder_name(self.study) / "workers" / f"{name}.lock"


def _late(record: Mapping[str, Any]) -> bool:
    """Whether a worker was silent for longer than its lease, by its own clock."""
    return (datetime.now(UTC) - datetime.fromisoformat(record["at"])).total_seconds() > float(record["lease"])


def records_in(attributes: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What each worker said of itself last."""
    return {key.removeprefix(WORKER): value for key, value in attributes.items() if key.startswith(WORKER)}
