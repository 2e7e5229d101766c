"""Workers in processes of Ray's: started, listened to, replaced when they die, and stopped."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from search.core.errors import UserError
from search.doors.overall import Overall
from search.doors.stopping import Stopping
from search.doors.study import RunCounts, quiet_optuna
from search.doors.whole_run import whole_run
from search.settings import Settings

if TYPE_CHECKING:
    from search.doors.progress import Display
    from search.doors.study import Study
    from search.runs import Progress

LOOK: Final = 0.5  # seconds between two looks at the workers
PATIENCE: Final = 60.0  # seconds until it is said that there is no room for a worker
FAREWELL: Final = 10.0  # seconds to leave, for workers that have nothing left to do
DEATHS: Final = 3  # of a worker and those that took its place, with no trial finished meanwhile
GIB: Final = 2**30


class RemoteWorker:
    """A worker in a process of its own. One thread runs; another answers how far it is, and takes orders."""

    def __init__(self, folder: str, modules: Sequence[str]) -> None:
        if Path(folder).is_dir():  # so that paths and modules are found as they were where the run was asked for
            os.chdir(folder)
        sys.path += [each for each in modules if each not in sys.path and Path(each).exists()]
        self._reached: Progress | None = None
        self._stop = Stopping()

    def run(self, settings: Mapping[str, Any], data: object, storage: str | None, seconds: float | None) -> str | None:
        """What a process alone would do of the study, its seal unbroken; what it stopped for before the end."""
        self._stop.deadline = None if seconds is None else time.monotonic() + seconds
        with quiet_optuna():
            study, stop = Settings.stored(settings), nullcontext(self._stop)
            return whole_run(study, self, stop, data=data, storage=storage, sealed=True).ran.stopped

    def stop(self) -> None:
        """Stop after the batch in hand, as a cluster asks for it."""
        self._stop.why = self._stop.why or "SIGTERM"

    def reached(self) -> Progress | None:
        """How far it is; None before it begins."""
        return self._reached

    def update(self, reached: Progress) -> None:
        """As a display: remember."""
        self._reached = reached

    def note(self, text: str) -> None:
        """As a display: nothing, the process that started it says the same at its end."""


@dataclass(eq=False)
class Member:
    """A worker as it is known here: its actor, its run that will end, and its answer that will come."""

    number: int
    actor: Any
    ended: Any
    answer: Any
    begun: bool = False


@dataclass(eq=False)
class Crew:
    """The workers of a study. `data` and `storage` are those of `search.run`."""

    settings: Settings
    display: Display
    data: object
    storage: str | None
    members: list[Member] = field(default_factory=list)
    _started: int = 0
    _deaths: tuple[int, int] = (0, 0)  # how many, since so many trials were finished
    _done: bool = False
    _said: bool = False

    def __post_init__(self) -> None:
        self.overall = Overall(self.display)

    def work(self, count: int, stopping: AbstractContextManager[Stopping]) -> Stopping:
        """Let `count` workers work until nothing is left to do, or they are stopped: their batches are stored first.

        `UserError` as a worker raises it, and where one after another dies.
        """
        import ray

        with stopping as stop:
            try:
                for _ in range(count):
                    self._start(stop)
                while self.members and not self._done:
                    self._look(stop, most=DEATHS * count)
                if self.members:
                    ray.wait(self._ends(), num_returns=len(self.members), timeout=FAREWELL)
            finally:
                for member in self.members:
                    ray.kill(member.actor)
        return stop

    def finish(self, run: Callable[[Display, AbstractContextManager[Stopping]], Study], stop: Stopping) -> Study:
        """What is left when the workers are done: the verdict. The study knows what all have done."""
        found = run(_Last(self.overall), nullcontext(stop))
        found.ran = RunCounts(self.overall.fits, self.overall.seconds, found.ran.stopped)
        return found

    def _start(self, stop: Stopping) -> None:
        import ray

        asked = self.settings.cluster
        memory = int(asked.memory * GIB) or None
        options = {"num_cpus": asked.cpus, "num_gpus": asked.gpus, "memory": memory, "max_concurrency": 2}
        modules = sys.path if self.settings.functions else []
        actor: Any = ray.remote(**options)(RemoteWorker).remote(os.getcwd(), modules)
        seconds = None if stop.deadline is None else stop.deadline - time.monotonic()
        ended = actor.run.remote(self.settings.to_dict(), self.data, self.storage, seconds)
        self._started += 1
        self.members.append(Member(self._started, actor, ended, actor.reached.remote()))

    def _ends(self) -> list[Any]:
        return [member.ended for member in self.members]

    def _look(self, stop: Stopping, most: int) -> None:
        """Who has ended, how far the others are, and whether to stop them."""
        import ray

        ended, _ = ray.wait(self._ends(), timeout=LOOK)
        for member in [each for each in self.members if each.ended in ended]:
            self._end(member, stop, most)
        answers = [member.answer for member in self.members]
        answered, _ = ray.wait(answers, num_returns=len(answers), timeout=0) if answers else ([], [])
        for member in [each for each in self.members if each.answer in answered]:
            self._hear(member)
        self._say_who_waits()
        if stop():
            self._stop()

    def _end(self, member: Member, stop: Stopping, most: int) -> None:
        """Its run has ended: nothing is left, it was stopped, it raised, or it died and another takes its place."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        self.members.remove(member)
        try:
            stopped = ray.get(member.ended)
        except RayTaskError as error:
            raise (error.cause if isinstance(error.cause, UserError) else error) from None
        except RayError as error:
            if stop.why is None:
                self._replace(error, stop, most)
        else:
            stop.why = stop.why or stopped
            self._done = stopped is None

    def _replace(self, error: Exception, stop: Stopping, most: int) -> None:
        deaths, finished = self._deaths
        self._deaths = (deaths + 1 if finished == self.overall.finished else 1, self.overall.finished)
        reason = " ".join(str(error).split())
        if self._deaths[0] > most:
            raise UserError(f"--workers: {most + 1} died and no trial was finished meanwhile; the last: {reason}")
        self.display.note(f"note: a worker died, another takes its place ({reason[:200]})")
        self._start(stop)

    def _hear(self, member: Member) -> None:
        import ray
        from ray.exceptions import RayError

        try:
            reached = ray.get(member.answer)
        except RayError:  # its run will tell
            return
        member.begun, member.answer = True, member.actor.reached.remote()
        if reached is not None:
            self.overall.told(member.number, reached, sum(each.begun for each in self.members))

    def _say_who_waits(self) -> None:
        waiting = [member for member in self.members if not member.begun]
        if waiting and not self._said and self.overall.seconds > PATIENCE:
            self._said = True
            asked = ", ".join(f"{key} = {value:g}" for key, value in self.settings.cluster.model_dump().items())
            self.display.note(
                f"note: no room yet for {len(waiting)} of {len(self.members)} workers ([cluster] {asked})"
            )

    def _stop(self) -> None:
        """Those that work store their batch first; those that wait for room never begin."""
        import ray

        for member in [each for each in self.members if not each.begun]:
            ray.kill(member.actor)
            self.members.remove(member)
        for member in self.members:
            member.actor.stop.remote()


@dataclass
class _Last:
    """The process that started the workers, as the last of them."""

    overall: Overall

    def update(self, reached: Progress) -> None:
        """Add it up."""
        self.overall.told(0, reached)

    def note(self, text: str) -> None:
        """Say it."""
        self.overall.display.note(text)
