"""optuna-dashboard on the ledger, with the figures drawn when a browser asks for them."""

from __future__ import annotations

import errno
import json
import math
import re
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import plotly.graph_objects as go

from search.core.errors import UserError
from search.ledger import is_own
from search.report.draw import BAND_NAME, NOTE_HEIGHT
from search.report.gallery import Gallery
from search.report.published import VERDICT
from search.report.theme import EITHER
from search.report.view import StudyView

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from search.ledger import Storage

FIGURES_BEFORE: Final = "dashboard"  # what version 0.1 kept of the figures that it stored
STUDIES: Final = re.compile(r"/api/studies(/\d+)?")
FINISHED: Final = frozenset({"Complete", "Pruned", "Fail"})
CARD_HEIGHT: Final = 450  # pixels, as optuna-dashboard has them; the width is that of a small window
CARD_WIDTH: Final = 460
TITLE_HEIGHT: Final = 34
LINE_HEIGHT: Final = 22
LETTER: Final = 5.6
SHORT: Final = {"one standard error": "1 SE", "confidence set": "may be best"}
BAND: Final = "10-90 %: "
SYMBOL: Final = 42
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class DashboardServer(ThreadingMixIn, WSGIServer):
    """Serves a request per thread, so that a large study does not hold up the others."""

    daemon_threads = True
    allow_reuse_port = False  # a port that another program serves must be refused

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}/dashboard"


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: ANN401 - the base class's signature
        """Say nothing of each request."""


def open_dashboard(
    storage: Storage, *, host: str, port: int | None, view_of: Callable[[str], StudyView]
) -> DashboardServer:
    """A server that is bound and not yet serving; without a port the system names a free one.

    `view_of` gives a study by its name, and raises `UserError` for one that is not ours.
    """
    from optuna_dashboard import wsgi

    try:
        shown = _WithFigures(wsgi(storage.optuna), view_of)
        return make_server(host, port or 0, _OfThisPage(shown, host), DashboardServer, _QuietHandler)
    except OSError as error:
        raise UserError(_refused(host, port, error)) from error


class _OfThisPage:
    """Answers nothing that another page asks a browser for: the application itself has no login and can delete studies.

    A server of this machine alone answers to this machine's names, so that no foreign name can be led here (DNS
    rebinding); and what changes anything must come from the page that the server itself gave.
    """

    def __init__(self, app: WSGIApplication, host: str) -> None:
        self._app, self._names = app, LOOPBACK | {host} if host in LOOPBACK else None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        host = environ.get("HTTP_HOST", "")
        wrong = self._names is not None and urlsplit(f"//{host}").hostname not in self._names
        origin = environ.get("HTTP_ORIGIN")
        if origin is not None and environ["REQUEST_METHOD"] not in SAFE:
            wrong |= urlsplit(origin).netloc != host
        if not wrong:
            return self._app(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"this server answers to its own page alone\n"]


class _WithFigures:
    """optuna-dashboard's application, with our figures in what it answers about a study.

    A figure is drawn when a browser asks for its study, and again when the study has changed since. So a run need
    not draw any, the storage holds none, and they are in the page's order.
    """

    def __init__(self, app: WSGIApplication, view_of: Callable[[str], StudyView]) -> None:
        self._app, self._view_of = app, view_of
        self._drawn: dict[str, tuple[object, list[dict[str, str]]]] = {}
        self._lock = Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "GET" or not STUDIES.fullmatch(environ["PATH_INFO"]):
            return self._app(environ, start_response)
        answers: list[tuple[str, list[tuple[str, str]]]] = []

        def note(status: str, headers: list[tuple[str, str]], *_: object) -> Callable[[bytes], object]:
            answers.append((status, headers))
            return lambda _: None

        body = b"".join(self._app(environ, note))
        status, headers = answers[-1]
        if status.startswith("200"):
            body = self._completed(body, parse_qs(environ["QUERY_STRING"]).get("after", ["0"])[0])
        kept = [(name, value) for name, value in headers if name.lower() != "content-length"]
        start_response(status, [*kept, ("Content-Length", str(len(body)))])
        return [body]

    def _completed(self, body: bytes, after: str) -> bytes:
        """The answer with figures where it is about one study, and without what the ledger keeps for itself."""
        answer = json.loads(body)
        for study in answer.get("study_summaries", [answer]):
            every = study.get("user_attrs", [])
            mine = [each for each in every if each["key"] != FIGURES_BEFORE and not is_own(each["key"])]
            study["user_attrs"] = sorted(mine, key=lambda each: each["key"] != VERDICT)
        if "plotly_graph_objects" in answer:
            finished = int(after) + sum(trial["state"] in FINISHED for trial in answer["trials"])
            answer["plotly_graph_objects"] = self._figures(answer["name"], (finished, str(every)))
        return json.dumps(answer).encode()

    def _figures(self, name: str, state: object) -> list[dict[str, str]]:
        with self._lock:
            known = self._drawn.get(name)
            if known is None or known[0] != state:
                known = self._drawn[name] = state, self._draw(name)
            return known[1]

    def _draw(self, name: str) -> list[dict[str, str]]:
        try:
            figures = plots_of(self._view_of(name))
        except UserError:  # a study of somebody else's, or one without a complete trial
            return []
        return [{"id": each, "graph_object": str(figure.to_json())} for each, figure in figures.items()]


def _refused(host: str, port: int | None, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"--port: {port} is in use on {host}; name another one, or leave --port out to get a free one"
    return f"--host {host}, --port {port}: cannot be served: {error.strerror}"


def plots_of(view: StudyView) -> dict[str, go.Figure]:
    """The figures as the dashboard shows them, in the order of the page."""
    gallery = Gallery(view, EITHER)
    return {name: _titled(figure, gallery.entry(name).title) for name, figure in gallery.items()}


def _titled(figure: go.Figure, title: str) -> go.Figure:
    """As high as the dashboard's cards: from above its title, the legend, the notes, and then the panels."""
    for trace in figure.data:
        trace.update(name=_shorter(trace.name))
    lines = _legend_lines({trace.name for trace in figure.data if trace.name and trace.showlegend is not False})
    above = [each.yshift or 0 for each in figure.layout.annotations if each.yanchor == "bottom"]
    notes = max(above, default=-NOTE_HEIGHT) + NOTE_HEIGHT
    figure.update_layout(
        title={"text": title, "x": 0.02, "yref": "container", "y": 1, "yanchor": "top", "pad": {"t": 8}},
        legend={"yref": "container", "y": 1 - TITLE_HEIGHT / CARD_HEIGHT, "yanchor": "top", "font": {"size": 11}},
        height=CARD_HEIGHT,
        font={"size": 11},
        margin={"t": TITLE_HEIGHT + LINE_HEIGHT * lines + notes + 14},
    )
    if len(list(figure.select_yaxes())) > 1:  # its panels are low
        figure.for_each_yaxis(_shorten)
    return figure


def _shorter(name: str | None) -> str | None:
    """A legend's entry in fewer letters: three of them have room in a line on a phone."""
    return name if name is None else SHORT.get(name, name.replace(BAND_NAME.format(what=""), BAND))


def _legend_lines(names: set[str]) -> int:
    """How many lines a legend takes; in several lines plotly gives all entries the width of the longest one."""
    widths = [LETTER * len(name) + SYMBOL for name in names]
    if sum(widths) <= CARD_WIDTH:
        return 1
    return math.ceil(len(widths) / max(1, CARD_WIDTH // max(widths)))


def _shorten(axis: go.layout.YAxis) -> None:
    """Fewer ticks, and of a loss its kind alone."""
    axis.update(title_text=(axis.title.text or "").split(" loss<br>(")[0], nticks=4)
    if axis.tickvals is not None:
        every = 1 + len(axis.tickvals) // 5
        axis.update(tickvals=axis.tickvals[::every], ticktext=axis.ticktext[::every])
