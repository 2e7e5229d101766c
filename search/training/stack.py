"""A stack: the fits of some replicates and some candidates, trained as one model with two leading axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from search.data.loss import evaluation_loss, training_loss
from search.data.task import Kind, Rows
from search.models import Model, Noise, Parameters, penalised
from search.randomness import permutations
from search.records import Candidate
from search.training.optimizer import make_optimizer, proximal_steps, without_candidates
from search.training.regulariser import Share, add_gradient, decay_step, prox_step, shares

if TYPE_CHECKING:
    from search.settings import Training

# Evaluation takes so many output values at once; larger parts are cut into blocks of rows.
EVALUATED_AT_ONCE = 2**22


@dataclass(frozen=True, eq=False)
class Part:
    """The same part (training, validation or test) of several splits with equal shapes.

    `x` (splits, rows, features), `y` (splits, rows, ...); `place` (splits, rows) on the loss axis, on the CPU.
    """

    x: Tensor
    y: Tensor
    place: Tensor

    @classmethod
    def of(cls, rows: Sequence[Rows], device: torch.device, dtype: torch.dtype) -> Part:
        """Stack the parts; targets that are numbers take the dtype too."""
        y = torch.stack([part.y for part in rows])
        return cls(
            torch.stack([part.x for part in rows]).to(device, dtype),
            y.to(device, dtype if y.is_floating_point() else y.dtype),
            torch.stack([part.place for part in rows]),
        )


@dataclass(frozen=True, eq=False)
class Problem:
    """What the fits of a stack have in common: the data of their splits, which split each replicate uses, the model.

    `split` (replicates,) indexes the parts' first axis; `seeds` (replicates,) int64.
    """

    kind: Kind
    outputs: int
    metric: str
    train: Part
    validation: Part
    test: Part
    split: Tensor
    seeds: Tensor
    model: Model
    training: Training


@dataclass(frozen=True, eq=False)
class Columns:
    """The state of some candidates of a stack: parameters, buffers, and which fits have diverged."""

    parameters: Parameters
    buffers: Parameters
    diverged: Tensor


class Stack:
    """Fits in training. Parameters have shape (replicates, candidates, ...); candidates are ordered by penalty.

    No operation mixes two fits, so one that diverges stays alone with its NaN.
    """

    def __init__(self, problem: Problem, candidates: Sequence[Candidate]) -> None:
        self.problem = problem
        self.candidates = tuple(candidates)
        self.step = 0
        like = problem.train.x
        starts = [problem.model.initial(int(seed)) for seed in problem.seeds]
        self.parameters = _stacked([start[0] for start in starts], len(candidates), like)
        self.buffers = _stacked([start[1] for start in starts], len(candidates), like)
        for value in self.parameters.values():
            value.requires_grad_()
        self.optimizer = make_optimizer(problem.training, list(self.parameters.values()))
        self.shares: list[Share] = shares(self.candidates, like)
        self.diverged = torch.zeros(len(starts), len(candidates), dtype=torch.bool, device=like.device)

    @property
    def weights(self) -> list[Tensor]:
        """The stacked parameters that the penalty acts on."""
        return [self.parameters[name] for name in penalised(self.parameters)]

    def epoch(self, number: int) -> None:
        """One pass over the training rows of every replicate, in the replicate's own order of this epoch."""
        train, settings = self.problem.train, self.problem.training
        count = train.x.shape[1]
        size = settings.batch_size or count
        order = permutations(self.problem.seeds, number, count)
        for start in range(0, count, size):
            rows = order[:, start : start + size]
            split = self.problem.split[:, None]
            self._update(train.x[split, rows], train.y[split, rows])

    def _update(self, x: Tensor, y: Tensor) -> None:
        settings = self.problem.training
        self.step += 1
        output = self.problem.model.forward(self.parameters, self.buffers, x, Noise(self.problem.seeds, self.step))
        objective = training_loss(self.problem.kind, output, y[:, None]).mean(-1).sum()
        self.optimizer.zero_grad()
        objective.backward()  # type: ignore[no-untyped-call]
        if settings.apply == "decoupled":
            decay_step(self.shares, self.weights, settings.lr)
        else:
            add_gradient(self.shares, self.weights, smooth_only=settings.apply == "proximal")
        self.optimizer.step()
        if settings.apply != "loss":
            prox_step(self.shares, self.weights, proximal_steps(self.optimizer, self.weights, settings))

    def mean_losses(self) -> tuple[Tensor, Tensor]:
        """Mean training and validation loss of every fit, each (replicates, candidates); marks who has diverged."""
        problem = self.problem
        train, validation = (
            evaluate(problem, part, self.parameters, self.buffers).mean(-1)
            for part in (problem.train, problem.validation)
        )
        self.diverged |= ~train.isfinite()
        if problem.validation.x.shape[1]:
            self.diverged |= ~validation.isfinite()
        return train.masked_fill(self.diverged, torch.inf), validation.masked_fill(self.diverged, torch.inf)

    def columns(self, which: Sequence[int]) -> Columns:
        """The state of these candidates, given by their index in the stack."""
        index = torch.tensor(list(which), device=self.diverged.device, dtype=torch.int64)
        return Columns(
            {name: value.detach()[:, index] for name, value in self.parameters.items()},
            {name: value[:, index] for name, value in self.buffers.items()},
            self.diverged[:, index],
        )

    def keep(self, which: Sequence[int]) -> None:
        """Let all candidates but these, given by their index in the stack, leave it."""
        kept = self.columns(which)
        index = torch.tensor(list(which), device=self.diverged.device, dtype=torch.int64)
        pairs = {value: kept.parameters[name].requires_grad_() for name, value in self.parameters.items()}
        self.optimizer = without_candidates(self.optimizer, pairs, index, self.problem.training)
        self.parameters, self.buffers, self.diverged = kept.parameters, kept.buffers, kept.diverged
        self.candidates = tuple(self.candidates[i] for i in which)
        self.shares = shares(self.candidates, self.problem.train.x)


@torch.no_grad()
def evaluate(problem: Problem, part: Part, parameters: Parameters, buffers: Parameters) -> Tensor:
    """The evaluation loss of every row, (replicates, candidates, rows), in blocks of rows that fit the memory."""
    replicates, candidates = next(iter(parameters.values())).shape[:2]
    width = max((value.shape[2] for value in parameters.values() if value.ndim > 2), default=1)
    size = max(1, EVALUATED_AT_ONCE // (replicates * candidates * width))
    blocks = []
    for start in range(0, part.x.shape[1], size):
        rows = slice(start, start + size)
        x, y = per_replicate(part.x[:, rows], problem.split), per_replicate(part.y[:, rows], problem.split)
        output = problem.model.forward(parameters, buffers, x, None)
        blocks.append(evaluation_loss(problem.metric, problem.kind, output, y[:, None]))
    return torch.cat(blocks, -1) if blocks else part.x.new_zeros(replicates, candidates, 0)


def per_replicate(values: Tensor, split: Tensor) -> Tensor:
    """Rows of every replicate's split; the splits themselves where each has one replicate, without a copy."""
    return values if len(values) == len(split) else values[split]


def _stacked(starts: Sequence[Parameters], candidates: int, like: Tensor) -> Parameters:
    """One start a replicate, repeated for its candidates: (replicates, candidates, ...)."""
    stacked = {}
    for name in starts[0]:
        value = torch.stack([start[name] for start in starts])[:, None]
        value = value.to(like.device, like.dtype if value.is_floating_point() else value.dtype)
        stacked[name] = value.repeat(1, candidates, *[1] * (value.ndim - 2)).contiguous()
    return stacked
