"""Training that goes on where some of the candidates raise: theirs are the trials that fail, and no others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from traceback import format_exception
from typing import Final, TypeVar

from search.core.candidate import Candidate
from search.core.errors import UserError
from search.core.results import Results, empty_results, join

T = TypeVar("T")
LETTERS: Final = 4_000
SHARE: Final = 0.1  # of a study's trials may fail, or one of few


@dataclass
class Failures:
    """What has failed in a run of so many `wanted` trials; `others`: whether an error is none of a candidate's."""

    wanted: float
    others: Callable[[Exception], bool] = lambda error: False
    found: dict[Candidate, Exception] = field(default_factory=dict)

    @property
    def too_many(self) -> bool:
        """Whether it is the study that is wrong, and not a candidate."""
        return len(self.found) > max(1.0, SHARE * self.wanted)

    def train(self, train: Callable[[Mapping[Candidate, T]], Results], fresh: Mapping[Candidate, T]) -> Results:
        """The results of those that can be trained; a batch that raises is halved until it is known who does.

        What the user got wrong about the study is raised at once, and so is a failure when there are too many.
        """
        try:
            return train(fresh) if fresh else empty_results()
        except Exception as error:
            if isinstance(error, UserError) or self.others(error):
                raise
            if len(fresh) == 1:
                self.found.update(dict.fromkeys(fresh, error))
            if self.too_many:
                error.add_note(f"{len(self.found)} of {self.wanted} trials failed, more than {SHARE:.0%}")
                raise
        every = list(fresh.items())
        middle = len(every) // 2
        return (
            join([self.train(train, dict(half)) for half in (every[:middle], every[middle:])]) if middle else join([])
        )


def reason(error: Exception) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {error}"


def trace(error: Exception) -> str:
    """Where it was raised, as Python prints it: its end, where what was called last stands."""
    return "".join(format_exception(error))[-LETTERS:]
