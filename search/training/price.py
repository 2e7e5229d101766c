"""About how long a training takes before it has begun, so that what is left of a run can be told in seconds.

The prices are seconds of one plain core, fitted by hand to timings of small and large problems. Only their ratios
matter: a run measures how much faster or slower it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, prod
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from search.core.candidate import Candidate
from search.core.results import Results
from search.models import make_model
from search.training.batch import Observer
from search.training.columns import columns, shapes
from search.training.devices import resolve_devices
from search.training.reporting import Report, nobody
from search.training.train import train

if TYPE_CHECKING:
    from search.data.task import Split, Task
    from search.settings import Settings

RATE: Final = {"cpu": 2e10}  # floating-point operations a second
FAST: Final = 3e12  # those of an accelerator
STEP, TENSOR = 3e-4, 1.5e-4  # seconds of a step, and more for each tensor of parameters, however few the fits
UPDATE: Final = 60  # operations on every parameter in a step, beside those on its rows
REUSE: Final = 20  # how often a weight is used on a row that is no vector: a picture, a sentence
SQUARED: Final = (4e-3, 8e-4, 2.5e-6)  # exact: seconds a candidate, and a fit, and times its parameters squared
CLASSES: Final = (3.6e-2, 8e-3, 1.6e-9)  # the last one times its rows too
UNPENALISED: Final = 2.0  # times as long: classes without a penalty have their optimum far away
PATH: Final = 0.65  # the power of their number: the denser the lambdas of classes, the nearer the next optimum
SMOOTH: Final = 0.1  # ridge regression is solved for all lambdas at once

Kind = Literal["steps", "exact"]


@dataclass(frozen=True, eq=False)
class Training:
    """A call of `train` that is ahead: what is trained, and on what."""

    task: Task
    settings: Settings
    candidates: Sequence[Candidate]

    def __call__(self, *, observer: Observer | None = None, report: Report = nobody) -> Results:
        """Train."""
        return train(self.task, self.settings, list(self.candidates), observer=observer, report=report)

    @property
    def fits(self) -> int:
        """How many fits it trains."""
        splits = len(self.task.splits) + len(self.task.refits)
        return len(self.candidates) * splits * self.settings.training.seeds

    @property
    def kind(self) -> Kind:
        """Whether it trains in steps or solves exactly."""
        return "exact" if self.settings.training.optimizer == "exact" else "steps"


class Size(NamedTuple):
    """A model: its parameters, the tensors that they are in, and how often a row uses each."""

    parameters: int
    tensors: int
    reuse: int


@dataclass
class Prices:
    """Prices of trainings; models are measured once."""

    _sizes: dict[tuple[object, ...], Size] = field(default_factory=dict)

    def seconds(self, training: Training) -> float:
        """About how long a training takes on one plain core."""
        if not training.candidates or not training.fits:
            return 0.0
        return self._exact(training) if training.kind == "exact" else self._steps(training)

    def _steps(self, training: Training) -> float:
        """Each shape of model and of data is a stack of its own."""
        settings, total = training.settings, 0.0
        for indices in shapes(settings, training.candidates):
            stacked = columns(settings, training.candidates, indices)
            first = training.candidates[indices[0]]
            epochs, devices = [column.epochs for column in stacked], _devices(settings, len(stacked))
            for (rows, held), count in _splits(training).items():
                size = self._size(training, first)
                fixed, each = self._epoch(settings, first, size, rows, held)
                total += max(epochs) * fixed + sum(epochs) * count * settings.training.seeds * each / devices
        return total

    def _epoch(self, settings: Settings, candidate: Candidate, size: Size, rows: int, held: int) -> tuple[float, float]:
        """Seconds of an epoch, however few the fits, and of each fit."""
        batch = int(settings.setting("batch_size", candidate)) or rows
        steps = ceil(rows / batch)
        rate = RATE.get(resolve_devices(settings.training)[0].type, FAST)
        seen = 6 * rows + 2 * (rows + held)  # forward and backward, then both losses
        operations = size.parameters * (seen * size.reuse + UPDATE * steps)
        return (steps + 1) * (STEP + TENSOR * size.tensors), operations / rate

    def _exact(self, training: Training) -> float:
        """Each candidate starts from the one before, for all replicates at once."""
        task, total = training.task, 0.0
        wide = prod(task.splits[0].train.sample.shape[1:] if task.splits else task.refits[0].train.sample.shape[1:])
        parameters = task.outputs * wide
        fixed, each, more = SQUARED if task.kind == "regression" else CLASSES
        for (rows, _), count in _splits(training).items():
            square = more * parameters**2 * (1 if task.kind == "regression" else rows)
            total += fixed + count * (each + square)
        counts = Counter(candidate.penalty for candidate in training.candidates)
        shares = sum(_share(task.kind, penalty, count) for penalty, count in counts.items())
        return total * shares / _devices(training.settings, len(training.candidates))

    def _size(self, training: Training, candidate: Candidate) -> Size:
        """What the model is made of."""
        settings, task = training.settings, training.task
        sample = (task.splits or task.refits)[0].train.sample
        key = (*sample.shape[1:], str(settings.setting("hidden", candidate)))
        if key not in self._sizes:
            model = make_model(settings, candidate, sample.shape[-1], task.outputs, sample)
            tensors = model.initial(0)[0].values()
            count, reuse = sum(each.numel() for each in tensors), REUSE if sample.ndim > 2 else 1
            self._sizes[key] = Size(count, len(tensors), reuse)
        return self._sizes[key]


def _splits(training: Training) -> Counter[tuple[int, int]]:
    """How many splits have so many rows that train, and are held out to validate."""

    def rows(split: Split) -> tuple[int, int]:
        return len(split.train), len(split.validation)

    return Counter(rows(split) for split in (*training.task.splits, *training.task.refits))


def _devices(settings: Settings, columns: int) -> int:
    """How many devices share so many columns."""
    return min(len(resolve_devices(settings.training)), columns)


def _share(kind: str, penalty: str, count: int) -> float:
    """How long the exact solutions of a penalty's candidates take, beside that of a single one with l1."""
    if kind == "regression":
        return count * (SMOOTH if penalty in {"none", "l2"} else 1.0)
    return UNPENALISED if penalty == "none" else count**PATH
