"""A run, in this process or by workers of a cluster, and what is shown on the way."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from search.core.errors import UserError
from search.doors.progress import display_for
from search.doors.refused import KEPT, in_one_line
from search.doors.stopping import stopping
from search.doors.study import quiet_optuna
from search.doors.whole_run import whole_run

if TYPE_CHECKING:
    from search.doors.study import ProgressCallback, Study
    from search.settings import Settings

MOST_WORKERS: Final = 10_000


def run_study(  # noqa: PLR0913 - what a user may say of a run
    settings: Settings,
    *,
    data: object = None,
    storage: str | None = None,
    sealed: bool = False,
    publish: bool = False,
    progress: bool | ProgressCallback = True,
    deadline: float | None = None,
    workers: int | None = None,
    ray: str | None = None,
) -> Study:
    """What `search.run` does with valid settings; `publish` brings optuna-dashboard up to date too.

    With a `deadline`, in seconds from now, or after a SIGTERM it ends early with what it has, see `RunCounts`.
    """
    run = partial(whole_run, settings, data=data, storage=storage, sealed=sealed, publish=publish)
    if workers is None and ray is not None:
        raise UserError(f"--ray {ray}: needs a number of workers too: --workers N")
    if workers is not None and not 1 <= workers <= MOST_WORKERS:
        raise UserError(f"--workers: must be 1 to {MOST_WORKERS:,}, found {workers}")
    with in_one_line(KEPT), quiet_optuna(), display_for(settings.name, progress) as display:
        if workers is None:
            return run(display, stopping(display.note, deadline))
        from search.doors.cluster import connected
        from search.doors.crew import Crew

        with connected(ray, workers * settings.cluster.cpus, storage):
            crew = Crew(settings, display, data, storage)
            stopped = crew.work(workers, stopping(display.note, deadline))
            return crew.finish(run, stopped)
