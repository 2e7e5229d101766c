"""Optuna's gRPC proxy for the tests: the real one, in a thread, before a real database; its requests are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from postgresql import opened

THREADS = 10  # as many as Optuna's own


@dataclass
class Proxy:
    """A proxy that runs; `requests` are those that it got, by name."""

    url: str
    requests: Counter[str] = field(default_factory=Counter)


@contextmanager
def running_proxy(database: str, port: int = 0) -> Iterator[Proxy]:
    """A proxy before the database of this URL, as `run_grpc_proxy_server` makes it, until the block ends."""
    grpc = pytest.importorskip("grpc")
    from optuna.storages._grpc.auto_generated.api_pb2_grpc import add_StorageServiceServicer_to_server
    from optuna.storages._grpc.servicer import OptunaStorageProxyService

    running = Proxy("")

    class Counting(grpc.ServerInterceptor):
        def intercept_service(self, continuation, details):
            running.requests[details.method.rpartition("/")[2]] += 1
            return continuation(details)

    with opened(database) as storage, ThreadPoolExecutor(THREADS) as pool:
        server = grpc.server(pool, interceptors=[Counting()])
        add_StorageServiceServicer_to_server(OptunaStorageProxyService(storage.optuna), server)
        running.url = f"grpc://127.0.0.1:{server.add_insecure_port(f'127.0.0.1:{port}')}"
        server.start()
        try:
            yield running
        finally:
            server.stop(None).wait()
            pool.submit(storage.optuna.remove_session).result()
