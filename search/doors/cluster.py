"""A connection to Ray, which places workers: a Ray of this machine's own, or one that runs."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from io import StringIO
from math import ceil
from typing import Any, Final, TextIO
from urllib.parse import urlsplit

from search.core.errors import UserError
from search.ledger.storage import DEFAULT

LOCAL: Final = "local"
PATIENCE: Final = 5.0  # seconds to reach an address
REPORTS: Final = "RAY_USAGE_STATS_ENABLED"  # to its makers
LISTENER: Final = "ray_listen_error_messages"  # its thread, which prints what it hears of nodes that are gone
VALID: Final = 'an address such as 10.0.0.1:6379, ray://10.0.0.1:10001 or "auto"'


@contextmanager
def connected(address: str | None, cpus: float, storage: str | None) -> Iterator[None]:
    """Be connected to the Ray at that address, or to one of this machine's own that has so many `cpus` to give.

    Where this process is connected already, that Ray is used, and goes on. `UserError` where Ray is not installed or
    not there, and where machines of the cluster cannot reach the storage.
    """
    if find_spec("ray") is None:
        raise UserError("--workers: needs the package ray: python -m pip install 'lambda-search[cluster]'")
    with _quiet():
        import ray

        mine = not ray.is_initialized()
        try:
            if mine:
                _connect(address, cpus)
            _require_reachable(storage)
            yield
        finally:
            if mine:
                with redirect_stdout(StringIO()):  # what it had not printed yet
                    ray.shutdown()


def _connect(address: str | None, cpus: float) -> None:
    import ray

    local = address in (None, LOCAL)
    if not local and address != "auto":
        _require_listening(str(address))
    own = {"num_cpus": ceil(cpus), "include_dashboard": False} if local else {}
    try:
        ray.init(address or LOCAL, log_to_driver=False, configure_logging=False, **own)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0].partition(". ")[0] or type(error).__name__
        raise UserError(f"--ray {address or LOCAL}: {reason}; name {VALID}") from None


def _require_listening(address: str) -> None:
    """Refuse what nobody answers at: Ray itself tries for minutes."""
    try:
        place = urlsplit(address if "://" in address else f"//{address}")
        if not place.hostname or not place.port:
            raise UserError(f"--ray {address}: must be {VALID}")
        socket.create_connection((place.hostname, place.port), timeout=PATIENCE).close()
    except (OSError, ValueError) as error:
        raise UserError(f"--ray {address}: nobody answers there ({error}); name {VALID}") from None


def _require_reachable(storage: str | None) -> None:
    import ray

    hosts = {node["NodeManagerHostname"] for node in ray.nodes() if node["Alive"]}
    on_a_server = "://" in str(storage) and not str(storage).startswith("sqlite")
    if hosts - {socket.gethostname()} and not on_a_server:
        raise UserError(
            f"--storage {storage or DEFAULT}: a file of this machine, which other machines of the cluster do not see; "
            "name a database by its URL such as postgresql+psycopg://user@host/database"
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Ray says nothing of its own, and leaves SIGTERM as it was."""
    import ray  # noqa: F401 - its import sets the level of its log

    os.environ.setdefault(REPORTS, "0")
    logger, handler = logging.getLogger("ray"), signal.getsignal(signal.SIGTERM)
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with redirect_stdout(_Others(sys.stdout)):
            yield
    finally:
        logger.setLevel(level)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


class _Others:
    """A stream without what Ray prints on it: standard output is for results."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write it, whoever else it is from."""
        return len(text) if threading.current_thread().name == LISTENER else self._stream.write(text)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the stream has
        return getattr(self._stream, name)
