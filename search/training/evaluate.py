"""Fitted models evaluated: the loss of every row, and the other figures of a fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.core.arrays import Array, Flags
from search.data.loss import evaluation_loss
from search.models import Parameters
from search.training.problem import Part, Problem
from search.training.regulariser import grouped

# Evaluation takes so many output values at once, which a cache holds; larger parts are cut into blocks of rows.
EVALUATED_AT_ONCE = 2**20


@dataclass(frozen=True, eq=False)
class Fitted:
    """Models after their training: parameters (replicates, candidates, ...), and of each fit, (replicates, candidates),
    whether it has diverged, the epochs that it was trained for, and of an exact one whether it reached the solver's
    accuracy, and how far from its optimum it is at most.
    """

    parameters: Parameters
    buffers: Parameters
    diverged: Tensor
    epochs: Tensor
    converged: Tensor | None = None
    error: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Block:
    """Some candidates (their indices in the batch) on some replicates (their positions), evaluated.

    Figures of fits have shape (candidates, replicates). `validation` and `test` (candidates, replicates, rows) are the
    losses of the rows that stand at `validation_place` and `test_place` (replicates, rows) on the loss axes. `curves`
    (2, candidates, replicates, epochs) are training and validation loss after epochs, NaN where nobody looked.
    `weights` and `biases` are those of a linear model, else None; `optimality` is that of exact fits, else None.
    `fitted` are the models.
    """

    indices: tuple[int, ...]
    positions: tuple[int, ...]
    train_loss: Array
    weight_norm: Array
    nonzero: Array
    nonzero_groups: Array
    epochs: Array
    diverged: Flags
    converged: Flags
    optimality: Array | None
    validation: Array
    validation_place: NDArray[np.int64]
    test: Array
    test_place: NDArray[np.int64]
    curves: Array
    weights: Array | None
    biases: Array | None
    fitted: Fitted | None


@torch.no_grad()
def evaluate(problem: Problem, part: Part, parameters: Parameters, buffers: Parameters) -> Tensor:
    """The evaluation loss of every row times its weight, (replicates, candidates, rows), in blocks of rows."""
    replicates, candidates = next(iter(parameters.values())).shape[:2]
    size = max(1, EVALUATED_AT_ONCE // (replicates * candidates * problem.model.width))
    blocks = []
    for start in range(0, len(part), size):
        rows = slice(start, start + size)
        x, y = part.take(problem.splits, rows)
        output = problem.model.forward(parameters, buffers, x, None)
        own = y.repeat_interleave(replicates // len(y), 0)[:, None]
        losses = evaluation_loss(problem.metric, problem.kind, output, own)
        weight = part.weights(problem.split, rows)
        blocks.append(losses if weight is None else losses * weight[:, None])
    if len(blocks) == 1:
        return blocks[0]
    return torch.cat(blocks, -1) if blocks else problem.like.new_zeros(replicates, candidates, 0)


@torch.no_grad()
def evaluated(problem: Problem, indices: Sequence[int], fitted: Fitted, curves: Array) -> Block:
    """Evaluate fitted models on every part of their splits; `curves` end with their losses."""
    parameters, buffers = fitted.parameters, fitted.buffers
    training = evaluate(problem, problem.train, parameters, buffers).mean(-1)
    held_out, unseen = (evaluate(problem, part, parameters, buffers) for part in (problem.validation, problem.test))
    diverged = fitted.diverged | ~training.isfinite()
    if len(problem.validation):
        diverged |= ~held_out.mean(-1).isfinite()
    means = [by_candidate(mean.masked_fill(diverged, torch.inf)) for mean in (training, held_out.mean(-1))]
    validation, test = (_finite_or_infinite(losses, diverged) for losses in (held_out, unseen))
    weights = [parameters[name] for name in problem.model.penalised]
    norm, nonzero = _size(weights)
    converged = torch.ones_like(diverged) if fitted.converged is None else fitted.converged
    return Block(
        indices=tuple(indices),
        positions=problem.positions,
        train_loss=means[0],
        weight_norm=by_candidate(norm.masked_fill(diverged, torch.inf)),
        nonzero=by_candidate(nonzero),
        nonzero_groups=by_candidate(_groups_left(weights, units=problem.settings.model.group_by == "units")),
        epochs=by_candidate(fitted.epochs),
        diverged=by_candidate(diverged),
        converged=by_candidate(converged),
        optimality=None if fitted.error is None else by_candidate(fitted.error),
        validation=by_candidate(validation),
        validation_place=_places(problem.validation, problem.split),
        test=by_candidate(test),
        test_place=_places(problem.test, problem.split),
        curves=_ended(curves, means),
        weights=by_candidate(parameters["0.weight"]) if _linear(parameters) else None,
        biases=by_candidate(parameters["0.bias"]) if _linear(parameters) else None,
        fitted=fitted,
    )


def _ended(curves: Array, means: Sequence[Array]) -> Array:
    """The curves with the models' own losses at the end, unless the last epoch was looked at: patience kept others."""
    if curves.shape[-1]:
        last = curves[..., -1]
        curves[..., -1] = np.where(np.isnan(last), means, last)
    return curves


def by_candidate(values: Tensor) -> NDArray[Any]:
    """(replicates, candidates, ...) on any device as (candidates, replicates, ...) in numpy."""
    found: NDArray[Any] = values.detach().transpose(0, 1).cpu().numpy()
    return found


def _size(weights: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """The l2 norm of all weights, and the share that is not zero, each (replicates, candidates)."""
    # mps has no double precision.
    wide = torch.float32 if weights[0].device.type == "mps" else torch.float64
    square = torch.stack([weight.to(wide).square().flatten(2).sum(-1) for weight in weights]).sum(0)
    nonzero = torch.stack([(weight != 0).flatten(2).sum(-1) for weight in weights]).sum(0)
    return square.sqrt(), nonzero / sum(weight[0, 0].numel() for weight in weights)


def _groups_left(weights: Sequence[Tensor], *, units: bool) -> Tensor:
    """The share of all weights' groups, inputs or units, that are not zero as a whole, (replicates, candidates)."""
    left = [(grouped(weight, units=units) != 0).any(-2) for weight in weights]
    every = torch.cat(left, -1)
    return every.sum(-1) / every.shape[-1]


def _linear(parameters: Parameters) -> bool:
    return parameters.keys() == {"0.weight", "0.bias"} and parameters["0.weight"].ndim == 4


def _finite_or_infinite(losses: Tensor, diverged: Tensor) -> Tensor:
    """A diverged fit's losses, and any that are not finite, as infinity: a bad model, not a hole."""
    return losses.masked_fill(diverged[..., None] | ~losses.isfinite(), torch.inf)


def _places(part: Part, split: Tensor) -> NDArray[np.int64]:
    found: NDArray[np.int64] = part.place[split.cpu()].numpy()
    return found
