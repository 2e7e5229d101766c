"""What a worker asks of a database, counted in statements: the same on every machine, however fast."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path

import pytest
from command_line import call, study_file
from postgresql import LEFT_OPEN
from proxy_server import running_proxy
from sqlalchemy import Engine, event

PAGE = (Path(__file__).parents[2] / "studies" / "guide" / "workers.md").read_text(encoding="utf-8")
BATCH = 16


@contextmanager
def statements():
    """Every statement that any engine of this process sends."""
    sent: list[str] = []

    def note(connection, cursor, statement, parameters, context, many) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def asked(path, url: str, trials: int) -> int:
    """Statements of a run that goes on to so many trials, without its end, which is the same for all."""
    with statements() as sent:
        assert call("run", path, "--storage", url, "--trials", trials, "--sealed", "--quiet").code == 0
    return len(sent)


@pytest.mark.rest
@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_statements_of_a_trial(sampler, tmp_path, monkeypatch):
    """The difference of two runs of which one has ten batches more; and it does not grow with the study."""
    monkeypatch.chdir(tmp_path)
    search = {"batch": BATCH, "sampler": sampler, "confirm": False}
    path = study_file(tmp_path, search=search, space={"penalty": ["l1", "l2"]}, training={"epochs": 1})
    url = "sqlite:///a.db"
    asked(path, url, BATCH)
    few, many = asked(path, url, 2 * BATCH), asked(path, url, 12 * BATCH)
    early = (many - few) / (9 * BATCH)
    few, many = asked(path, url, 13 * BATCH), asked(path, url, 23 * BATCH)
    late = (many - few) / (9 * BATCH)
    assert late < 1.05 * early
    (said,) = re.findall(rf"about (\d+) statements a trial with `{sampler}`", PAGE)
    assert late == pytest.approx(int(said), rel=0.05), "the page on many workers says another number"


@pytest.mark.filterwarnings(LEFT_OPEN)
def test_requests_of_a_trial_through_a_proxy(postgresql, tmp_path, monkeypatch):
    """What a worker asks of the proxy, and the proxy of the database."""
    monkeypatch.chdir(tmp_path)
    search = {"batch": BATCH, "sampler": "random", "confirm": False}
    path = study_file(tmp_path, search=search, space={"penalty": ["l1", "l2"]}, training={"epochs": 1})
    with running_proxy(postgresql) as proxy:
        counts = []
        for batches in (1, 2, 12):
            proxy.requests.clear()
            sent = asked(path, proxy.url, batches * BATCH)
            counts.append((proxy.requests.total(), sent))
    requests, sent = ((many - few) / (9 * BATCH) for few, many in zip(counts[1], counts[2], strict=True))
    said = re.findall(r"about (\d+) requests a trial.* about (\d+) statements", PAGE)
    assert [requests, sent] == pytest.approx([int(each) for each in said[0]], rel=0.05)
