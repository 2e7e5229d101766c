"""The cross-entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.metrics.base import Kind, Metric

if TYPE_CHECKING:
    from torch import Tensor


def cross_entropy(kind: Kind, output: Tensor, y: Tensor) -> Tensor:
    """-log of the probability of the row's class: of the logit of the second class (binary), or of the softmax."""
    return _binary(output, y) if kind == "binary" else _softmax(output, y)


def _binary(output: Tensor, y: Tensor) -> Tensor:
    from torch.nn.functional import logsigmoid

    # log(1 + exp(-s)) with s the logit, its sign turned for the first class: stable for logits of any size.
    return -logsigmoid(output[..., 0] * (2 * y - 1))


def _softmax(output: Tensor, y: Tensor) -> Tensor:
    rows = y.expand(output.shape[:-1])  # (..., rows)
    # Along the last axis torch's softmax of a few classes goes value by value: fifty times as long on a CPU.
    scores = output.mT.log_softmax(-2)  # (..., classes, rows)
    return -scores.gather(-2, rows.unsqueeze(-2)).squeeze(-2)


LOG_LOSS = Metric("log_loss", "classification", "log loss, nats", cross_entropy)
