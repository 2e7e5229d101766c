"""How far a run is: a bar in a terminal or a notebook, a function's calls, or nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape as html_escape
from typing import TYPE_CHECKING, Any, Protocol

from search.core.text import duration, number

if TYPE_CHECKING:
    from search.runs import Progress

BAR_WIDTH = 24


class Display(Protocol):
    """What a run shows."""

    def update(self, reached: Progress) -> None:
        """Show how far the run is."""

    def stage(self, text: str) -> None:
        """Say what is being done after the trials."""

    def note(self, text: str) -> None:
        """A line that stays."""


class Silent:
    """Shows nothing, or hands the progress to a function."""

    def __init__(self, callback: Callable[[Progress], None] | None = None, *, notes: bool = False) -> None:
        self._callback, self._notes = callback, notes

    def update(self, reached: Progress) -> None:
        """Call the function."""
        if self._callback is not None:
            self._callback(reached)

    def stage(self, text: str) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """A line on standard error, where notes are wanted."""
        if self._notes:
            print(text, file=sys.stderr)


class Pace:
    """Fits a second, the best so far and the time left, in words."""

    def __init__(self) -> None:
        self._first: int | None = None

    def words(self, reached: Progress) -> str:
        """All that is known now."""
        if self._first is None:
            self._first = reached.finished
        parts = [f"{reached.fits / reached.seconds:,.0f} fits/s"] if reached.fits else []
        if reached.best is not None:
            parts.append(f"best {number(reached.best_loss, 4)} ({reached.best})")
        done = reached.finished - self._first
        if done and reached.finished < reached.wanted:
            parts.append(f"about {duration(reached.seconds / done * (reached.wanted - reached.finished))} left")
        return "  ".join(parts)


class Terminal:
    """A live bar on standard error."""

    def __init__(self, name: str) -> None:
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        self.bar = Bar(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(BAR_WIDTH),
            MofNCompleteColumn(),
            TextColumn("trials"),
            TextColumn("{task.fields[pace]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self.bar.add_task(escape(name), total=None, pace="")
        self._pace = Pace()

    def update(self, reached: Progress) -> None:
        """Move the bar."""
        self.bar.update(self._task, total=reached.wanted, completed=reached.finished, pace=self._pace.words(reached))

    def stage(self, text: str) -> None:
        """In place of the pace."""
        self.bar.update(self._task, pace=text)

    def note(self, text: str) -> None:
        """Above the bar."""
        self.bar.console.print(text)


class Notebook:
    """A bar as HTML in the cell's output, moved in its place."""

    def __init__(self, name: str) -> None:
        from IPython.display import HTML, display

        self._html, self._name, self._pace, self._last = HTML, name, Pace(), ""
        self._handle: Any = display(HTML(self._page(0, 1, "")), display_id=True)

    def update(self, reached: Progress) -> None:
        """Move the bar."""
        self._last = self._page(reached.finished, reached.wanted, self._pace.words(reached))
        self._handle.update(self._html(self._last))

    def stage(self, text: str) -> None:
        """Below the bar."""
        self._handle.update(self._html(f"{self._last}<div>{html_escape(text)}</div>"))

    def note(self, text: str) -> None:
        """A line in the output."""
        print(text)

    def _page(self, value: int, most: int, pace: str) -> str:
        return (
            f"<div>{html_escape(self._name)} <progress value='{value}' max='{most}'></progress> "
            f"{value}/{most} trials {html_escape(pace)}</div>"
        )


@contextmanager
def display_for(name: str, progress: bool | Callable[[Progress], None]) -> Iterator[Display]:
    """The display of a run: a function's calls, a bar in a terminal or notebook, or nothing."""
    if callable(progress):
        yield Silent(progress)
    elif progress and _in_notebook():
        yield Notebook(name)
    elif progress and _on_terminal():
        terminal = Terminal(name)
        with terminal.bar:
            yield terminal
    else:
        yield Silent(notes=progress)


def _on_terminal() -> bool:
    from rich.console import Console

    return Console(stderr=True).is_terminal


def _in_notebook() -> bool:
    """Whether this runs in a Jupyter kernel, which shows HTML."""
    shell: Any = sys.modules.get("IPython")
    found = None if shell is None else shell.get_ipython()
    return found is not None and hasattr(found, "kernel")
