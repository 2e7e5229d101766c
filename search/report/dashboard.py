"""optuna-dashboard on the ledger, with the verdict as the study's note and the figures as its plots."""

from __future__ import annotations

import errno
import hashlib
import warnings
from collections.abc import Sequence
from html import escape
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import plotly.graph_objects as go

from search.core.errors import UserError
from search.report.answer import answer_of
from search.report.gallery import Gallery
from search.report.view import StudyView

if TYPE_CHECKING:
    from search.ledger import Ledger, Storage

PUBLISHED: Final = "dashboard"
CARD_HEIGHT: Final = 450


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


def open_dashboard(storage: Storage, *, host: str, port: int | None) -> DashboardServer:
    """A server that is bound and not yet serving; without a port the system names a free one."""
    from optuna_dashboard import wsgi

    try:
        return make_server(host, port or 0, wsgi(storage.optuna), DashboardServer, _QuietHandler)
    except OSError as error:
        raise UserError(_refused(host, port, error)) from error


def _refused(host: str, port: int | None, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"--port: {port} is in use on {host}; name another one, or leave --port out to get a free one"
    return f"--host {host}, --port {port}: cannot be served: {error.strerror}"


def publish(ledger: Ledger, view: StudyView) -> None:
    """Bring the study's note and plots in optuna-dashboard up to date by one write; none where nothing has changed.

    All is computed before the storage is locked, so that a run on it does not wait for the figures. `view` decides what
    is shown: that of a sealed study holds no test loss.
    """
    from optuna_dashboard import save_note, save_plotly_graph_object

    study = ledger.study()
    published = study.user_attrs.get(PUBLISHED, {"figures": []})
    note, figures = note_of(view), plots_of(view, published["figures"])
    digest = hashlib.sha256(repr([note, *(figure.to_json() for figure in figures.values())]).encode()).hexdigest()
    if published.get("digest") == digest:
        return
    with ledger.storage.one_write(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*set_metric_names is experimental")
        if view.study.settings:  # somebody else's objective has its own name
            study.set_metric_names(["validation loss"])
        save_note(study, note)
        for name, figure in figures.items():
            save_plotly_graph_object(study, figure, graph_object_id=name)
        study.set_user_attr(PUBLISHED, {"digest": digest, "figures": list(figures)})


def note_of(view: StudyView) -> str:
    """The verdict as Markdown, the answer first."""
    answer = answer_of(view)
    lines = [
        f"**{escape(answer.sentence, quote=False)}**",
        "",
        *(f"- {escape(line, quote=False)}" for line in answer.basis),
    ]
    if answer.warnings:
        lines += ["", "Warnings:", "", *(f"- {escape(message, quote=False)}" for message in answer.warnings)]
    return "\n".join(lines)


def plots_of(view: StudyView, published: Sequence[str]) -> dict[str, go.Figure]:
    """The figures as the dashboard shows them; one that was `published` and applies no more says so in its place."""
    gallery = Gallery(view)
    gone = [name for name in published if name not in gallery]
    return {name: _titled(figure, gallery.entry(name).title) for name, figure in gallery.items()} | {
        name: _titled(go.Figure(), f"{gallery.entry(name).title}: not for the study as it is now") for name in gone
    }


def _titled(figure: go.Figure, title: str) -> go.Figure:
    """With its title, as high as the dashboard's cards, and on white: it cannot follow the dashboard's own themes."""
    return figure.update_layout(
        title={"text": title}, height=CARD_HEIGHT, font={"size": 11}, paper_bgcolor="white", margin={"t": 110}
    )
