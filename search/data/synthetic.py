"""Data drawn from a known linear law, so that the risk of any linear model is known in closed form."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.random import Generator, SeedSequence
from torch import Tensor

from search.core.errors import UserError
from search.core.memory import refuse_too_large
from search.data.limits import LARGEST_INPUT, LARGEST_TARGET
from search.data.task import Rows, Split, Task, Truth

if TYPE_CHECKING:
    from search.settings import SyntheticLinear


def synthetic_linear(data: SyntheticLinear) -> Task:
    """`draws` data sets of the law y = x'w0 + b0 + noise with x ~ N(0, input_std^2 I), one split each.

    Weights, training, validation and test rows each have their own stream of random numbers: a study with more rows
    of one part keeps the rows it had, and all rows of the others. `UserError` for more than fits the memory, and for
    numbers too large to compute with.
    """
    rows = data.draws * (data.train + data.validation + data.test)
    what = f"data: {data.features:,} features of {rows:,} rows of all draws"
    refuse_too_large(2 * (data.features + 1) * rows, what, "use fewer rows, features or draws")
    streams = [_streams(data, draw) for draw in range(data.draws)]
    truth = Truth(
        weight=torch.stack([_true_weight(data, weight) for weight, *_ in streams]),
        bias=data.bias,
        covariance=torch.full((data.features,), data.input_std * data.input_std, dtype=torch.float64),
        noise=data.noise,
    )
    return Task(
        kind="regression",
        outputs=1,
        features=tuple(f"x{index}" for index in range(data.features)),
        targets=("y",),
        classes=(),
        splits=tuple(_split(data, truth, draw, parts) for draw, (_, *parts) in enumerate(streams)),
        refits=(),
        validation_rows=data.validation,
        test_rows=data.test,
        fingerprint=hashlib.sha256(data.model_dump_json().encode()).hexdigest(),
        truth=truth,
    )


def _streams(data: SyntheticLinear, draw: int) -> list[Generator]:
    return [np.random.default_rng(child) for child in SeedSequence((data.seed, draw)).spawn(4)]


def _true_weight(data: SyntheticLinear, stream: Generator) -> Tensor:
    if data.weight_std is None:
        return torch.full((data.features,), data.weight, dtype=torch.float64)
    return torch.from_numpy(data.weight_std * stream.standard_normal(data.features))


def _split(data: SyntheticLinear, truth: Truth, draw: int, streams: list[Generator]) -> Split:
    ids = torch.arange(data.train + data.validation + data.test)
    parts = torch.tensor_split(ids, (data.train, data.train + data.validation))
    train, validation, test = (
        _rows(data, truth.weight[draw], stream, part) for stream, part in zip(streams, parts, strict=True)
    )
    return Split(train, validation, test, draw=draw)


def _rows(data: SyntheticLinear, weight: Tensor, stream: Generator, ids: Tensor) -> Rows:
    # The noise is the last column of one array, so that the first rows do not depend on how many follow.
    normal = torch.from_numpy(stream.standard_normal((len(ids), data.features + 1)))
    x, noise = data.input_std * normal[:, :-1], data.noise * normal[:, -1:]
    y = x @ weight[:, None] + data.bias + noise
    for keys, values, largest in (("input_std", x, LARGEST_INPUT), ("weight, bias, noise", y, LARGEST_TARGET)):
        if not (values.abs() <= largest).all():
            raise UserError(f"data: numbers above {largest:g} cannot be computed with; use a smaller {keys}")
    return Rows(x, y, ids=ids, place=torch.arange(len(ids)))
