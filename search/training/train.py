"""Train a batch of candidates on all replicates at once."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import torch

from search.data.task import Task
from search.records import Candidate, Outcome, UserError, held_out_mean
from search.training.exact import solve
from search.training.plan import Fits, chunking, plan
from search.training.regulariser import by_penalty
from search.training.results import Results
from search.training.stack import Stack, per_replicate

if TYPE_CHECKING:
    from search.settings import Settings, Training


class Watch(Protocol):
    """Somebody who sees the validation losses while a batch trains, and may stop candidates (a pruner)."""

    @property
    def per(self) -> Literal["epoch", "replicate"]:
        """When it looks: after every epoch, or after each replicate, which then train one after the other."""

    def __call__(self, step: int, losses: Mapping[int, float]) -> set[int]:
        """Candidates (their indices in the batch) to stop, from the validation losses of those still training."""


def resolve_device(training: Training) -> torch.device:
    """`auto` is cuda, then mps, then cpu; mps only for float32. UserError where the device named is not there."""
    name, single = training.device, training.dtype == "float32" and training.optimizer != "exact"
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available() and single, "cpu": True}
    if name == "auto":
        return torch.device(next(each for each, is_there in there.items() if is_there))
    if not there.get(name.split(":", maxsplit=1)[0], False):
        valid = ", ".join(each for each, is_there in there.items() if is_there)
        raise UserError(
            f'training.device: "{name}" is not available on this machine (mps: for float32, not exact); '
            f"valid here: auto, {valid}"
        )
    return torch.device(name)


def train(
    task: Task, settings: Settings, candidates: Sequence[Candidate], *, watch: Watch | None = None
) -> list[Outcome]:
    """Fit every candidate on every replicate (and refit), and evaluate it on every row it held out.

    A fit's numbers depend on its candidate and its replicate, not on what it is batched with (up to the order of
    floating-point sums). Diverged fits are marked and their losses are infinite; the exact solver's fits that miss
    their gap are marked as not converged.
    """
    started = time.perf_counter()
    device = resolve_device(settings.training)
    fits = plan(task, settings, settings.search.metric_for(task.kind), device)
    exact = settings.training.optimizer == "exact"
    epochs, dtype = (0, "float64") if exact else (settings.training.epochs, settings.training.dtype)
    results = Results.empty(task, candidates, settings.training.seeds, epochs, dtype)
    fit = _solve if exact else _descend
    chunks = chunking(fits, candidates, device)
    order = by_penalty(candidates)
    for start in range(0, len(order), chunks.candidates):
        alive = order[start : start + chunks.candidates]
        for round_ in _rounds(fits, results.replicates, chunks.replicates, watch):
            alive = fit(results, alive, round_, watch)
            alive = _race(results, alive, round_, watch)
    seconds = (time.perf_counter() - started) / max(1, len(candidates))
    return [results.outcome(index, seconds) for index in range(len(candidates))]


def _rounds(fits: Sequence[Fits], replicates: int, at_once: int, watch: Watch | None) -> list[list[Fits]]:
    """Fits that train side by side. One round holds all, unless replicates race or memory does not allow it."""
    if watch is not None and watch.per == "replicate":
        single = [piece for each in fits for piece in each.take(1)]
        racing = sorted((piece for piece in single if piece.positions[0] < replicates), key=lambda one: one.positions)
        refits = [each for each in fits if each.positions[0] >= replicates]
        return [[piece] for piece in racing] + [[piece] for each in refits for piece in each.take(at_once)]
    if sum(len(each.positions) for each in fits) <= at_once:
        return [list(fits)]
    if watch is not None:
        raise UserError(
            "search.pruner: one candidate's replicates do not fit into memory at once, so they cannot be compared "
            'epoch by epoch; use pruner = "wilcoxon", "none", fewer replicates or a smaller model'
        )
    return [[piece] for each in fits for piece in each.take(at_once)]


def _race(results: Results, alive: list[int], round_: Sequence[Fits], watch: Watch | None) -> list[int]:
    """Let the watch see the replicate that has just been trained, and note whom it stops."""
    position = round_[0].positions[0]
    if watch is None or watch.per != "replicate" or position >= results.replicates or not alive:
        return alive
    losses = {index: held_out_mean(results.validation[index, [position]]) for index in alive}
    stopped = watch(position, losses)
    results.pruned_after.update(dict.fromkeys(stopped, results.epochs))
    return [index for index in alive if index not in stopped]


def _solve(results: Results, alive: list[int], round_: Sequence[Fits], watch: Watch | None) -> list[int]:
    """The convex optimum of every fit of the round."""
    if not alive:
        return alive
    for each in round_:
        problem = each.problem
        x, y = (per_replicate(part, problem.split) for part in (problem.train.x, problem.train.y))
        candidates = [results.candidates[index] for index in alive]
        solution = solve(x, y, problem.kind, candidates, outputs=problem.outputs)
        parameters = {"0.weight": solution.weight, "0.bias": solution.bias}
        results.write(each, alive, parameters, {}, ~solution.weight.isfinite().flatten(2).all(-1))
        results.flags["converged"][np.ix_(alive, each.positions)] = solution.converged.mT.cpu().numpy()
    return alive


def _descend(results: Results, alive: list[int], round_: Sequence[Fits], watch: Watch | None) -> list[int]:
    """Train the round's fits epoch by epoch; candidates that an epoch-wise watch stops leave the stacks."""
    if not alive:
        return alive
    stacks = [Stack(each.problem, [results.candidates[index] for index in alive]) for each in round_]
    for epoch in range(results.epochs):
        for each, stack in zip(round_, stacks, strict=True):
            stack.epoch(epoch)
            results.note(each, alive, epoch, stack.mean_losses())
        if watch is not None and watch.per == "epoch":
            stopped = watch(epoch + 1, results.validation_after(alive, epoch))
            results.pruned_after.update(dict.fromkeys(stopped, epoch + 1))
            alive = _leave(results, alive, stopped, list(zip(round_, stacks, strict=True)))
        if not alive:
            return alive
    for each, stack in zip(round_, stacks, strict=True):
        results.write(each, alive, stack.parameters, stack.buffers, stack.diverged)
    return alive


def _leave(results: Results, alive: list[int], stopped: set[int], stacks: Sequence[tuple[Fits, Stack]]) -> list[int]:
    """Note what the stopped candidates have reached, and let them leave the stacks."""
    if not stopped:
        return alive
    leaving = [column for column, index in enumerate(alive) if index in stopped]
    staying = [column for column, index in enumerate(alive) if index not in stopped]
    for each, stack in stacks:
        gone = stack.columns(leaving)
        results.write(each, [alive[column] for column in leaving], gone.parameters, gone.buffers, gone.diverged)
        stack.keep(staying)
    return [alive[column] for column in staying]
