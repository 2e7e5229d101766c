"""A stack: the fits of some replicates and some candidates, trained as one model with two leading axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from search.core.candidate import Candidate
from search.data.loss import own_loss, training_slope
from search.models import Gradients, Parameters, PerCandidate, TrainingStep, dense
from search.models.randomness import permutations
from search.training.evaluate import Fitted, evaluate
from search.training.optimizer import OPTIMIZERS, Step, clipped
from search.training.problem import Problem
from search.training.regulariser import PenaltyGroup, add_gradient, penalty_groups
from search.training.schedule import schedule_factor


@dataclass(eq=False)
class BestEpoch:
    """The state of every fit after its best epoch so far, for early stopping.

    `loss`, `epoch` (counted from 1) and `idle`, the epochs since then, have shape (replicates, candidates).
    """

    loss: Tensor
    epoch: Tensor
    idle: Tensor
    parameters: Parameters
    buffers: Parameters


class Stack:
    """Fits in training. Parameters have shape (replicates, candidates, ...); candidates are ordered by penalty.

    No operation mixes two fits, so one that diverges stays alone with its NaN. `epochs` (candidates,) are the lengths
    of their trainings, which a schedule depends on.
    """

    def __init__(self, problem: Problem, candidates: Sequence[Candidate], epochs: Sequence[int]) -> None:
        like = problem.like
        starts = [problem.model.initial(int(seed)) for seed in problem.seeds]
        self.problem = problem
        self.optimizer = OPTIMIZERS[problem.settings.training.optimizer]
        self.diverged = torch.zeros(len(starts), len(candidates), dtype=torch.bool, device=like.device)
        self.steps = self.minibatches = 0
        self._enter(candidates, epochs)
        self.parameters = problem.model.scaled(
            _stacked([start[0] for start in starts], len(candidates), like), self.settings
        )
        self.buffers = _stacked([start[1] for start in starts], len(candidates), like)
        self.moments = self.optimizer.start(self.parameters, self.settings)
        self.best = self._first_best() if problem.settings.training.patience and len(problem.validation) else None

    def _enter(self, candidates: Sequence[Candidate], epochs: Sequence[int]) -> None:
        """Who is in the stack, and what differs between them."""
        like = self.problem.like
        self.candidates, self.epochs = tuple(candidates), tuple(epochs)
        self.settings = PerCandidate(self.problem.settings, candidates, like)
        units = self.problem.settings.model.group_by == "units"
        self.groups: list[PenaltyGroup] = penalty_groups(candidates, like, self.problem.strengths, units=units)
        self.total_steps: float | Tensor = float(epochs[0] * self.problem.steps_per_epoch) if epochs else 1.0
        if len(set(epochs)) > 1:
            self.total_steps = like.new_tensor(self.epochs) * self.problem.steps_per_epoch

    def epoch(self, number: int) -> None:
        """One pass over the training rows of every replicate, in the replicate's own order of this epoch."""
        accumulate = self.problem.settings.training.accumulate
        order = permutations(self.problem.seeds, number, len(self.problem.train))
        minibatches = torch.split(order, self.problem.minibatch, dim=1)
        for start in range(0, len(minibatches), accumulate):
            self._update(minibatches[start : start + accumulate])

    def _update(self, minibatches: Sequence[Tensor]) -> None:
        training = self.problem.settings.training
        factor = schedule_factor(training, self.steps, self.total_steps)
        self.steps += 1
        step = Step(self.steps, self.settings, factor)
        gradients = self._accumulated(minibatches)
        chosen = self.problem.model.penalised
        weights = {name: self.parameters[name] for name in chosen if name in gradients}
        rates = {name: step.lr(weight.ndim) for name, weight in weights.items()}
        # Without moments the smooth part's gradient is a decay before the step, and no product is multiplied out.
        if training.apply == "decoupled" or (training.apply == "proximal" and not self.moments):
            for group in self.groups:
                for name, weight in weights.items():
                    group.decay(name, weight, rates[name])
        else:
            whole = {name: dense(each) for name, each in gradients.items()}
            add_gradient(self.groups, weights, whole, smooth_only=training.apply == "proximal")
            gradients = whole
        self.optimizer.update(self.parameters, gradients, self.moments, step)
        if training.apply == "proximal":
            rates = {name: self.optimizer.reach(name, each.ndim, self.moments, step) for name, each in weights.items()}
        if training.apply != "loss":
            for group in self.groups:
                for name, weight in weights.items():
                    group.prox(name, weight, rates[name])

    def _accumulated(self, minibatches: Sequence[Tensor]) -> Gradients:
        """The gradient that a step follows: over its minibatches, each the rows (replicates, rows), then clipped."""
        training = self.problem.settings.training
        if training.accumulate == 1 and not training.clip_norm:
            return self._gradients(minibatches[0])
        total: Parameters = {}
        for rows in minibatches:
            for name, each in self._gradients(rows).items():
                total[name] = total[name] + dense(each) if name in total else dense(each)
        total = {name: each / training.accumulate for name, each in total.items()}
        return clipped(total, training.clip_norm) if training.clip_norm else total

    def _gradients(self, rows: Tensor) -> Gradients:
        """The gradient of the loss of `rows` (replicates, rows) for every parameter that the outputs depend on."""
        self.minibatches += 1
        problem = self.problem
        x, y = problem.train.take(problem.split, rows)
        weight = problem.train.weights(problem.split, rows)
        step = TrainingStep(problem.seeds, self.minibatches, self.settings)
        with problem.autocast():
            forward = problem.model.training_pass(self.parameters, self.buffers, x, step)
        slope = self._slope(forward.output.to(problem.like.dtype), y).div_(rows.shape[1])
        return forward.gradients(slope if weight is None else slope.mul_(weight[:, None, :, None]))

    def _slope(self, output: Tensor, y: Tensor) -> Tensor:
        """The slope of every row's training loss in the outputs (replicates, candidates, rows, outputs)."""
        own = self.problem.settings.training.loss
        if own == "default":
            return training_slope(self.problem.kind, output, y[:, None], self.settings("label_smoothing", 4))
        losses = own_loss(own, output.requires_grad_(), y)
        return torch.autograd.grad(losses.sum(), output)[0]

    def losses(self) -> tuple[Tensor, Tensor]:
        """Mean training and validation loss of every fit, each (replicates, candidates); marks who has diverged."""
        problem = self.problem
        train, validation = (
            evaluate(problem, part, self.parameters, self.buffers).mean(-1)
            for part in (problem.train, problem.validation)
        )
        self.diverged |= ~train.isfinite()
        if len(problem.validation):
            self.diverged |= ~validation.isfinite()
        return train.masked_fill(self.diverged, torch.inf), validation.masked_fill(self.diverged, torch.inf)

    # Early stopping

    def _first_best(self) -> BestEpoch:
        shape, like = self.diverged.shape, self.problem.like
        zero = torch.zeros(shape, dtype=torch.int64, device=like.device)
        copies = [{name: value.clone() for name, value in each.items()} for each in (self.parameters, self.buffers)]
        return BestEpoch(like.new_full(shape, torch.inf), zero, zero.clone(), copies[0], copies[1])

    def note_best(self, validation: Tensor, epoch: int) -> None:
        """Keep every fit whose validation loss (replicates, candidates) is lower than ever after `epoch`."""
        best = self.best
        if best is None:
            return
        better = validation < best.loss
        better |= best.epoch == 0  # a fit that diverged at once keeps its first epoch
        best.loss = torch.where(better, validation, best.loss)
        best.epoch = best.epoch.masked_fill(better, epoch)
        best.idle = (best.idle + 1).masked_fill(better, 0)
        for kept, now in ((best.parameters, self.parameters), (best.buffers, self.buffers)):
            for name, value in now.items():
                kept[name] = torch.where(better.reshape(*better.shape, *[1] * (value.ndim - 2)), value, kept[name])

    def out_of_patience(self) -> list[bool]:
        """Which candidates' fits have all gone without a better epoch for as long as their patience lasts."""
        if self.best is None:
            return [False] * len(self.candidates)
        found: list[bool] = (self.best.idle >= self.problem.settings.training.patience).all(0).tolist()
        return found

    # Leaving

    def fitted(self, columns: Sequence[int], epoch: int) -> Fitted:
        """The models of some candidates, by their index in the stack, after `epoch`; with patience the best ones."""
        index = self._index(columns)
        best = self.best
        parameters, buffers = (self.parameters, self.buffers) if best is None else (best.parameters, best.buffers)
        epochs = torch.full_like(self.diverged, epoch, dtype=torch.int64) if best is None else best.epoch
        diverged = self.diverged if best is None else ~best.loss.isfinite()
        return Fitted(_columns(parameters, index), _columns(buffers, index), diverged[:, index], epochs[:, index])

    def keep(self, columns: Sequence[int]) -> None:
        """Let all candidates but these, given by their index in the stack, leave it."""
        if len(columns) == len(self.candidates):
            return
        index = self._index(columns)
        self.parameters, self.buffers = _columns(self.parameters, index), _columns(self.buffers, index)
        self.moments = {name: _columns(each, index) for name, each in self.moments.items()}
        self.diverged = self.diverged[:, index]
        if (best := self.best) is not None:
            self.best = BestEpoch(
                best.loss[:, index],
                best.epoch[:, index],
                best.idle[:, index],
                _columns(best.parameters, index),
                _columns(best.buffers, index),
            )
        self._enter([self.candidates[i] for i in columns], [self.epochs[i] for i in columns])

    def _index(self, columns: Sequence[int]) -> Tensor:
        return torch.tensor(list(columns), device=self.diverged.device, dtype=torch.int64)


def _columns(stacked: Mapping[str, Tensor], index: Tensor) -> Parameters:
    return {name: value.detach()[:, index] for name, value in stacked.items()}


def _stacked(starts: Sequence[Parameters], candidates: int, like: Tensor) -> Parameters:
    """One start a replicate, repeated for its candidates: (replicates, candidates, ...)."""
    stacked = {}
    for name in starts[0]:
        value = torch.stack([start[name] for start in starts])[:, None]
        value = value.to(like.device, _dtype(value, like))
        stacked[name] = value.repeat(1, candidates, *[1] * (value.ndim - 2)).contiguous()
    return stacked


def _dtype(value: Tensor, like: Tensor) -> Any:  # noqa: ANN401 - torch's dtype
    return like.dtype if value.is_floating_point() else value.dtype
