"""Optuna's storage in a database, and one transaction for a batch of its calls."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import URL, Connection, Dialect, NullPool, event, make_url, text
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.orm import Session

from search.core.errors import UserError, causes
from search.core.text import one_line
from search.ledger.trials import INTERRUPTED

if TYPE_CHECKING:
    from optuna.storages import BaseStorage, RDBStorage
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

SQLITE_WAIT_SECONDS = 60.0
TRIES: Final = 10
PAUSE: Final = 0.2  # seconds between them
LONGEST: Final = 5.0  # seconds between two tries to connect again
PATIENCE: Final = 300.0  # seconds that a server may be away
USER: Final = re.compile(r"(://[^:/?#]*:).*(@)")
PASSWORD: Final = re.compile(r"([?&][^=&]*(?:pass|pwd|secret|token)[^=&]*=)[^&]*", re.IGNORECASE)


def shown(url: URL | str) -> str:
    """A database's URL without what may be secret: the password, also as a parameter, also in what is no URL.

    >>> shown("postgresql://me:secret@host:port/a?password=secret&sslmode=require")
    'postgresql://me:***@host:port/a?password=***&sslmode=require'
    """
    whole = url if isinstance(url, str) else url.render_as_string(hide_password=False)
    return PASSWORD.sub(r"\1***", USER.sub(r"\1***\2", whole))


def parse_url(url: str) -> URL:
    """The parts of a database's URL, or a `UserError` that says how one looks."""
    try:
        return make_url(url)
    except (ArgumentError, ValueError) as error:
        raise UserError(
            f"storage {shown(url)!r}: not a database URL; one looks like sqlite:///runs/ledger.db "
            "or postgresql+psycopg://user:password@host/database"
        ) from error


def open_database(url: URL) -> RDBStorage:
    """Connect, and make Optuna's tables where there are none."""
    from optuna.storages import RDBStorage

    options = _sqlite_options() if url.get_backend_name() == "sqlite" else {"pool_pre_ping": True}
    try:
        storage = _made(lambda: RDBStorage(url.render_as_string(hide_password=False), engine_kwargs=options))
        if url.get_backend_name() != "sqlite":
            event.listen(storage.engine, "do_connect", _connect_patiently)
        return storage
    except (ImportError, NoSuchModuleError) as error:
        raise UserError(
            f"storage {shown(url)}: no driver for {url.drivername}; install it (for PostgreSQL: python -m pip install "
            "'psycopg[binary]', and a URL that begins with postgresql+psycopg://)"
        ) from error
    except DatabaseError as error:
        raise UserError(f"storage {shown(url)}: cannot be opened: {one_line(error.orig or error)}") from error
    except RuntimeError as error:  # Optuna's word on tables of another version
        raise UserError(f"storage {shown(url)}: {one_line(error)}") from error


def _made(make: Callable[[], RDBStorage]) -> RDBStorage:
    """The storage, also where several processes make the tables of a new database at once: all but one try again."""
    for _ in range(TRIES):
        try:
            return make()
        except (IntegrityError, OperationalError, ProgrammingError) as error:
            if not any(word in str(error).lower() for word in ("already exists", "duplicate", "unique")):
                raise
            time.sleep(PAUSE)
    return make()


def _connect_patiently(
    dialect: Dialect, record: object, given: tuple[Any, ...], options: dict[str, Any]
) -> DBAPIConnection:
    """Connect again to a server that was there before: one that is being started anew is waited for."""
    end, pause = time.monotonic() + PATIENCE, PAUSE
    while True:
        try:
            return dialect.connect(*given, **options)
        except dialect.loaded_dbapi.OperationalError as error:
            if time.monotonic() + pause > end:
                raise UserError(
                    f"the storage's server did not answer for {PATIENCE / 60:.0f} minutes: {one_line(error)}; what is "
                    "finished is kept, run the study again to go on"
                ) from error
        time.sleep(pause)
        pause = min(2 * pause, LONGEST)


def broke(storage: RDBStorage, error: BaseException | None) -> bool:
    """Whether the connection broke in the middle of something, which the server undoes; not within `one_write`."""
    if isinstance(storage.scoped_session().bind, Connection):
        return False
    return any(
        isinstance(each, OperationalError) or (isinstance(each, DBAPIError) and each.connection_invalidated)
        for each in causes(error)
    )


def said_by_database(error: BaseException | None) -> str | None:
    """What the database said, in one line, where that is what an error comes from: full, damaged, gone."""
    said = (one_line(each.orig or each) for each in causes(error) if isinstance(each, DBAPIError))
    return next(said, None)


def forget(cached: BaseStorage, storage: RDBStorage) -> None:
    """Begin Optuna's cache of trials anew: it holds some that the server undid."""
    # The same object stays in everybody's hands.
    cached.__init__(storage)  # type: ignore[misc]


@contextmanager
def one_write(storage: RDBStorage, study_id: int | None = None) -> Iterator[None]:
    """One transaction for all calls of the block by this thread, committed at its end. Nests.

    With a study's id no other such block of that study runs meanwhile, in any process.

    Optuna commits each call by itself. Here its session joins an outer transaction, as SQLAlchemy describes under
    "Joining a Session into an External Transaction": each commit of Optuna's releases a savepoint, each rollback
    undoes one call, so that its own error handling works as ever. After an exception what was done before it stays.
    """
    sessions = storage.scoped_session
    bound = sessions().bind
    if isinstance(bound, Connection):
        _hold(bound, study_id)
        yield
        return
    sessions.remove()
    with storage.engine.connect() as connection:
        connection.begin()  # now: without a transaction to join, Optuna's session would commit each call after all
        if connection.dialect.name == "sqlite":
            # Take the write lock now: a lock taken later, after a read, can fail at once instead of waiting.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        _hold(connection, study_id)
        sessions.registry.set(Session(bind=connection, join_transaction_mode="create_savepoint"))
        try:
            yield
        finally:
            sessions.remove()
            connection.commit()


def fail_ended(cached: BaseStorage, storage: RDBStorage, why: Mapping[int, str]) -> None:
    """Have trials that have ended fail after all, for the reasons given by their ids; they are to be asked again.

    Optuna changes no trial that has ended: for a moment, which no other connection sees, it is running once more.
    """
    from optuna.trial import TrialState

    with one_write(storage):
        for trial, reason in why.items():
            session = storage.scoped_session()
            session.execute(text("UPDATE trials SET state = 'RUNNING' WHERE trial_id = :id"), {"id": trial})
            session.execute(text("DELETE FROM trial_values WHERE trial_id = :id"), {"id": trial})
            session.commit()
            storage.set_trial_user_attr(trial, INTERRUPTED, reason)
            storage.set_trial_state_values(trial, TrialState.FAIL)
    forget(cached, storage)


def _hold(connection: Connection, study_id: int | None) -> None:
    """Lock the study's row until the transaction ends, as Optuna does for each new trial; SQLite locks the whole."""
    if study_id is not None and connection.dialect.name != "sqlite":
        connection.execute(text("SELECT study_id FROM studies WHERE study_id = :id FOR UPDATE"), {"id": study_id})


def _sqlite_options() -> dict[str, Any]:
    return {
        "poolclass": NullPool,
        "pool_events": [(_prepare_sqlite, "connect")],
        "connect_args": {"timeout": SQLITE_WAIT_SECONDS},
    }


def _prepare_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    """Readers and the writer do not block each other; a power cut may cost the last commits, never the file."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()
