"""A dashboard that serves while a test asks it."""

from __future__ import annotations

import threading
from contextlib import contextmanager

from search import load
from search.ledger import open_storage
from search.report.dashboard import open_dashboard


@contextmanager
def served(storage):
    """A server of a storage that answers until the block ends."""
    opened = open_storage(storage, create=False)
    with open_dashboard(opened, host="127.0.0.1", port=None, view_of=lambda name: load(name, storage).view) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
