"""How far a run is: a bar in a terminal or a notebook, a line a minute elsewhere, a function's calls, or nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape as html_escape
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Final, Protocol

from search.core.text import duration, number

if TYPE_CHECKING:
    from search.runs import Progress, Stage

BAR_WIDTH: Final = 16
NAME_WIDTH: Final = 16
EVERY: Final = 60.0  # seconds between two lines where no bar can move
MOVED: Final = 0.5  # seconds between two pictures of a notebook's bar
LOADING: Final = "loading the data"
STAGES: Final[dict[Stage, str]] = {
    "exact": "exact solution",
    "inner": "rotation",
    "grid": "confirming sweep",
    "seeds": "fresh seeds",
    "plain": "test models",
    "model": "model of all rows",
    "verdict": "verdict",
    "page": "page",
}


class Display(Protocol):
    """What a run shows."""

    def update(self, reached: Progress) -> None:
        """Show how far the run is."""

    def note(self, text: str) -> None:
        """A line that stays."""


class Silent:
    """Shows nothing, or hands the progress to a function."""

    def __init__(self, callback: Callable[[Progress], None] | None = None) -> None:
        self._callback = callback

    def update(self, reached: Progress) -> None:
        """Call the function."""
        if self._callback is not None:
            self._callback(reached)

    def note(self, text: str) -> None:
        """Nothing."""


# In words


def stage(reached: Progress) -> str:
    """What is being done."""
    if reached.stage == "search":
        return f"searching {reached.finished}/{reached.wanted} trials"
    return STAGES[reached.stage]


def fits(reached: Progress) -> str:
    """How much of all that is to be trained."""
    return f"{reached.fits:,} of {reached.fits_wanted:,} fits" if reached.fits_wanted else ""


def left(reached: Progress) -> str:
    """The time left, no more exact than it is known."""
    seconds = reached.seconds_left
    if seconds is None:
        return ""
    step = 1 if seconds < 30 else 5 if seconds < 120 else 60
    rounded = max(1, round(seconds / step) * step)
    return f"about {f'{rounded} s' if rounded < 60 else duration(rounded).removesuffix(' 0 s')} left"


def best(reached: Progress) -> str:
    """The lowest validation loss so far."""
    return "" if reached.best is None else f"best {number(reached.best_loss, 4)} ({reached.best})"


# Where it is shown


class Terminal:
    """A live bar on standard error."""

    def __init__(self, name: str) -> None:
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import BarColumn, SpinnerColumn, TextColumn
        from rich.progress import Progress as Bar
        from rich.table import Column

        def text(what: str, **options: Any) -> TextColumn:  # noqa: ANN401 - those of rich's column
            return TextColumn(f"{{task.{what}}}", table_column=Column(no_wrap=True, **options))

        self.bar = Bar(
            SpinnerColumn(),
            text("description", max_width=NAME_WIDTH, overflow="ellipsis"),
            text("fields[stage]"),
            BarColumn(BAR_WIDTH),
            text("fields[fits]"),
            text("fields[left]"),
            text("fields[best]", ratio=1, overflow="ellipsis"),
            console=Console(stderr=True),
            transient=True,
            expand=True,
        )
        self._task = self.bar.add_task(escape(name), total=None, stage=LOADING, fits="", left="", best="")

    def update(self, reached: Progress) -> None:
        """Move the bar."""
        from rich.markup import escape

        self.bar.update(
            self._task,
            total=reached.fits_wanted or None,
            completed=reached.fits,
            stage=stage(reached),
            fits=fits(reached),
            left=left(reached),
            best=escape(best(reached)),
        )

    def note(self, text: str) -> None:
        """Above the bar."""
        self.bar.console.print(text)


class Notebook:
    """A bar as HTML in the cell's output, moved in its place."""

    def __init__(self, name: str) -> None:
        from IPython import display

        shown: Any = display
        self._html, self._name = shown.HTML, name
        self._shown: tuple[str, float] = (LOADING, time.monotonic())
        self._handle = shown.display(self._html(self._page("", LOADING)), display_id=True)

    def update(self, reached: Progress) -> None:
        """Move the bar: at once where something else is being done, else from time to time."""
        doing, now = stage(reached), time.monotonic()
        if doing == self._shown[0] and now - self._shown[1] < MOVED:
            return
        self._shown = (doing, now)
        filled = f"value='{reached.fits}' max='{max(1, reached.fits_wanted)}'"
        words = [doing, fits(reached), left(reached), best(reached)]
        self._handle.update(self._html(self._page(filled, ", ".join(filter(None, words)))))

    def note(self, text: str) -> None:
        """A line in the output."""
        print(text)

    def _page(self, filled: str, words: str) -> str:
        return f"<div>{html_escape(self._name)} <progress {filled}></progress> {html_escape(words)}</div>"


class Log:
    """Plain lines on standard error: one when the run begins, one a minute, and one in the end.

    None before it begins: what is wrong with a study is told in one line.
    """

    def __init__(self, name: str, every: float = EVERY) -> None:
        self._name, self._every = name, every
        self._reached: Progress | None = None
        self._ended = Event()
        self._thread = Thread(target=self._lines, daemon=True)

    def update(self, reached: Progress) -> None:
        """For the next line; the first one at once."""
        first, self._reached = self._reached is None, reached
        if first:
            self._say(reached)

    def note(self, text: str) -> None:
        """A line of its own."""
        print(text, file=sys.stderr, flush=True)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Write the lines; no last one for a run that was broken off."""
        self._thread.start()
        try:
            yield
        finally:
            self._ended.set()
            self._thread.join()
        if (end := self._reached) is not None:
            self.note(f"{self._name}: done after {duration(end.seconds)}, {end.fits:,} fits")

    def _lines(self) -> None:
        while not self._ended.wait(self._every):
            if self._reached is not None:
                self._say(self._reached)

    def _say(self, now: Progress) -> None:
        words = [stage(now), fits(now), left(now), best(now)]
        self.note(f"{self._name}: {', '.join(filter(None, words))}")


@contextmanager
def display_for(name: str, progress: bool | Callable[[Progress], None]) -> Iterator[Display]:
    """The display of a run: a function's calls, a bar in a terminal or notebook, lines elsewhere, or nothing."""
    if callable(progress):
        yield Silent(progress)
    elif not progress:
        yield Silent()
    elif _in_notebook():
        yield Notebook(name)
    elif _on_terminal():
        terminal = Terminal(name)
        with terminal.bar:
            yield terminal
    else:
        log = Log(name)
        with log.running():
            yield log


def _on_terminal() -> bool:
    from rich.console import Console

    return Console(stderr=True).is_terminal


def _in_notebook() -> bool:
    """Whether this runs in a Jupyter kernel, which shows HTML."""
    shell: Any = sys.modules.get("IPython")
    found = None if shell is None else shell.get_ipython()
    return found is not None and hasattr(found, "kernel")
