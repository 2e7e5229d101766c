"""A run from its settings to its verdict, and what is shown on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.doors.interrupt import graceful_interrupt
from search.doors.progress import display_for
from search.doors.study import Interrupted, RunCounts, Study, quiet_optuna
from search.ledger import open_storage

if TYPE_CHECKING:
    from search.doors.progress import Display
    from search.doors.study import ProgressCallback
    from search.runs import Run, Stage
    from search.settings import Settings


def run_study(
    settings: Settings,
    *,
    data: object = None,
    storage: str | None = None,
    sealed: bool = False,
    publish: bool = False,
    progress: bool | ProgressCallback = True,
) -> Study:
    """What `search.run` does with valid settings; `publish` brings optuna-dashboard up to date too."""
    with quiet_optuna(), display_for(settings.name, progress) as display:
        from search.runs import Run  # with torch, after it is shown that something goes on

        run = Run.open(settings, open_storage(storage, artifacts=settings.search.artifacts), data)
        if settings.functions:
            display.note(f"note: runs your own {', '.join(settings.functions)}")
        for line in run.notes:
            display.note(f"note: {line}")
        run.then = _after(sealed=sealed, publish=publish)
        _search(run, display)
        found = Study(run.ledger, settings, RunCounts(run.fits, run.seconds))
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


def _search(run: Run, display: Display) -> None:
    """The search and what confirms it; `Interrupted` after Ctrl-C."""
    with graceful_interrupt(display.note) as interrupted, run.working():
        run.search(report=display.update, stop=interrupted)
        if run.settled is not None:
            display.note(f"note: {run.settled}")
        if not interrupted():
            run.confirm(stop=interrupted)
            run.keep_model(stop=interrupted)
    if interrupted():
        reached = run.progress()
        raise Interrupted(
            f"study {run.settings.name!r} was stopped: {reached.finished} of {reached.wanted} trials are finished"
        )
