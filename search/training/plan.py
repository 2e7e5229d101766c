"""Which fits train together: replicates whose data have equal shapes, cut into what fits the memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from search.data.task import Split, Task
from search.models import make_model
from search.records import Candidate, Replicate, UserError
from search.training.memory import peak_bytes, usable_bytes
from search.training.stack import Part, Problem, Stack

if TYPE_CHECKING:
    from search.settings import Settings


@dataclass(frozen=True, eq=False)
class Fits:
    """Replicates of equal shape, as a problem; `positions` are their indices among all fits of a candidate."""

    problem: Problem
    positions: tuple[int, ...]

    def take(self, count: int) -> Iterator[Fits]:
        """The same fits in pieces of at most `count` replicates."""
        for start in range(0, len(self.positions), count):
            problem = self.problem
            part = slice(start, start + count)
            used, split = torch.unique(problem.split[part], return_inverse=True)
            yield Fits(
                replace(
                    problem,
                    train=_splits(problem.train, used),
                    validation=_splits(problem.validation, used),
                    test=_splits(problem.test, used),
                    split=split,
                    seeds=problem.seeds[part],
                ),
                self.positions[part],
            )


def replicates(task: Task, settings: Settings) -> tuple[list[Replicate], list[Replicate]]:
    """The replicates of every candidate, and the refits: each split (or refit) with each seed.

    A replicate's seed is drawn from (training.seed, draw, repeat, fold, seed number), so that it is its own and
    does not depend on how many others there are.
    """

    def of(splits: Sequence[Split], *, refit: bool) -> list[Replicate]:
        return [
            Replicate(index, _seed(settings.training.seed, split.draw, split.repeat, split.fold, number, refit))
            for index, split in enumerate(splits)
            for number in range(settings.training.seeds)
        ]

    return of(task.splits, refit=False), of(task.refits, refit=True)


def _seed(*key: int) -> int:
    return int(np.random.SeedSequence([int(part) for part in key]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def plan(task: Task, settings: Settings, metric: str, device: torch.device) -> list[Fits]:
    """All fits of a candidate, grouped by the shapes of their data; refits' positions follow the replicates'."""
    ordinary, refits = replicates(task, settings)
    splits = [task.splits[each.split] for each in ordinary] + [task.refits[each.split] for each in refits]
    seeds = [each.seed for each in (*ordinary, *refits)]
    groups: dict[tuple[int, ...], list[int]] = {}
    for position, split in enumerate(splits):
        shape = (*split.train.x.shape, len(split.validation), len(split.test))
        groups.setdefault(shape, []).append(position)
    return [
        Fits(
            _problem(task, settings, metric, [splits[i] for i in group], [seeds[i] for i in group], device),
            tuple(group),
        )
        for group in groups.values()
    ]


def _problem(
    task: Task, settings: Settings, metric: str, splits: Sequence[Split], seeds: Sequence[int], device: torch.device
) -> Problem:
    distinct = list(dict.fromkeys(splits))
    dtype = torch.float64 if settings.training.optimizer == "exact" else getattr(torch, settings.training.dtype)
    train, validation, test = (
        Part.of([getattr(split, part) for split in distinct], device, dtype) for part in ("train", "validation", "test")
    )
    return Problem(
        task.kind,
        task.outputs,
        metric,
        train,
        validation,
        test,
        torch.tensor([distinct.index(split) for split in splits], device=device),
        torch.tensor(seeds, device=device),
        make_model(settings.model, train.x.shape[-1], task.outputs),
        settings.training,
    )


def _splits(part: Part, used: Tensor) -> Part:
    """The splits that a piece uses: neighbours, as replicates are ordered by split, so that views will do."""
    own = slice(int(used[0]), int(used[-1]) + 1)
    return Part(part.x[own], part.y[own], part.place[own])


@dataclass(frozen=True)
class Chunking:
    """How many candidates train at once, and how many replicates of each."""

    candidates: int
    replicates: int


def chunking(fits: Sequence[Fits], candidates: Sequence[Candidate], device: torch.device) -> Chunking:
    """Cut a batch by the measured bytes per fit: first between candidates, then between one candidate's replicates."""
    room = usable_bytes(device)
    kinds = {candidate.penalty: candidate for candidate in candidates}.values()
    per_fit = [max(_bytes_per_fit(each, kind) for kind in kinds) for each in fits]
    per_candidate = sum(size * len(each.positions) for size, each in zip(per_fit, fits, strict=True))
    if per_candidate <= room:
        return Chunking(max(1, int(room // max(1, per_candidate))), sum(len(each.positions) for each in fits))
    largest = max(per_fit)
    if largest > room:
        raise UserError(
            f"training: one fit needs {largest / 2**30:.1f} GiB and {room / 2**30:.1f} GiB may be used on {device}; "
            "a smaller model or batch_size, or another --device, would fit"
        )
    return Chunking(1, int(room // largest))


def _bytes_per_fit(fits: Fits, candidate: Candidate) -> int:
    """Peak bytes of one update, for the second of two candidates. (Evaluation is cut into blocks of its own.)"""
    one = next(iter(fits.take(1)))
    problem = one.problem
    small = replace(problem, train=_first_rows(problem.train, problem.training.batch_size))

    def run(count: int) -> int:
        return peak_bytes(lambda: Stack(small, [candidate] * count).epoch(0))

    return max(1, run(2) - run(1))


def _first_rows(part: Part, count: int) -> Part:
    """The first `count` rows, or all for 0."""
    rows = slice(count or None)
    return Part(part.x[:, rows], part.y[:, rows], part.place[:, rows])
