"""Weights of any shape as matrices of groups and back; gradients that are cut."""

from __future__ import annotations

import pytest
import torch

from search.training.optimizer import clipped
from search.training.regulariser import as_matrix, from_matrix


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3, 4, 5), (2, 3, 4, 5, 6), (2, 3, 4, 5, 6, 7)])
def test_a_matrix_of_groups_goes_back_to_its_weight_and_a_column_is_one_inputs_group(shape):
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    matrix = as_matrix(weight)
    assert torch.equal(from_matrix(matrix, weight), weight)
    if len(shape) > 3:
        for place in range(shape[3]):
            assert torch.equal(matrix[..., place].sort(-1).values, weight[:, :, :, place].flatten(2).sort(-1).values)


def test_gradients_within_the_largest_norm_stay_and_longer_ones_keep_their_direction():
    gradients = {"a": torch.full((1, 2, 3, 4), 0.1), "b": torch.full((1, 2, 3), 0.1)}
    gradients["a"][:, 1] *= 100
    cut = clipped(gradients, 1.0)
    assert torch.equal(cut["a"][:, 0], gradients["a"][:, 0])
    assert torch.equal(cut["b"][:, 0], gradients["b"][:, 0])
    norm = torch.cat([cut["a"][0, 1].flatten(), cut["b"][0, 1]]).norm()
    torch.testing.assert_close(norm, torch.tensor(1.0), rtol=1e-5, atol=0.0)
    torch.testing.assert_close(cut["a"][0, 1] / cut["b"][0, 1, 0], gradients["a"][0, 1] / 0.1)
