"""More features than are looked at from the start: working sets grow, are trimmed, and end at the optimum over all."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from search.core.candidate import Candidate
from search.training.exact import LIMITS, solve
from search.training.exact.classes import on_columns
from search.training.exact.logistic import Data, base_rates
from search.training.exact.path import Path
from search.training.exact.solution import terms
from search.training.exact.working import LEAST, SMALL, Columns

FEATURES = SMALL + 1


def rows(kind: str) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(2, 16, FEATURES, dtype=torch.float64, generator=draw)
    y = x[..., :3] + torch.randn(2, 16, 3, dtype=torch.float64, generator=draw)
    targets = {"regression": y[..., :2], "binary": (y[..., 0] > 0).long(), "multiclass": y.argmax(2)}
    return x - x.mean(1, keepdim=True), targets[kind]


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_a_feature_that_was_not_guessed_is_found_and_the_fit_is_optimal_over_all(kind):
    x, y = rows(kind)
    lambdas = (0.9, 0.02) if kind == "regression" else (0.2, 0.005)  # too far apart for the guess
    candidates = [Candidate("l1", each) for each in lambdas]
    found = solve(x, y, kind, candidates)
    assert found.converged.all()
    for c, each in enumerate(candidates):
        weight, bias = (part[:, c].clone().requires_grad_() for part in (found.weight, found.bias))
        out = x @ weight.mT + bias[:, None]
        if kind == "regression":
            loss = (y - out).square().sum() / 32
        else:
            logits = out if kind == "multiclass" else torch.cat([torch.zeros_like(out), out], 2)
            loss = -logits.log_softmax(2).gather(2, y[..., None]).sum() / 16
        (slope,) = torch.autograd.grad(loss, weight)
        part, strength = terms(each), torch.full((2,), each.lambda_, dtype=torch.float64)
        assert (part.penalty.residual(weight.detach(), slope, strength) < 1e-7).all()


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_a_fit_of_classes_leaves_no_feature_beyond_the_hold_and_says_its_residual_over_all(kind):
    x, y = rows(kind)
    data = Data.of(x, y, 1 if kind == "binary" else 3, torch.ones(2, 16, dtype=torch.float64))
    start, part = base_rates(data), terms(Candidate("l1", 0.05))
    scale = start.slope.abs().amax((1, 2))
    columns, point, near, error = on_columns(data, part, (Columns.first(x), start, None), scale, 0.0, LIMITS)
    assert not columns.members.all()
    assert near is not None  # for the next candidate, on the same columns
    assert near.curved.cross.shape[2] == columns.x.shape[2] * data.columns.shape[2]
    outside = point.slope.abs().amax(1)[~columns.members]
    assert (outside <= 0.05 + LIMITS.residual * scale.max()).all()
    assert (point.model.weight.abs().amax(1)[~columns.members] == 0).all()
    assert torch.equal(error, point.residual(part, scale))
    assert (error <= LIMITS.residual).all()
    assert columns.members.sum(1).max() <= 3 * LEAST  # what has no pull stays out


def test_a_trimmed_path_has_the_gram_matrix_of_what_it_keeps():
    x, y = rows("regression")
    path = Path.start(x, y)
    path, _, _ = path.solved([terms(Candidate("l1", 0.3))], 10)
    assert path.gram.shape[1] < FEATURES
    pull = (torch.arange(FEATURES) < 250).double().expand(2, -1)  # ties: all of them are added
    wide = path.with_more(pull)
    less = wide.trimmed()
    assert wide.columns.members[:, :250].all()
    assert less.gram.shape[1] < path.gram.shape[1] < wide.gram.shape[1]
    assert torch.equal(less.columns.members, (path.weight != 0).any(1))
    for each in (path, wide, less):
        assert torch.allclose(each.gram, each.columns.x.mT @ each.columns.x / 16)
        assert torch.equal(each.weight, path.weight)
