"""One searched parameter: the only place with Optuna's distributions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from search.core.candidate import Value
from search.settings import Range, Searchable, Setting, as_value

if TYPE_CHECKING:
    from optuna import Trial


@dataclass(frozen=True, slots=True)
class Dimension:
    """A parameter over a range, sampled by the logarithm where `log`, or over a list of values."""

    name: str
    over: Range | tuple[Value, ...]
    log: bool = False
    integer: bool = False

    @classmethod
    def from_setting(cls, setting: Setting, over: Searchable) -> Dimension:
        """The dimension of a searchable setting."""
        values = over if isinstance(over, Range) else tuple(map(as_value, over))
        return cls(setting.name, values, setting.searched.log, setting.integer)

    def suggest(self, trial: Trial) -> Value:
        """The trial's value."""
        over = self.over
        if not isinstance(over, Range):
            return _plain(trial.suggest_categorical(self.name, list(over)))
        if self.integer:
            return trial.suggest_int(self.name, int(over.low), int(over.high), log=self.log)
        return trial.suggest_float(self.name, over.low, over.high, log=self.log)

    def points(self, count: int) -> list[Value]:
        """Values of a grid: evenly spaced in a range, ends included; all of a list."""
        if not isinstance(self.over, Range):
            return list(self.over)
        low, high = self.over.low, self.over.high
        spaced = np.geomspace(low, high, count) if self.log else np.linspace(low, high, count)
        # Clipped, because the ends may miss their numbers by a rounding error.
        found = spaced.clip(low, high).tolist()
        return list(dict.fromkeys(map(round, found))) if self.integer else found

    def inner_points(self, count: int) -> list[Value]:
        """The same without the ends of a range."""
        return self.points(count + 2)[1:-1] if isinstance(self.over, Range) else list(self.over)

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the largest value of numbers."""
        if isinstance(self.over, Range):
            return self.over.low, self.over.high
        numbers = [float(value) for value in self.over]
        return min(numbers), max(numbers)

    def holds(self, value: Any) -> bool:  # noqa: ANN401 - a candidate's value, or None
        """Whether a candidate may have this value."""
        if value is None:
            return False
        return self.over.low <= value <= self.over.high if isinstance(self.over, Range) else value in self.over


def _plain(value: Any) -> Value:  # noqa: ANN401 - what Optuna's categories may be
    found: Value = value
    return found
