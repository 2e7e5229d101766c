"""Layers whose own code in torch cannot be stacked, written out in operations that can: attention, recurrent layers.

Each takes and returns what torch's function of that name does. `drop(x, rate)` is dropout with a replicate's masks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Drop = Callable[[Tensor, float], Tensor]


def attention(  # noqa: PLR0913, PLR0917 - torch's own signature
    drop: Drop,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
) -> Tensor:
    """softmax(query key' / sqrt(width)) value, as `scaled_dot_product_attention`."""
    scores = query @ key.mT * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if is_causal:
        attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if attn_mask is not None:
        allowed = attn_mask.dtype == torch.bool
        scores = scores.where(attn_mask, -torch.inf) if allowed else scores + attn_mask
    return drop(scores.softmax(-1), dropout_p) @ value


def plain(args: Sequence[Any]) -> bool:
    """Whether a recurrent layer with these arguments can be written out: no packed sequence, no projections."""
    if len(args) != 9 or not isinstance(args[2], list | tuple):
        return False
    _, _, weights, bias, layers, _, _, both, _ = args
    return bool(len(weights) == (4 if bias else 2) * (2 if both else 1) * layers)


def recurrent(name: str, drop: Drop, args: Sequence[Any]) -> tuple[Tensor, ...]:
    """A recurrent layer that is `plain`, as `torch.lstm`, `gru`, `rnn_tanh` or `rnn_relu`."""
    x, start, weights, bias, layers, rate, training, both, batch_first = args
    states = start if isinstance(start, list | tuple) else (start,)
    per = 4 if bias else 2
    directions = 2 if both else 1
    x = x.transpose(0, 1) if batch_first else x  # (steps, rows, inputs)
    last: list[tuple[Tensor, ...]] = []
    for layer in range(layers):
        if layer and training:
            x = drop(x, rate)
        outputs = []
        for direction in range(directions):
            place = layer * directions + direction
            own = weights[per * place : per * (place + 1)]
            found, state = _run(name, x, [state[place] for state in states], own, backwards=direction == 1)
            outputs.append(found)
            last.append(state)
        x = torch.cat(outputs, -1)
    ends = tuple(torch.stack(each) for each in zip(*last, strict=True))
    return (x.transpose(0, 1) if batch_first else x, *ends)


def _run(
    name: str, x: Tensor, state: Sequence[Tensor], weights: Sequence[Tensor], *, backwards: bool
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """One direction of one layer over x (steps, rows, inputs): the hidden states of all steps, and the last state."""
    bias_in, bias_hidden = (weights[2], weights[3]) if len(weights) == 4 else (None, None)
    inputs = torch.nn.functional.linear(x, weights[0], bias_in)  # of all steps at once
    now, hidden = tuple(state), []
    for step in range(len(x)) if not backwards else reversed(range(len(x))):
        now = CELLS[name](inputs[step], torch.nn.functional.linear(now[0], weights[1], bias_hidden), now)
        hidden.append(now[0])
    return torch.stack(hidden[::-1] if backwards else hidden), now


def _lstm(given: Tensor, kept: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    take, forget, new, out = (given + kept).chunk(4, -1)
    cell = forget.sigmoid() * state[1] + take.sigmoid() * new.tanh()
    return out.sigmoid() * cell.tanh(), cell


def _gru(given: Tensor, kept: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    (reset, update, new), (own_reset, own_update, own_new) = given.chunk(3, -1), kept.chunk(3, -1)
    share = (update + own_update).sigmoid()
    fresh = (new + (reset + own_reset).sigmoid() * own_new).tanh()
    return ((1 - share) * fresh + share * state[0],)


def _tanh(given: Tensor, kept: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return ((given + kept).tanh(),)


def _relu(given: Tensor, kept: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return ((given + kept).relu(),)


CELLS = {"lstm": _lstm, "gru": _gru, "rnn_tanh": _tanh, "rnn_relu": _relu}
