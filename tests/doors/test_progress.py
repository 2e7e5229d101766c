"""What is shown of a run while it goes on: the words, the lines, the bars."""

from __future__ import annotations

import re
import time
from typing import get_args

import pytest
from rich.console import Console

from search.core.candidate import Candidate
from search.doors import progress
from search.doors.progress import Log, Terminal, display_for
from search.runs import Progress, Stage

NOW = Progress(12, 40, 310, 83.0, Candidate("l2", 0.1), 0.5, fits_wanted=2700, seconds_left=1193.0)


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        (None, ""),
        (0.2, "about 1 s left"),
        (12.4, "about 12 s left"),
        (47.0, "about 45 s left"),
        (96.0, "about 1 min 35 s left"),
        (1193.0, "about 20 min left"),
        (7500.0, "about 2 h 5 min left"),
    ],
)
def test_the_time_left_is_told_no_more_exactly_than_it_is_known(seconds, says):
    assert progress.left(Progress(0, 1, 0, 9.0, None, None, seconds_left=seconds)) == says


def test_every_stage_has_words():
    assert {"search", *progress.STAGES} == set(get_args(Stage))


def test_there_is_a_line_at_once_one_a_minute_and_one_in_the_end(capsys):
    log = Log("houses", every=0.05)  # a very short minute
    line = "searching 12/40 trials, 310 of 2,700 fits, about 20 min left, best 0.5 (l2 with lambda 0.1)"
    with log.running():
        assert capsys.readouterr().err == ""
        log.update(NOW)
        assert capsys.readouterr().err == f"houses: {line}\n"
        time.sleep(0.3)
    *lines, last = capsys.readouterr().err.splitlines()
    assert 1 <= len(lines) <= 6
    assert set(lines) == {f"houses: {line}"}
    assert last == "houses: done after 1 min 23 s, 310 fits"


def test_a_run_that_breaks_off_is_not_called_done(capsys):
    def broken() -> None:
        with display_for("houses", progress=True) as display:
            display.update(NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    assert "done" not in capsys.readouterr().err


@pytest.mark.parametrize("width", [60, 100, 160])
def test_a_bar_is_one_line_whatever_the_names(monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("FORCE_COLOR", "1")
    terminal = Terminal("a [red]name that is much longer than any line, " * 4)
    terminal.update(NOW)
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(terminal.bar.get_renderable())
    (line,) = captured.get().splitlines()
    assert len(line) <= width
    if width > 60:
        for words in ("searching 12/40 trials", "310 of 2,700 fits", "about 20 min left"):
            assert words in line


def test_a_notebook_moves_its_bar_when_something_else_begins(monkeypatch):
    display = pytest.importorskip("IPython.display")
    shown = []

    class Handle:
        def update(self, page) -> None:
            shown.append(page.data)

    monkeypatch.setattr(display, "display", lambda page, **options: shown.append(page.data) or Handle())
    notebook = progress.Notebook("a <b>")
    notebook.update(NOW)
    notebook.update(NOW)  # at once again: not shown
    assert len(shown) == 2
    assert re.search(r"a &lt;b&gt; <progress value='310' max='2700'></progress> searching 12/40 trials", shown[1])
