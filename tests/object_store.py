"""An S3-compatible server on this machine, and one before it that refuses every third request."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import pytest

BUCKET: Final = "losses"
AT: Final = "AWS_ENDPOINT_URL"  # the variable of the environment that says where the store is
RUNNING: Final = 3  # times that one request is refused, one after another: clients give up after six


@contextmanager
def running_store() -> Iterator[str]:
    """The endpoint of a new server with an empty bucket, which the environment names too."""
    moto = pytest.importorskip("moto.server")
    pytest.importorskip("boto3")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        names = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}
        for name, value in (names | {AT: f"http://{host}:{port}"}).items():
            patch.setenv(name, value)
        import boto3

        boto3.client("s3").create_bucket(Bucket=BUCKET)
        yield f"http://{host}:{port}"
    server.stop()


class Flaky(ThreadingHTTPServer):
    """Hands requests on to the server at `behind`, and refuses every third one, whoever sends it.

    The same request is refused `RUNNING` times at most before it gets its answer: several clients could otherwise
    meet the third turn again and again.
    """

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behind = behind.removeprefix("http://")
        self.seen = self.refused = 0
        self._running: dict[tuple[str, str], int] = {}
        self._counting = threading.Lock()

    def refuses(self, request: tuple[str, str]) -> bool:
        with self._counting:
            self.seen += 1
            times = self._running.pop(request, 0)
            if self.seen % 3 or times == RUNNING:
                return False
            self._running[request] = times + 1
            self.refused += 1
            return True


class Handler(BaseHTTPRequestHandler):
    server: Flaky

    def serve(self) -> None:
        if self.headers.get("Expect"):  # its client would wait a second to be told
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.refuses((self.command, self.path)):
            self.answer(503, {}, b"")
            return
        headers = {name: value for name, value in self.headers.items() if name != "Host"}
        connection = HTTPConnection(self.server.behind, timeout=10)
        connection.request(self.command, self.path, body, headers)
        found = connection.getresponse()
        self.answer(found.status, dict(found.getheaders()), found.read())
        connection.close()

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in {"content-length", "connection", "transfer-encoding", "server", "date"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_DELETE = do_HEAD = do_POST = serve  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def refusing(behind: str) -> Iterator[Flaky]:
    """A store that refuses every third request, where the environment finds it; clients try once, ours try again."""
    proxy = Flaky(behind)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(AT, f"http://127.0.0.1:{proxy.server_address[1]}")
        patch.setenv("AWS_MAX_ATTEMPTS", "1")
        yield proxy
    proxy.shutdown()
    proxy.server_close()
