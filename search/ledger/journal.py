"""Optuna's journal in one file, kept whole when its writer is killed, and written once per batch.

The lines are those of Optuna's own `JournalFileBackend`, so that its readers (optuna-dashboard among them) take the
file. Two things are done otherwise: the lock is the kernel's and dies with the process that held it, and a last line
that a kill cut short is taken away before anything is appended, where Optuna's would glue the next record to it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from optuna.storages.journal import BaseJournalBackend, JournalFileSymlinkLock

from search.core.errors import UserError
from search.ledger.files import locked, naming, sync

FIRST_BYTES: Final = b'{"op_code":'


class Journal(BaseJournalBackend):
    """A journal file: one JSON record a line. The file and its folders are made by the first write.

    Several processes and threads may use it at once. Record i spans the bytes `_ends[i]` to `_ends[i + 1]`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ends = [0]
        self._file: BinaryIO | None = None  # open and locked while `one_write` lasts
        self._pending: list[bytes] = []
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
        return map(self._decode, lines)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write records durably, or in `one_write`, set them aside for its end."""
        lines = [json.dumps(log, separators=(",", ":")).encode() + b"\n" for log in logs]
        with self._state:
            if self._file is None:
                with self._locked() as file:
                    self._write(file, lines)
            else:
                self._pending += lines

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
                raise UserError(f"{self._path}: the journal was cut short or replaced while in use; restore the file")
            file.truncate(self._ends[-1])  # the torn last line of a killed writer, if any
            yield file

    def _write(self, file: BinaryIO, lines: list[bytes]) -> None:
        if lines:
            file.write(b"".join(lines))
            sync(file)
            self._note(lines)

    def _read(self, first: int) -> list[bytes]:
        """The whole lines of the file from that record on; a torn last line is no record."""
        try:
            with naming(self._path), self._path.open("rb") as file:
                file.seek(self._ends[first])
                body = file.read()
        except FileNotFoundError:
            return []
        lines = [line + b"\n" for line in body.split(b"\n")[:-1]]
        self._note(lines[len(self._ends) - 1 - first :])
        return lines

    def _note(self, lines: list[bytes]) -> None:
        for line in lines:
            self._ends.append(self._ends[-1] + len(line))

    def _decode(self, line: bytes) -> dict[str, Any]:
        try:
            record: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise UserError(f"{self._path}: the record {line[:40]!r} is damaged; restore the file") from error
        return record


def _refuse_other_files(path: Path) -> None:
    try:
        with naming(path), path.open("rb") as file:
            head = file.read(len(FIRST_BYTES))
    except FileNotFoundError:
        return
    if not FIRST_BYTES.startswith(head):
        raise UserError(
            f"{path}: not a journal of Optuna; name a journal, a new file, or a database by its URL (sqlite:///FILE)"
        )
