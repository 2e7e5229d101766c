"""A run from its settings to its verdict, as a display shows it and until somebody stops it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from search.doors.study import Interrupted, RunCounts, Study
from search.ledger import open_storage

if TYPE_CHECKING:
    from search.doors.progress import Display
    from search.doors.stopping import Stopping
    from search.runs import Run, Stage
    from search.settings import Settings


def whole_run(  # noqa: PLR0913 - what a user may say of a run, and who watches it
    settings: Settings,
    display: Display,
    stopping: AbstractContextManager[Stopping],
    *,
    data: object = None,
    storage: str | None = None,
    sealed: bool = False,
    publish: bool = False,
) -> Study:
    """Search, confirm, and judge unless `sealed`; `publish` brings optuna-dashboard up to date too.

    `stopping` says when to stop before the verdict. Stopped, it keeps what it has, see `RunCounts`; `Interrupted` if
    that was by Ctrl-C.
    """
    from search.runs import Run  # with torch, after it is shown that something goes on

    run = Run.open(settings, open_storage(storage, artifacts=settings.search.artifacts), data)
    if settings.functions:
        display.note(f"note: runs your own {', '.join(settings.functions)}")
    for line in run.notes:
        display.note(f"note: {line}")
    run.then = _after(sealed=sealed, publish=publish)
    stopped = _search(run, display, stopping)
    found = Study(run.ledger, run.settings, RunCounts(run.fits, run.seconds, stopped))
    if stopped is not None:
        return found
    if not sealed and run.ledger.selected() is not None:
        with run.after("verdict"):
            found.judge()
    if publish:
        with run.after("page"):
            found.publish()
    return found


def _after(*, sealed: bool, publish: bool) -> tuple[Stage, ...]:
    verdict: tuple[Stage, ...] = () if sealed else ("verdict",)
    return (*verdict, "page") if publish else verdict


def _search(run: Run, display: Display, stopping: AbstractContextManager[Stopping]) -> str | None:
    """The search and what confirms it; what it stopped for before its end, `Interrupted` if that was Ctrl-C."""
    with stopping as stop, run.working() as worker:
        if others := worker.others():
            display.note(f"note: with {len(others)} other worker{'s' * (len(others) > 1)}: {', '.join(others)}")
        run.search(report=display.update, stop=stop)
        if run.settled is not None:
            display.note(f"note: {run.settled}")
        if stop.why is None:
            run.confirm(stop=stop)
        if stop.why is None:
            run.keep_model(stop=stop)
    if stop.why is None:
        return None
    reached = run.progress()
    words = f"{reached.finished} of {reached.wanted} trials are finished"
    if stop.why == "Ctrl-C":
        raise Interrupted(f"study {run.settings.name!r} was stopped: {words}")
    display.note(f"note: stopped ({stop.why}): {words}")
    return stop.why
