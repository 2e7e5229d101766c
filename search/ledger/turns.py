"""A lock made of Optuna's own calls alone, for workers that share a storage and nothing else: they take turns.

Who comes makes a trial in a study that is kept for that, which gives each a number of its own, in one order for all.
The lowest number that has not ended has its turn, and ends it with the trial. A trial ends once: whoever stood still in
its turn for so long that the next one ended it learns so when its turn is over (`LostTurnError`), and does it again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import takewhile
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final

from search.core.errors import UserError

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

PAUSE: Final = 0.05  # seconds between two looks of the next in line; who stands further behind looks as much less often
FURTHEST: Final = 100
PATIENCE: Final = 30.0  # seconds that nothing is heard of the first in line while others look
WORDS: Final = 6  # of who waits, in that time
WHO: Final = "who"
HERE: Final = "here"
NAME: Final = "turns of lambda-search"
LOST: Final = "this process stood still while others went on with the study; run the same command again"


def keeps_turns(study: str) -> bool:
    """Whether a study of this name holds turns, and nothing that anybody wants to see."""
    return study.startswith(NAME)


class LostTurnError(UserError):
    """Others have gone on, because this process stood still in its turn."""


@dataclass(eq=False)
class Turns:
    """The turns that one process takes in a storage."""

    storage: BaseStorage
    patience: float = PATIENCE
    _name: str = field(default_factory=lambda: token_hex(8))
    _thread: Any = field(default_factory=threading.RLock)  # the one that has the turn, or waits for it
    _studies: dict[int | None, int] = field(default_factory=dict)
    _has_it: bool = False

    @contextmanager
    def turn(self, study_id: int | None = None) -> Iterator[None]:
        """Nobody else has a turn of this study meanwhile; None: of making studies.

        A turn within a turn is a part of it. Raises `LostTurnError` where the turn was over before its block was: what
        it wrote since stands among what others wrote, so that all has to be looked at again.
        """
        with self._thread:
            if self._has_it:
                yield
                return
            line = self._line(study_id)
            mine = self._draw(line)
            try:
                self._wait(line, mine)
                self._has_it = True
                yield
            finally:
                self._has_it = False
                self._end(mine)

    def _line(self, study_id: int | None) -> int:
        """The study that holds the turns of a study."""
        if study_id not in self._studies:
            self._studies[study_id] = self._made(NAME if study_id is None else f"{NAME}, study {study_id}")
        return self._studies[study_id]

    def _made(self, name: str) -> int:
        from optuna.exceptions import DuplicatedStudyError
        from optuna.study import StudyDirection

        with suppress(KeyError):
            return self.storage.get_study_id_from_name(name)
        with suppress(DuplicatedStudyError):  # another was faster
            return self.storage.create_new_study([StudyDirection.MINIMIZE], name)
        return self.storage.get_study_id_from_name(name)

    def _draw(self, line: int) -> int:
        from optuna.trial import TrialState, create_trial

        return self.storage.create_new_trial(
            line, create_trial(state=TrialState.RUNNING, system_attrs={WHO: self._name})
        )

    def _wait(self, line: int, mine: int) -> None:
        """Until all before it have ended; the first is ended where so many looks heard nothing of it.

        Who waits says so now and then, so that several that died in line hold up the others no longer than one.
        """
        heard: dict[int, tuple[Any, float]] = {}  # of each before it: what it said last, and when by own looks
        looked = spoke = 0.0
        while True:
            queue = self._queue(line)
            before = list(takewhile(lambda trial: trial._trial_id != mine, queue))
            if len(before) == len(queue):
                raise LostTurnError(LOST)
            if not before:
                return
            for trial in before:
                said = trial.system_attrs.get(HERE)
                if trial._trial_id not in heard or heard[trial._trial_id][0] != said:
                    heard[trial._trial_id] = (said, looked)
            first = before[0]
            # What has this process's own name was drawn by a call whose answer never came.
            if looked - heard[first._trial_id][1] > self.patience or first.system_attrs.get(WHO) == self._name:
                with suppress(LostTurnError):
                    self._end(first._trial_id)
                continue
            pause = PAUSE * min(len(before), FURTHEST)
            time.sleep(pause)
            looked += pause
            if looked - spoke > self.patience / WORDS:
                self._say(mine, looked)
                spoke = looked

    def _queue(self, line: int) -> list[FrozenTrial]:
        from optuna.trial import TrialState

        return self.storage.get_all_trials(line, deepcopy=False, states=(TrialState.RUNNING,))

    def _say(self, trial_id: int, looked: float) -> None:
        with _still_mine():
            self.storage.set_trial_system_attr(trial_id, HERE, looked)

    def _end(self, trial_id: int) -> None:
        from optuna.trial import TrialState

        with _still_mine():
            self.storage.set_trial_state_values(trial_id, TrialState.COMPLETE, [0.0])


@contextmanager
def _still_mine() -> Iterator[None]:
    from optuna.exceptions import UpdateFinishedTrialError

    try:
        yield
    except UpdateFinishedTrialError as error:
        raise LostTurnError(LOST) from error
