"""Train a batch of candidates on all replicates at once."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from warnings import warn

import torch

from search.core.arrays import Array
from search.core.candidate import Candidate
from search.core.results import Results
from search.data.task import Task
from search.penalties import PENALTIES
from search.settings import SETTINGS, strength_of
from search.training.assemble import Layout, assemble
from search.training.batch import Batch, Observer
from search.training.columns import shapes
from search.training.devices import resolve_device, resolve_devices
from search.training.evaluate import Fitted
from search.training.reporting import Report, nobody
from search.training.shares import train_on

if TYPE_CHECKING:
    from search.settings import Settings


def train(
    task: Task,
    settings: Settings,
    candidates: Sequence[Candidate],
    *,
    observer: Observer | None = None,
    report: Report = nobody,
) -> Results:
    """Fit every candidate on every replicate (and refit), and evaluate it on every row it held out.

    Parameters
    ----------
    task, settings
        The data with their splits, and how models are trained; see `search.data.load_task`.
    candidates
        What is fitted. Settings that a candidate does not name have the study file's value.
    observer
        Sees the validation losses while the batch trains, and may stop candidates. It is called in this thread, and so
        is `report`, however many devices train.
    report
        Hears how many more fits are trained, parts of one included: at most once an epoch of each device.

    A fit's numbers depend on its candidate and its replicate, not on what it is batched with (up to the order of
    floating-point sums). Diverged fits are marked and their losses are infinite; the exact solver's fits that miss
    their accuracy are marked as not converged. `ValueError` for a candidate with a parameter that nothing reads.

    >>> from search.data import load_task
    >>> from search.settings import Settings
    >>> settings = Settings.parse({"name": "a", "data": {"source": "synthetic_linear"}})
    >>> results = train(load_task(settings), settings, [Candidate("none"), Candidate("l2", 10.0)])
    >>> results.validation.shape, bool(results.validation_loss[1] < results.validation_loss[0])
    ((2, 1, 100), True)
    """
    started = time.perf_counter()
    _refuse_unknown_parameters(candidates, settings.model.groups)
    exact = settings.training.optimizer == "exact"
    dtype = "float64" if exact else settings.training.dtype
    layout = Layout(task, tuple(candidates), settings.training.seeds, dtype)
    devices = resolve_devices(settings.training)
    batch = Batch(layout, settings, observer, devices[0], report=report)
    blocks = [block for indices in shapes(settings, candidates) for block in train_on(devices, batch, indices)]
    seconds = (time.perf_counter() - started) / max(1, len(candidates))
    return assemble(layout, blocks, dict.fromkeys(batch.pruned, True), seconds)


def fit(task: Task, settings: Settings, candidate: Candidate, *, report: Report = nobody) -> Fitted:
    """The candidate's model on a task with one fit, see `Task.trained_on`: parameters without leading axes, on the CPU.

    The same training as `train`, and the same `report`; where `Fitted` has a value a fit, it has one here too.
    """
    _refuse_unknown_parameters([candidate], settings.model.groups)
    layout = Layout(task, (candidate,), settings.training.seeds, settings.training.dtype)
    batch = Batch(layout, settings, None, resolve_device(settings.training), keep_models=True, report=report)
    (block,) = batch.train([0])
    model = block.fitted
    assert model is not None, "kept with keep_models"
    if not block.converged.all():
        warn(f"the model of {candidate} is not solved to the exact solver's accuracy", RuntimeWarning, stacklevel=2)
    parameters, buffers = (
        {name: value[0, 0].detach().cpu().clone() for name, value in each.items()}
        for each in (model.parameters, model.buffers)
    )
    return Fitted(parameters, buffers, torch.tensor(block.diverged[0, 0]), model.epochs[0, 0])


def linear_fits(task: Task, settings: Settings, candidate: Candidate) -> list[tuple[Array, Array]]:
    """Weights (outputs, features) and biases (outputs,) of a linear candidate, a pair a replicate.

    Those of `train`, also where splits differ in their columns and its results have no axis for them.
    """
    layout = Layout(replace(task, refits=(), pairs=()), (candidate,), settings.training.seeds, settings.training.dtype)
    found: dict[int, tuple[Array, Array]] = {}
    for block in Batch(layout, settings, None, resolve_device(settings.training)).train([0]):
        assert block.weights is not None, "the model is linear"
        assert block.biases is not None
        found |= dict(zip(block.positions, zip(block.weights[0], block.biases[0], strict=True), strict=True))
    return [found[position] for position in range(layout.replicates)]


def _refuse_unknown_parameters(candidates: Sequence[Candidate], groups: Iterable[str]) -> None:
    """A parameter that nothing here reads would be searched in vain."""
    for candidate in candidates:
        own = [each.name for each in PENALTIES[candidate.penalty].parameters]
        unknown = candidate.others.keys() - {*own, *SETTINGS, *map(strength_of, groups)}
        if unknown:
            raise ValueError(f"{candidate}: nothing is trained by {', '.join(sorted(unknown))}")
