"""The data of a stack: the rows of the splits as they are, in the dtype that trains."""

from __future__ import annotations

import pytest
import torch

from search.data.task import Rows
from search.training.problem import Cast, Part


def rows(x, y, first, *, weighted=False):
    place = torch.arange(first, first + len(x))
    return Rows(x, y, ids=place, place=place, weight=torch.rand(len(x), dtype=torch.float64) if weighted else None)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_stack_has_the_bits_of_its_parts_cast_one_by_one(dtype):
    wide = torch.randn(3, 4, 6, dtype=torch.float64)[..., :-1]  # parts of a larger array, as drawn data are
    classes = torch.randint(9, (3, 4))
    parts = [rows(x, y, 4 * split, weighted=True) for split, (x, y) in enumerate(zip(wide, classes, strict=True))]
    found = Part.from_rows(parts, Cast(torch.device("cpu"), dtype))
    for split, part in enumerate(parts):
        assert torch.equal(found.x[split], part.x.to(dtype))
        assert torch.equal(found.weight[split], part.weight.to(dtype))
        assert torch.equal(found.y[split], part.y)  # classes stay integers
        assert torch.equal(found.place[split], part.place)
    assert (found.x.dtype, found.weight.dtype, found.y.dtype) == (dtype, dtype, torch.int64)


def test_parts_without_rows_are_stacked_too():
    nothing = [rows(torch.zeros(0, 5, dtype=torch.float64), torch.zeros(0, 1, dtype=torch.float64), 0)] * 2
    found = Part.from_rows(nothing, Cast(torch.device("cpu"), torch.float32))
    assert (found.x.shape, found.y.shape, found.x.dtype) == ((2, 0, 5), (2, 0, 1), torch.float32)
    assert len(found) == 0
