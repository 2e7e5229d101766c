"""Optuna's journal in one file, kept whole when its writer is killed, and written once per batch.

The lines are those of Optuna's own `JournalFileBackend`, so that its readers (optuna-dashboard among them) take the
file. Four things are done otherwise: the lock is the kernel's and dies with the process that held it; a last line
that a kill cut short is taken away before anything is appended, where Optuna's would glue the next record to it;
each record carries a checksum, so that one that was damaged since is named and not believed; and that of the record
before it, so that it is noticed where records are missing, see `lines`.
"""

from __future__ import annotations

import os
import shlex
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

from optuna.storages.journal import BaseJournalBackend, JournalFileSymlinkLock

from search.core.errors import UserError
from search.core.writing import sync
from search.ledger.files import locked, naming
from search.ledger.lines import FIRST, GAP, Chain, from_line, split
from search.ledger.replay import owner

HEAD: Final = 65_536  # bytes in which a journal shows that it is one, also where its first record is damaged


class Journal(BaseJournalBackend):
    """A journal file: one JSON record a line. The file and its folders are made by the first write.

    Several processes and threads may use it at once. Record i spans the bytes `_ends[i]` to `_ends[i + 1]`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ends = [0]
        self._known: os.stat_result | None = None  # of the file that `_ends` speaks of
        self._file: BinaryIO | None = None  # open and locked while `one_write` lasts
        self._pending: list[bytes] = []
        self._chain = Chain()  # of the records that `_ends` speaks of
        self._gaps: set[int] = set()  # the numbers of those that were not written after the one before them
        self._writer = threading.RLock()  # the thread in `one_write`
        self._state = threading.Lock()  # held for short, and never while waiting for `_writer`
        _refuse_other_files(path)

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs to open the same file; locks and what is pending stay here."""
        return {"_path": self._path.resolve()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["_path"])  # type: ignore[misc]

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        """The records from that number on, the pending ones of `one_write` included."""
        with self._state:
            stored = len(self._ends) - 1
            # Under the lock nobody else appends: what is known of the file is all there is.
            known = self._file is not None and log_number_from >= stored
            lines = [] if known else self._read(log_number_from)
            lines += self._pending[max(0, log_number_from - len(self._ends) + 1) :]
        return self._records(lines, log_number_from)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write records durably, or in `one_write`, set them aside for its end."""
        with self._state:
            if self._file is None:
                with self._locked() as file:
                    self._write(file, self._lines(logs))
            else:
                self._pending += self._lines(logs)

    @contextmanager
    def one_write(self) -> Iterator[None]:
        """All records that the block appends reach the disk at its end, by one write; other processes wait.

        Nests. Also what was appended before an exception is written, as it would be without this block.
        """
        with self._writer:
            if self._file is not None:
                yield
                return
            with self._locked_file():
                yield

    @contextmanager
    def shared_write(self) -> Iterator[None]:
        """`one_write` in a file that Optuna's own backend may be writing too, which minds another lock than ours."""
        lock = JournalFileSymlinkLock(str(self._path))
        lock.acquire()
        try:
            with self.one_write():
                yield
        finally:
            lock.release()

    @contextmanager
    def _locked_file(self) -> Iterator[None]:
        with ExitStack() as stack:
            with self._state:
                self._file = stack.enter_context(self._locked())
            try:
                yield
            finally:
                with self._state:
                    try:
                        self._write(self._file, self._pending)
                    finally:
                        self._file, self._pending = None, []

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        with locked(self._path) as file:
            self._read(len(self._ends) - 1)
            if file.seek(0, 2) < self._ends[-1]:
                raise self._replaced()
            file.truncate(self._ends[-1])  # the torn last line of a killed writer, if any
            yield file

    def _lines(self, logs: Iterable[Mapping[str, Any]]) -> list[bytes]:
        """The records as the lines that come next, under the lock."""
        chain = Chain(self._chain.latest)
        for line in self._pending[-1:]:
            chain.takes(line)
        return [chain.append(log) for log in logs]

    def _write(self, file: BinaryIO, lines: list[bytes]) -> None:
        """All of them, or after an error none."""
        left = memoryview(b"".join(lines))
        if not left:
            return
        try:
            with naming(self._path):
                while left:
                    left = left[file.write(left) :]
                sync(file)
        except BaseException:
            with suppress(OSError):
                file.truncate(self._ends[-1])
            raise
        self._note(lines)

    def _read(self, first: int) -> list[bytes]:
        """The whole lines of the file from that record on; a torn last line is no record."""
        try:
            with naming(self._path), self._path.open("rb") as file:
                self._refuse_another(file)
                file.seek(self._ends[first])
                body = file.read()
        except FileNotFoundError:
            return []
        lines, _ = split(body)
        self._note(lines[len(self._ends) - 1 - first :])
        return lines

    def _refuse_another(self, file: BinaryIO) -> None:
        """What is known of a file says nothing of one that was put in its place."""
        found = os.fstat(file.fileno())
        if self._known is not None and not os.path.samestat(found, self._known):
            raise self._replaced()
        self._known = found

    def _replaced(self) -> UserError:
        return UserError(f"{self._path}: the journal was cut short or replaced while in use; open it again")

    def _note(self, lines: list[bytes]) -> None:
        for line in lines:
            if not self._chain.takes(line):
                self._gaps.add(len(self._ends) - 1)
            self._ends.append(self._ends[-1] + len(line))

    def _records(self, lines: list[bytes], first: int) -> Iterator[dict[str, Any]]:
        for number, line in enumerate(lines, first):
            try:
                record = from_line(line)
            except ValueError as error:
                raise self.damaged(number, str(error)) from error
            if number in self._gaps:
                raise self.damaged(number, GAP)
            yield record

    def damaged(self, number: int, why: str) -> UserError:
        """What is said of a record that cannot be taken, by its number from 0."""
        with self._state:
            lines = self._read(0)
        whose = str(owner(lines, number))
        return UserError(
            f"{self._path}: line {number + 1}{whose and f', of {whose},'} is damaged: {why}; lambda-search check "
            f"--storage {shlex.quote(str(self._path))} tells more, and with --repair mends what can be mended"
        )


@contextmanager
def held_still(path: Path) -> Iterator[None]:
    """Nobody writes this journal meanwhile: neither ours nor a script with Optuna's own backend."""
    lock = JournalFileSymlinkLock(str(path))
    lock.acquire()
    try:
        with locked(path):
            yield
    finally:
        lock.release()


def _refuse_other_files(path: Path) -> None:
    try:
        with naming(path), path.open("rb") as file:
            head = file.read(HEAD)
    except FileNotFoundError:
        return
    if not FIRST.startswith(head[: len(FIRST)]) and b"\n" + FIRST not in head:
        raise UserError(
            f"{path}: not a journal of Optuna; name a journal, a new file, or a database by its URL (sqlite:///FILE)"
        )
