"""One batch on several devices: each trains a share of the columns, in a thread of its own.

A share is a batch like any other, and only its observer and its report know of the others. The thread that called hears
them all: nobody else calls what came from outside, which need not stand several threads. What the observer compares it
still sees at once: a share waits after its epoch until each of the others has come to the end of one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from queue import SimpleQueue
from typing import Final, Literal, Self

import numpy as np
import torch

from search.training.batch import Batch, Observer
from search.training.columns import columns
from search.training.evaluate import Block
from search.training.reporting import Report
from search.training.threads import threads

PATIENCE: Final = 0.1  # seconds after which a share that waits for an answer looks whether any will come


def train_on(devices: Sequence[torch.device], batch: Batch, indices: Sequence[int]) -> list[Block]:
    """Fit the candidates with these indices, which have one shape: `Batch.train`, with its columns divided.

    An exception of one share is raised once the others have ended, which they do at their next epoch.
    """
    parts = _divided(batch, indices, len(devices))
    if len(parts) == 1:
        return list(batch.train(indices))
    order, used = [index for part in parts for index in part], devices[: len(parts)]
    exchange = Exchange(batch.observer, batch.report, order)
    shares = [
        replace(
            batch,
            device=device,
            observer=exchange if batch.observer is not None else None,
            report=exchange.report,
            sharing=used.count(device),
            pruned=set(),
        )
        for device in used
    ]
    # The CPU only prepares: a thread of it for each device. torch's number is each thread's own.
    with threads(1), ThreadPoolExecutor(len(shares), "device", torch.set_num_threads, (1,)) as pool, exchange:
        training = [pool.submit(_train, share, part) for share, part in zip(shares, parts, strict=True)]
        exchange.hear(training)
    batch.pruned.update(*(share.pruned for share in shares))
    return [block for each in training for block in each.result()]


def _divided(batch: Batch, indices: Sequence[int], count: int) -> list[list[int]]:
    """The candidates of each share: neighbouring columns, which an exact solver starts from each other."""
    stacked = columns(batch.settings, batch.layout.candidates, indices)
    cuts = np.array_split(np.arange(len(stacked)), min(count, len(stacked)))
    return [[index for place in cut for index in stacked[place].indices] for cut in cuts]


def _train(share: Batch, indices: Sequence[int]) -> list[Block]:
    with _current(share.device):
        return list(share.train(indices))


def _current(device: torch.device) -> AbstractContextManager[object]:
    """Let what asks for "cuda" alone, as a user's module may, get this device."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


class Ended(Exception):  # noqa: N818 - no error: the batch has ended, and nobody waits for this share
    """Ends a share from within its report or its observer."""


@dataclass(frozen=True)
class Seen:
    """The losses of a share's candidates after a step, and who is to be stopped."""

    step: int
    losses: Mapping[int, float]
    stopped: Future[set[int]] = field(default_factory=Future)


class Exchange:
    """What the shares of a batch tell, and what the batch's observer answers: itself an observer of each share.

    `order` lists the candidates of all shares, as one device would. As a context: after it the shares end.
    """

    def __init__(self, observer: Observer | None, report: Report, order: Sequence[int]) -> None:
        self._observer, self._report, self._order = observer, report, order
        self._told: SimpleQueue[float | Seen | None] = SimpleQueue()
        self._ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True

    # Called by the shares, in their threads

    @property
    def per(self) -> Literal["epoch", "replicate"]:
        """When the batch's observer looks."""
        assert self._observer is not None, "else the shares have none"
        return self._observer.per

    def __call__(self, step: int, losses: Mapping[int, float]) -> set[int]:
        """Wait for what the batch's observer says when it has seen those of all shares."""
        seen = Seen(step, losses)
        self._told.put(seen)
        while True:
            self._go_on()
            try:
                return seen.stopped.result(PATIENCE)
            except TimeoutError:
                continue

    def report(self, fits: float) -> None:
        """So many more fits are done."""
        self._go_on()
        self._told.put(fits)

    def _go_on(self) -> None:
        if self._ended:
            raise Ended

    # Called by the batch

    def hear(self, training: Sequence[Future[list[Block]]]) -> None:
        """Hear the shares until all are trained; raises what one of them raises, or the observer, or the report."""
        for each in training:
            each.add_done_callback(lambda _: self._told.put(None))
        waiting: list[Seen] = []
        while _running(training) or not self._told.empty():
            told = self._told.get()
            if isinstance(told, Seen):
                waiting.append(told)
            elif told is not None:
                self._report(told)
            if waiting and len(waiting) == _running(training):
                self._compare(waiting)
                waiting = []

    def _compare(self, waiting: Sequence[Seen]) -> None:
        """Show the observer what the shares saw, step by step: those that memory has cut stand at different ones."""
        assert self._observer is not None, "somebody asked it"
        for step in sorted({each.step for each in waiting}):
            some = [each for each in waiting if each.step == step]
            losses = {index: loss for each in some for index, loss in each.losses.items()}
            stopped = self._observer(step, {index: losses[index] for index in self._order if index in losses})
            for each in some:
                each.stopped.set_result(stopped)


def _running(training: Sequence[Future[list[Block]]]) -> int:
    """How many shares still train; raises what one has raised."""
    done = [each for each in training if each.done()]
    for each in done:
        each.result()
    return len(training) - len(done)
