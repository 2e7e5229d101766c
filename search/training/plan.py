"""Which fits train together: replicates whose data have equal shapes, cut into what fits the memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np
import torch

from search.core.candidate import Candidate
from search.core.errors import UserError
from search.data.task import Split, Task
from search.models import make_model
from search.training.memory import peak_bytes, usable_bytes
from search.training.problem import Cast, Part, Problem
from search.training.stack import Stack

if TYPE_CHECKING:
    from search.settings import Settings


EXACT_COPIES: Final = 8
CACHE: Final = 2**24  # bytes that a core passes over faster than its memory (tests/benchmarks/README.md)
ENOUGH: Final = 64  # fits that share what Python takes for a step, however large they are


class Replicate(NamedTuple):
    """One (split, seed): which rows train and validate; which initialisation, row order and dropout masks.

    `seed` is the number that everything random in the fit is drawn from, the same for every candidate.
    """

    split: Split
    seed: int


def replicates(task: Task, settings: Settings) -> list[Replicate]:
    """The replicates of every candidate, and then its refits: each split (or refit) with each seed.

    A replicate's seed is drawn from (training.seed, draw, repeat, fold, seed number), so that it is its own and
    does not depend on how many others there are.
    """
    return [
        Replicate(split, _seed(settings.training.seed, split.draw, split.repeat, split.fold, number, refit))
        for refit, splits in ((False, task.splits), (True, task.refits))
        for split in splits
        for number in range(settings.training.seeds)
    ]


def _seed(*key: int) -> int:
    return int(np.random.SeedSequence([int(part) for part in key]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def problems(task: Task, settings: Settings, candidate: Candidate, metric: str, device: torch.device) -> list[Problem]:
    """All fits of candidates of this one's shape, grouped by the shapes of their data; refits follow the replicates."""
    every = replicates(task, settings)
    groups: dict[tuple[int, ...], list[int]] = {}
    for position, each in enumerate(every):
        split = each.split
        shape = (len(split.train), *split.train.sample.shape[1:], len(split.validation), len(split.test))
        groups.setdefault(shape, []).append(position)
    dtype = torch.float64 if settings.training.optimizer == "exact" else getattr(torch, settings.training.dtype)
    cast = Cast(device, dtype)
    return [
        _problem(task, settings, candidate, metric, [every[position] for position in group], tuple(group), cast)
        for group in groups.values()
    ]


def _problem(  # noqa: PLR0913, PLR0917 - all that a problem is made of
    task: Task,
    settings: Settings,
    candidate: Candidate,
    metric: str,
    members: Sequence[Replicate],
    positions: tuple[int, ...],
    cast: Cast,
) -> Problem:
    distinct = list(dict.fromkeys(each.split for each in members))
    sample = distinct[0].train.sample
    train, validation, test = (
        Part.from_rows([getattr(split, part) for split in distinct], cast) for part in ("train", "validation", "test")
    )
    return Problem(
        kind=task.kind,
        outputs=task.outputs,
        metric=metric,
        train=train,
        validation=validation,
        test=test,
        split=torch.tensor([distinct.index(each.split) for each in members], device=cast.device),
        seeds=torch.tensor([each.seed for each in members], device=cast.device),
        positions=positions,
        model=make_model(settings, candidate, sample.shape[-1], task.outputs, sample),
        batch_size=int(settings.setting("batch_size", candidate)),
        settings=settings,
    )


@dataclass(frozen=True)
class Chunking:
    """How many columns train at once, and how many replicates of each."""

    columns: int
    replicates: int

    @property
    def fits(self) -> int:
        """How many fits a step is for."""
        return self.columns * self.replicates

    def halved(self, *, together: bool) -> Chunking | None:
        """Half as much at once, None where there is no less; `together`: a column's replicates stay so."""
        if self.columns > 1:
            return replace(self, columns=self.columns // 2)
        return replace(self, replicates=self.replicates // 2) if self.replicates > 1 and not together else None


def chunking(
    problems: Sequence[Problem],
    candidates: Sequence[Candidate],
    device: torch.device,
    watched: Literal["epoch", "replicate"] | None = None,
    sharing: int = 1,
) -> Chunking:
    """Cut a batch by the measured bytes per fit: what trains at once fits the memory and, on a CPU, its cache.

    What an observer compares trains together: all candidates, and with `watched` "epoch" also their replicates, as far
    as memory goes. So many batches are `sharing` the device's memory.
    """
    kinds = {candidate.penalty: candidate for candidate in candidates}.values()
    per_fit = [max(_bytes_per_fit(each, kind) for kind in kinds) for each in problems]
    largest, total = max(per_fit), sum(len(each.positions) for each in problems)
    room = usable_bytes(device) // sharing
    if largest > room:
        raise UserError(
            f"training: one fit needs {largest / 2**30:.1f} GiB and {room / 2**30:.1f} GiB may be used on {device}; "
            "a smaller model or batch_size, or another --device, would fit"
        )
    if watched == "epoch":
        per_candidate = sum(size * len(each.positions) for size, each in zip(per_fit, problems, strict=True))
        if per_candidate > room:
            raise UserError(
                "search.pruner: one candidate's replicates do not fit into memory at once, so they cannot be compared "
                'epoch by epoch; use pruner = "wilcoxon", "none", fewer replicates or a smaller model'
            )
        return Chunking(room // per_candidate, total)
    if watched is None:
        room = min(room, _cached(problems[0], device, largest) or room)
    fits = room // largest
    columns = min(fits, len(candidates))
    return Chunking(columns, min(fits // columns, total))


def _cached(problem: Problem, device: torch.device, per_fit: int) -> int | None:
    """Bytes of the fits that train fastest side by side; None where more of them are no slower.

    An exact solver starts each candidate from the one before.
    """
    if device.type != "cpu" or problem.settings.training.optimizer == "exact":
        return None
    return torch.get_num_threads() * max(CACHE, ENOUGH * per_fit)


def _bytes_per_fit(problem: Problem, candidate: Candidate) -> int:
    """Peak bytes of one update, for the third of three candidates: what they share hides less of it.

    (Evaluation is cut into blocks of its own.)

    The exact solvers cut their work themselves; a fit of theirs is its weights and some copies.
    """
    if problem.settings.training.optimizer == "exact":
        return EXACT_COPIES * 8 * problem.outputs * int(problem.train.x.shape[2])
    one = next(problem.pieces(1))
    small = replace(one, train=one.train.first_rows(one.batch_size * problem.settings.training.accumulate))

    def run(count: int) -> int:
        return peak_bytes(lambda: Stack(small, [candidate] * count, [1] * count).epoch(0))

    return max(1, run(3) - run(2))
