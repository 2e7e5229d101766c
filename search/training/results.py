"""What the fits of a batch gave, gathered from the stacks that trained them, and handed out one candidate at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.data.task import Task
from search.models import Parameters, penalised
from search.records import Array, Candidate, Losses, Outcome
from search.training.plan import Fits
from search.training.stack import Part, evaluate


@dataclass
class Results:
    """Arrays over (candidate, fit, ...); a candidate's replicates come first, its refits after them."""

    candidates: Sequence[Candidate]
    replicates: int
    refits: int
    held_out: NDArray[np.int64]
    validation: Array
    test: Array
    curves: Array
    summary: dict[str, Array]
    flags: dict[str, NDArray[np.bool_]]
    linear: bool
    weights: Array | None = None
    biases: Array | None = None
    pruned_after: dict[int, int] = field(default_factory=dict)

    @classmethod
    def empty(cls, task: Task, candidates: Sequence[Candidate], seeds: int, epochs: int, dtype: str) -> Results:
        """Room for every candidate's fits, `seeds` of each split and refit: NaN until a stack writes."""
        replicates, refits, count = len(task.splits) * seeds, len(task.refits) * seeds, len(candidates)
        every = replicates + refits
        return cls(
            candidates,
            replicates,
            refits,
            np.repeat([len(split.validation) for split in task.splits], seeds),
            np.full((count, replicates, task.validation_rows), np.nan, dtype),
            np.full((count, refits or replicates, task.test_rows), np.nan, dtype),
            np.full((2, count, every, epochs), np.nan),
            {name: np.full((count, every), np.nan) for name in ("train_loss", "weight_norm", "nonzero")},
            {"diverged": np.zeros((count, every), bool), "converged": np.ones((count, every), bool)},
            task.same_columns and len({split.train.x.shape[1] for split in (*task.splits, *task.refits)}) == 1,
        )

    def outcome(self, index: int, seconds: float) -> Outcome:
        """One candidate's outcome; of a pruned one the losses at the epoch where it left."""
        own = slice(0, self.replicates)
        epochs = self.pruned_after.get(index, self.epochs)
        train_curve, validation_curve = self.curves[:, index, own, :epochs]
        return Outcome(
            candidate=self.candidates[index],
            losses=Losses(self.validation[index], self.test[index] if self.test.size else None),
            train_loss=self.summary["train_loss"][index, own],
            weight_norm=self.summary["weight_norm"][index, own],
            nonzero=self.summary["nonzero"][index, own],
            diverged=self.flags["diverged"][index, own],
            converged=self.flags["converged"][index, own],
            train_curve=train_curve,
            validation_curve=validation_curve,
            weights=None if self.weights is None else self.weights[index],
            biases=None if self.biases is None else self.biases[index],
            epochs=epochs,
            seconds=seconds,
            pruned=index in self.pruned_after,
        )

    @property
    def epochs(self) -> int:
        """Epochs of a full training, 0 for the exact solver."""
        return int(self.curves.shape[-1])

    def note(self, fits: Fits, indices: Sequence[int], epoch: int, means: tuple[Tensor, Tensor]) -> None:
        """Note the training and validation loss of every fit after an epoch, each (replicates, candidates)."""
        for curve, mean in zip(self.curves, means, strict=True):
            curve[(*np.ix_(indices, fits.positions), epoch)] = _by_candidate(mean)

    def validation_after(self, indices: Sequence[int], epoch: int) -> dict[int, float]:
        """Each candidate's validation loss after an epoch: the mean over replicates and the rows they held out."""
        curves = self.curves[1, indices, : self.replicates, epoch]
        losses = (curves * self.held_out).sum(-1) / self.held_out.sum()
        return dict(zip(indices, losses.tolist(), strict=True))

    @torch.no_grad()
    def write(
        self, fits: Fits, indices: Sequence[int], parameters: Parameters, buffers: Parameters, diverged: Tensor
    ) -> None:
        """Evaluate fitted models on every part and note the result; `indices` are the stack's candidates'."""
        problem, positions = fits.problem, list(fits.positions)
        cells = np.ix_(indices, positions)
        training = evaluate(problem, problem.train, parameters, buffers).mean(-1)
        diverged = diverged | ~training.isfinite()
        self.flags["diverged"][cells] = _by_candidate(diverged)
        self.summary["train_loss"][cells] = _by_candidate(training.masked_fill(diverged, torch.inf))
        self._write_losses(fits, indices, parameters, buffers, diverged)
        self._write_weights(indices, positions, parameters, diverged)

    def _write_losses(
        self, fits: Fits, indices: Sequence[int], parameters: Parameters, buffers: Parameters, diverged: Tensor
    ) -> None:
        problem = fits.problem
        offset = self.replicates if self.refits else 0
        for part, target, shift in ((problem.validation, self.validation, 0), (problem.test, self.test, offset)):
            if not part.x.shape[1]:
                continue
            losses = _finite_or_infinite(evaluate(problem, part, parameters, buffers), diverged)
            for row, position in enumerate(fits.positions):
                place = _place(part, int(problem.split[row]))
                target[np.ix_(np.asarray(indices), np.asarray([position - shift]), place)] = (
                    losses[row].cpu().numpy()[:, None]
                )

    def _write_weights(
        self, indices: Sequence[int], positions: list[int], parameters: Parameters, diverged: Tensor
    ) -> None:
        weights = [parameters[name] for name in penalised(parameters)]
        # mps has no double precision.
        wide = torch.float32 if diverged.device.type == "mps" else torch.float64
        square = sum(weight.to(wide).square().flatten(2).sum(-1) for weight in weights)
        nonzero = sum((weight != 0).flatten(2).sum(-1) for weight in weights)
        total = sum(weight[0, 0].numel() for weight in weights)
        cells = np.ix_(indices, positions)
        norm = torch.as_tensor(square).sqrt().masked_fill(diverged, torch.inf)
        self.summary["weight_norm"][cells] = _by_candidate(norm)
        self.summary["nonzero"][cells] = _by_candidate(torch.as_tensor(nonzero) / max(1, total))
        if self.linear and parameters.keys() == {"0.weight", "0.bias"} and parameters["0.weight"].ndim == 4:
            self._write_linear(cells, parameters["0.weight"], parameters["0.bias"])

    def _write_linear(self, cells: Any, weight: Tensor, bias: Tensor) -> None:  # noqa: ANN401 - np.ix_'s type
        """Keep a linear model's weights; without `linear`, splits with different columns, they do not share an axis."""
        shape = self.flags["diverged"].shape
        if self.weights is None or self.biases is None:
            self.weights = np.full((*shape, *weight.shape[2:]), np.nan, self.validation.dtype)
            self.biases = np.full((*shape, bias.shape[-1]), np.nan, self.validation.dtype)
        self.weights[cells] = _by_candidate(weight)
        self.biases[cells] = _by_candidate(bias)


def _by_candidate(values: Tensor) -> NDArray[Any]:
    """(replicates, candidates, ...) on any device as (candidates, replicates, ...) in numpy."""
    found: NDArray[Any] = values.detach().transpose(0, 1).cpu().numpy()
    return found


def _finite_or_infinite(losses: Tensor, diverged: Tensor) -> Tensor:
    """A diverged fit's losses, and any that are not finite, as infinity: a bad model, not a hole."""
    return losses.masked_fill(diverged[..., None] | ~losses.isfinite(), torch.inf)


def _place(part: Part, split: int) -> NDArray[np.int64]:
    found: NDArray[np.int64] = part.place[split].numpy()
    return found
