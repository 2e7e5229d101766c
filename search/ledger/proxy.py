"""Optuna's gRPC proxy: one server holds the connections to a database, for any number of workers.

Through it each call of Optuna's is a write of its own. What a transaction does elsewhere, turns do here.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import grpc
from optuna.storages import GrpcStorageProxy
from optuna.storages._grpc.auto_generated.api_pb2_grpc import StorageServiceStub
from optuna.storages._grpc.client import GrpcClientCache

from search.core.errors import UserError, causes
from search.core.text import one_line
from search.ledger.turns import LostTurnError

PATIENCE: Final = 300.0  # seconds that a server may be away
FIRST: Final = 10.0  # seconds to find it
OPTIONS: Final = (("grpc.max_receive_message_length", -1), ("grpc.max_reconnect_backoff_ms", 5000))
# Its server, or the database behind it, went away in the middle of a call, or began anew and has to look.
BROKEN: Final = frozenset({"UNAVAILABLE", "UNKNOWN", "INTERNAL", "CANCELLED", "NOT_FOUND"})


class _Details(NamedTuple):
    """How a call is made, as gRPC asks for it."""

    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: bool
    compression: Any


class _Patient(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]
    """Calls wait for a server that is away, before they are sent."""

    def __init__(self, name: str) -> None:
        self._name = name

    def intercept_unary_unary(self, do: Callable[[Any, Any], Any], details: Any, request: Any) -> Any:  # noqa: ANN401 - gRPC's
        patient = _Details(details.method, PATIENCE, details.metadata, details.credentials, True, details.compression)
        answer = do(patient, request)
        if answer.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
            raise UserError(
                f"the storage's server {self._name} did not answer for {PATIENCE / 60:.0f} minutes; what is finished "
                "is kept, run the study again to go on"
            )
        return answer


class Proxy(GrpcStorageProxy):
    """Optuna's client, with more patience than it has by itself."""

    def _setup(self) -> None:
        address = f"{self._host}:{self._port}"
        self._channel = grpc.intercept_channel(
            grpc.insecure_channel(address, options=OPTIONS), _Patient(f"grpc://{address}")
        )
        self._stub = StorageServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._cache = GrpcClientCache(self._stub)


def open_proxy(url: str) -> Proxy:
    """The storage behind the proxy at grpc://HOST:PORT; `UserError` for what is no such address, or not there."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if host is None or port is None or parts.path.strip("/"):
        raise UserError(f"storage {url}: must be grpc://HOST:PORT, where Optuna's run_grpc_proxy_server listens")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*GrpcStorageProxy is experimental")
        proxy = Proxy(host=f"[{host}]" if ":" in host else host, port=port)
    try:
        proxy.wait_server_ready(FIRST)
        proxy.get_all_studies()
    except ConnectionError as error:
        raise UserError(f"storage {url}: no server of gRPC answers there; is run_grpc_proxy_server up?") from error
    except grpc.RpcError as error:
        said = one_line(error.details() or error.code().name)
        raise UserError(f"storage {url}: cannot be opened: {said}; is it Optuna's, and its database there?") from error
    return proxy


def broke(error: BaseException | None) -> bool:
    """Whether a call broke so that nobody knows if it was done, or a turn was lost: all is done again."""
    return any(
        isinstance(each, LostTurnError) or (isinstance(each, grpc.RpcError) and each.code().name in BROKEN)
        for each in causes(error)
    )
