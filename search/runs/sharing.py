"""Work that the workers of a study share out: each task is done by one of them, and all wait until all is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from search.ledger import Worker

PAUSE: Final = 0.5  # seconds until a worker looks again what others have done

Stop = Callable[[], bool]


def never() -> bool:
    """Nobody stops it."""
    return False


def share(
    worker: Worker, tasks: Sequence[str], left: Callable[[], Collection[str]], do: Callable[[str], None], stop: Stop
) -> None:
    """Do the tasks that nobody does, in their order, until none is left; `stop` is asked before each.

    `left` gives the names of tasks that are not done. A task whose worker is gone is taken over.
    """
    while (open_ := left()) and not stop():
        mine = next((task for task in tasks if task in open_ and worker.claim(task)), None)
        if mine is None:
            time.sleep(PAUSE)
            continue
        try:
            if mine in left():  # another may have done it before it was claimed
                do(mine)
        finally:
            worker.release(mine)
