"""A batch of candidates in training: chunk by chunk, round by round, epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Protocol
from warnings import warn

import numpy as np
import torch
from torch import Tensor

from search.core.arrays import Array
from search.core.errors import UserError
from search.core.means import candidate_means
from search.core.text import one_line
from search.training.assemble import Layout
from search.training.columns import Column, columns, refit_columns, remaining
from search.training.curve import Curve, is_shown
from search.training.evaluate import Block, Fitted, evaluated
from search.training.exact import solve
from search.training.memory import is_out_of_memory
from search.training.plan import Chunking, chunking, problems
from search.training.problem import Problem
from search.training.reporting import Report, Told, nobody
from search.training.stack import Stack
from search.training.threads import enough_threads

if TYPE_CHECKING:
    from search.settings import Settings


class Observer(Protocol):
    """Sees the validation losses while a batch trains, and may stop candidates: a pruner."""

    @property
    def per(self) -> Literal["epoch", "replicate"]:
        """When it looks: after every epoch, or after each replicate, which then train one after the other."""

    def __call__(self, step: int, losses: Mapping[int, float]) -> set[int]:
        """Candidates (their indices in the batch) to stop, from the validation losses of those still training."""


@dataclass
class Batch:
    """The candidates of one call in training; `pruned` are the indices of those that the observer stopped.

    The blocks hold the models themselves only with `keep_models`: those of a whole batch would fill the memory. So many
    batches are `sharing` the device: this one, and those that train beside it.
    """

    layout: Layout
    settings: Settings
    observer: Observer | None
    device: torch.device
    keep_models: bool = False
    report: Report = nobody
    sharing: int = 1
    pruned: set[int] = field(default_factory=set)

    def train(self, indices: Sequence[int]) -> Iterable[Block]:
        """Fit the candidates with these indices, which have one shape."""
        stacked = columns(self.settings, self.layout.candidates, indices)
        watched = None if self.observer is None else self.observer.per
        every, cut = self._measured(stacked, watched)
        with enough_threads(every, cut.fits):
            while stacked:
                try:
                    blocks = list(self._chunk(stacked[: cut.columns], every, cut.replicates))
                except (MemoryError, RuntimeError) as error:
                    if not is_out_of_memory(error):
                        raise
                    cut = self._less(cut, watched, error)
                    continue
                yield from blocks
                stacked = stacked[cut.columns :]

    def _measured(
        self, stacked: Sequence[Column], watched: Literal["epoch", "replicate"] | None
    ) -> tuple[list[Problem], Chunking]:
        """The problems, and how many of their fits train at once; measuring trains one of them for a step."""
        settings, first = self.settings, stacked[0].candidate
        metric = settings.search.metric_for(self.layout.task.kind)
        try:
            every = problems(self.layout.task, settings, first, metric, self.device)
            candidates = [column.candidate for column in stacked]
            return every, chunking(every, candidates, self.device, watched, self.sharing)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise self._too_large(error) from error

    def _less(self, cut: Chunking, watched: str | None, error: Exception) -> Chunking:
        """Go on with half as many fits at once: somebody else took memory that was free when they were counted."""
        less = cut.halved(together=watched == "epoch")
        if less is None:
            raise self._too_large(error) from error
        warn(f"out of memory with {cut.fits} fits at once: going on with {less.fits}", RuntimeWarning, stacklevel=2)
        return less

    def _too_large(self, error: Exception) -> UserError:
        return UserError(
            f"training: one fit does not fit into the memory that is left on {self.device} ({one_line(error)}); a "
            "smaller model or batch_size, or another --device, would"
        )

    def _chunk(self, stacked: list[Column], every: Sequence[Problem], at_once: int) -> Iterable[Block]:
        fit = self._solve if self.settings.training.optimizer == "exact" else self._descend
        epochs: dict[int, list[Array]] = {}
        told = Told(self.report, sum(len(column.stops) for column in stacked) * self.layout.fits)
        for problems_ in self._rounds(every, at_once):
            if self.settings.training.patience and problems_[0].positions[0] >= self.layout.replicates:
                stacked = refit_columns(stacked, epochs)
            if not stacked:
                break
            blocks = fit(stacked, problems_, told)
            for block in blocks:
                if block.positions[0] >= self.layout.replicates:
                    continue
                for row, index in enumerate(block.indices):
                    epochs.setdefault(index, []).append(block.epochs[row])
            yield from blocks if self.keep_models else (replace(block, fitted=None) for block in blocks)
            stacked = remaining(stacked, self._race(blocks) | self.pruned)
        told.end()

    def _rounds(self, every: Sequence[Problem], at_once: int) -> list[list[Problem]]:
        """Problems that train side by side: all, unless replicates race or memory does not allow it.

        With early stopping refits train after the replicates, which tell how long.
        """
        refits = [each for each in every if each.positions[0] >= self.layout.replicates]
        replicates = [each for each in every if each.positions[0] < self.layout.replicates]
        if self.observer is not None and self.observer.per == "replicate":
            single = sorted((piece for each in replicates for piece in each.pieces(1)), key=lambda one: one.positions)
            return [[piece] for piece in single] + [[piece] for each in refits for piece in each.pieces(at_once)]
        if self.observer is not None:
            apart = self.settings.training.patience > 0 and bool(refits)
            return [replicates, refits] if apart else [list(every)]
        return [[piece] for each in (*replicates, *refits) for piece in each.pieces(at_once)]

    def _race(self, blocks: Sequence[Block]) -> set[int]:
        """Show the observer the replicate that has just been trained; the candidates that it stops."""
        position = blocks[0].positions[0] if blocks else self.layout.replicates
        if self.observer is None or self.observer.per != "replicate" or position >= self.layout.replicates:
            return set()
        losses = {
            index: float(loss)
            for block in blocks
            for index, loss in zip(block.indices, candidate_means(block.validation), strict=True)
        }
        stopped = self.observer(position, losses)
        self.pruned |= stopped
        return stopped

    def _solve(self, stacked: list[Column], problems_: Sequence[Problem], told: Told) -> list[Block]:
        """The convex optimum of every fit of the round."""
        candidates = [each.candidate for each in stacked for _ in each.indices]
        indices = [index for each in stacked for index in each.indices]
        blocks = []
        for problem in problems_:
            x, y = problem.train.take(problem.split, slice(None))
            _refuse_not_finite(x, y)
            weight = problem.train.weights(problem.split, slice(None))
            solution = solve(x, y, problem.kind, candidates, outputs=problem.outputs, weight=weight, report=told)
            finite = solution.weight.isfinite().flatten(2).all(-1)
            epochs = torch.zeros_like(solution.converged, dtype=torch.int64)
            parameters = {"0.weight": solution.weight, "0.bias": solution.bias}
            fitted = Fitted(parameters, {}, ~finite, epochs, solution.converged, solution.error)
            blocks.append(evaluated(problem, indices, fitted, np.empty((2, *finite.mT.shape, 0))))
        return blocks

    def _descend(self, stacked: list[Column], problems_: Sequence[Problem], told: Told) -> list[Block]:
        """Train the round's fits epoch by epoch; a candidate is read, and a column leaves, where it stops.

        Losses between are those of a curve's points, or of every epoch where a pruner or patience asks for them. Where
        all stop, their models are evaluated anyway.
        """
        watched = self.settings.training.patience > 0 or self._watching() is not None
        stacks = [
            Stack(each, [column.candidate for column in stacked], [column.epochs for column in stacked])
            for each in problems_
        ]
        curves = [Curve(each, len(stacked), max(column.epochs for column in stacked)) for each in stacks]
        replicates = sum(len(each.positions) for each in problems_)
        blocks: list[Block] = []
        epoch = 0
        while stacked:
            epoch += 1
            for stack, curve in zip(stacks, curves, strict=True):
                stack.epoch(epoch - 1)
                if watched or (is_shown(epoch) and any(column.epochs > epoch for column in stacked)):
                    curve.note(epoch)
            stopped = self._stopped(stacked, curves, epoch)
            lost = [all(each) for each in zip(*(stack.out_of_patience() for stack in stacks), strict=True)]
            due = [
                [index for stop, index in column.stops if stop == epoch or index in stopped or out]
                for column, out in zip(stacked, lost, strict=True)
            ]
            blocks += _read(stacks, curves, due, epoch)
            told.epoch(stacked, due, epoch, replicates)
            if not any(due):
                continue
            left = [column.without(set(gone)) for column, gone in zip(stacked, due, strict=True)]
            kept = [place for place, column in enumerate(left) if column is not None]
            for stack, curve in zip(stacks, curves, strict=True):
                stack.keep(kept)
                curve.keep(kept)
            stacked = [column for column in left if column is not None]
        return blocks

    def _watching(self) -> Observer | None:
        """The observer, where it looks after every epoch."""
        return self.observer if self.observer is not None and self.observer.per == "epoch" else None

    def _stopped(self, stacked: Sequence[Column], curves: Sequence[Curve], epoch: int) -> set[int]:
        """The candidates that the observer stops after an epoch, by their means over replicates and held-out rows.

        Refits that train for themselves have no such rows: there is nothing to compare.
        """
        observer = self._watching()
        if observer is None:
            return set()
        held = [len(curve.stack.problem.validation) for curve in curves for _ in curve.stack.problem.positions]
        if not sum(held):
            return set()
        losses = np.concatenate([curve.values[1, curve.columns, :, epoch - 1] for curve in curves], axis=1)
        means = np.where(np.array(held) > 0, losses, 0.0) @ np.array(held) / sum(held)
        seen = {index: float(mean) for column, mean in zip(stacked, means, strict=True) for index in column.indices}
        stopped = observer(epoch, seen)
        self.pruned |= stopped
        return stopped


def _refuse_not_finite(x: Tensor, y: Tensor) -> None:
    """Nothing is solved from NaN or infinity; descent, which marks what it makes of them, has no such check.

    Loaded data hold none: these were put there by hand. x (R, n, p); y (R, n, K), or (R, n) int64.
    """
    for what, values in (("inputs", x), ("targets", y)):
        finite = values.isfinite()
        if not finite.all():
            broken = int((~finite).any(2).sum(1).max())
            raise UserError(
                f'training.optimizer: "exact" needs numbers, and {broken} of {values.shape[1]} rows have {what} with '
                "NaN or infinity; fill these in, or leave the rows out"
            )


def _read(stacks: Sequence[Stack], curves: Sequence[Curve], due: Sequence[Sequence[int]], epoch: int) -> list[Block]:
    """Evaluate the models whose candidates stop at this epoch: `due` lists the candidates' indices of each column."""
    pairs = [(place, index) for place, indices in enumerate(due) for index in indices]
    if not pairs:
        return []
    places, indices = [place for place, _ in pairs], [index for _, index in pairs]
    return [
        evaluated(stack.problem, indices, stack.fitted(places, epoch), curve.until(places, epoch))
        for stack, curve in zip(stacks, curves, strict=True)
    ]
