"""The pieces of the solver for classes, each against its definition: autograd, rows repeated, steps taken by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.autograd.functional import hessian

from search.core.candidate import Candidate
from search.training.exact.classes import KNOTS, ahead
from search.training.exact.logistic import (
    Curvature,
    Data,
    Local,
    Model,
    Point,
    backtracked,
    base_rates,
    dear,
    proximal_newton,
    solve_quadratic,
)
from search.training.exact.solution import LIMITS, Limits, terms
from search.training.exact.working import Columns

ROWS, FEATURES = 30, 4


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def both(value: float) -> Tensor:
    """A number for each of the two replicates."""
    return torch.full((2,), value, dtype=torch.float64)


def data(outputs: int, *, weighted: bool = True) -> Data:
    """Two replicates; their rows count by whole numbers, which are scaled to a mean of 1."""
    x = drawn(2, ROWS, FEATURES)
    noisy = x[..., :3] + 0.7 * drawn(2, ROWS, 3, seed=1)
    classes = (noisy[..., 0] > 0).long() if outputs == 1 else noisy.argmax(2)
    weight = counts() / counts().double().mean(1, keepdim=True) if weighted else torch.ones(2, ROWS).double()
    return Data.of(x - x.mean(1, keepdim=True), classes, outputs, weight)


def counts() -> Tensor:
    return torch.randint(1, 4, (2, ROWS), generator=torch.Generator().manual_seed(2))


def model(outputs: int, seed: int = 3) -> Model:
    return Model(0.5 * drawn(2, outputs, FEATURES, seed=seed), 0.3 * drawn(2, outputs, seed=seed + 1))


def loss(rows: Data, weight: Tensor, bias: Tensor, i: int) -> Tensor:
    """The mean of -log p of replicate i, from the formula."""
    logits = rows.x[i] @ weight.T + bias
    if rows.binary:
        logits = torch.cat([torch.zeros_like(logits), logits], 1)
    likely = logits.log_softmax(1)[torch.arange(ROWS), rows.y[i]]
    return -(rows.weight[i] * likely).mean()


@pytest.mark.parametrize("outputs", [1, 3])
def test_a_point_has_the_loss_of_rows_that_are_repeated_and_its_gradient(outputs):
    rows, own = data(outputs), model(outputs)
    assert rows.binary == (outputs == 1)
    point = Point.at(rows, own)
    for i in range(2):
        weight, bias = (each[i].clone().requires_grad_() for each in (own.weight, own.bias))
        value = loss(rows, weight, bias, i)
        slopes = torch.autograd.grad(value, (weight, bias))
        assert torch.allclose(point.loss[i], value)
        assert torch.allclose(point.slope[i], slopes[0])
        assert torch.allclose(point.bias_slope[i], slopes[1])
        logits = rows.x[i] @ own.weight[i].T + own.bias[i]
        repeated = rows.x[i].repeat_interleave(counts()[i], 0), rows.y[i].repeat_interleave(counts()[i])
        alone = Data.of(repeated[0][None], repeated[1][None], outputs, torch.ones(1, len(repeated[0])).double())
        assert torch.allclose(Point.at(alone, own.take(torch.tensor([i]))).loss[0], value)
        likely = logits.sigmoid() if outputs == 1 else logits.softmax(1)
        assert torch.allclose(point.likely[i], likely)
    swapped = point.put(torch.tensor([1]), Point.at(rows, model(outputs, 7)).take(torch.tensor([1])))
    assert torch.equal(swapped.slope[0], point.slope[0])
    assert torch.equal(swapped.slope[1], Point.at(rows, model(outputs, 7)).slope[1])
    further = own.moved(model(outputs, 7), torch.tensor([0.5, 2.0]).double())
    assert torch.allclose(further.bias[1], own.bias[1] + 2 * model(outputs, 7).bias[1])
    assert torch.allclose(further.weight[0], own.weight[0] + model(outputs, 7).weight[0] / 2)


@pytest.mark.parametrize("outputs", [1, 3])
def test_curvature_is_the_hessian_with_the_biases_eliminated(outputs):
    rows, own = data(outputs), model(outputs)
    found = Curvature.at(rows, Point.at(rows, own).likely)
    side = outputs * FEATURES
    for i in range(2):

        def value(flat: Tensor) -> Tensor:
            return loss(rows, flat[:side].view(outputs, FEATURES), flat[side:], i)  # noqa: B023 - called at once

        whole = hessian(value, torch.cat([own.weight[i].flatten(), own.bias[i]]))
        corner, cross = whole[side:, side:], whole[side:, :side]
        assert torch.allclose(found.cross[i], cross, atol=1e-12)
        # Softmax sees no common shift of the biases: the least inverse is that of the others.
        eliminated = whole[:side, :side] - cross.T @ torch.linalg.pinv(corner, rtol=1e-10) @ cross
        assert torch.allclose(found.weights[i], eliminated, atol=1e-10)
        inverse = found.biases[i]
        assert torch.allclose(corner @ inverse @ corner, corner, atol=1e-10)
        if outputs > 1:  # and the shift's own curvature is as large as the others'
            shift = torch.ones(outputs).double()
            assert shift @ inverse @ shift == pytest.approx(float(outputs / corner.diagonal().max()), rel=1e-9)


@pytest.mark.parametrize("outputs", [1, 3])
def test_a_step_without_zeros_is_newtons(outputs):
    rows, part = data(outputs), terms(Candidate("l2", 0.05))
    point = Point.at(rows, model(outputs))
    local = Local.of(Curvature.at(rows, point.likely), part)
    step = local.step(point, both(1e-12))
    side = outputs * FEATURES
    for i in range(2):

        def value(flat: Tensor) -> Tensor:
            weight = flat[:side].view(outputs, FEATURES)
            return loss(rows, weight, flat[side:], i) + 0.05 * weight.square().sum() / 2  # noqa: B023

        at = torch.cat([point.model.weight[i].flatten(), point.model.bias[i]]).requires_grad_()
        (slope,) = torch.autograd.grad(value(at), at)
        taken = torch.cat([step.weight[i].flatten(), step.bias[i]])
        if outputs == 1:
            assert torch.allclose(hessian(value, at.detach()) @ taken, -slope, atol=1e-8)
        else:  # all but the common shift of the classes, which the step leaves alone
            left = (hessian(value, at.detach()) @ taken + slope)[:side].view(outputs, FEATURES)
            assert torch.allclose(left - left.mean(0), torch.zeros_like(left), atol=1e-8)
            assert torch.allclose(step.weight[i].sum(0), torch.zeros(FEATURES).double(), atol=1e-12)


def test_a_factor_serves_for_ridges_nearby_and_for_no_others():
    rows = data(1)
    local = Local.of(Curvature.at(rows, Point.at(rows, model(1)).likely), terms(Candidate("l2", 1.0)))
    near, far, sparse = (terms(Candidate(name, strength)) for name, strength in (("l2", 0.9), ("l2", 0.7), ("l1", 1.0)))
    assert local.of_next(near).lower is local.lower
    assert local.of_next(near).part is near
    assert local.of_next(far).lower is not local.lower
    assert local.of_next(sparse).lower is None
    exact = local.curved.weights + torch.eye(FEATURES).double()
    assert torch.allclose(local.lower @ local.lower.mT, exact, rtol=1e-7)
    assert torch.equal(local.take(torch.tensor([1])).lower[0], local.lower[1])


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("penalty", ["l1", "group_lasso", "sparse_group_lasso", "elastic_net"])
def test_the_models_minimum_is_optimal_for_the_quadratic_and_the_penalty(outputs, penalty):
    rows = data(outputs)
    own = {"l1_ratio": 0.6} if penalty in ("sparse_group_lasso", "elastic_net") else {}
    part = terms(Candidate(penalty, 0.03, **own))
    point = Point.at(rows, model(outputs))
    matrix = Curvature.at(rows, point.likely).weights
    linear = (matrix @ point.model.weight.flatten(1)[..., None]).view_as(point.slope) - point.slope
    found = solve_quadratic(matrix, linear, part, point.model.weight, both(1e-11))
    slope = (matrix @ found.flatten(1)[..., None]).view_as(found) - linear
    assert (part.penalty.residual(found, slope, both(0.03)) < 1e-10).all()


@pytest.mark.parametrize("outputs", [1, 3])
def test_without_weights_the_optimum_is_the_base_rates(outputs):
    rows = data(outputs)
    found = base_rates(rows)
    assert (found.model.weight == 0).all()
    assert found.bias_slope.abs().max() < 1e-12
    absent = Data.of(rows.x, torch.zeros_like(rows.y), outputs, torch.ones(2, ROWS).double())
    share = base_rates(absent).likely[0, 0, 0]
    half = 0.5 / ROWS  # a class without rows counts as half a row
    assert share == pytest.approx(half if outputs == 1 else (1 - half) / (1 + half), rel=1e-9)


def test_a_step_is_halved_until_the_objective_has_fallen_enough():
    rows, part = data(3), terms(Candidate("l1", 0.01))
    point = Point.at(rows, model(3))
    strength = both(0.01)
    downhill = Model(-point.slope, -point.bias_slope)
    before = point.loss + part.penalty.value(point.model.weight, strength)
    for size in (1.0, 300.0):
        step = Model(size * downhill.weight, size * downhill.bias)
        found, moved = backtracked(rows, part, point, step)
        after = found.loss + part.penalty.value(found.model.weight, strength)
        assert moved.all()
        assert (after < before).all()
        share = (found.model.bias - point.model.bias) / step.bias
        assert torch.allclose(share, share[:, :1].expand_as(share))
        assert torch.allclose(share.log2(), share.log2().round(), atol=1e-9)
        assert torch.allclose(share, torch.ones_like(share)) == (size == 1)
        again = Point.at(rows, found.model)
        assert torch.allclose(found.slope, again.slope)
    mixed = Model(
        torch.stack([downhill.weight[0], -downhill.weight[1]]), torch.stack([downhill.bias[0], -downhill.bias[1]])
    )
    found, moved = backtracked(rows, part, point, mixed)  # uphill in the second, which stays
    assert moved.tolist() == [True, False]
    assert torch.equal(found.model.weight[1], point.model.weight[1])
    assert not torch.equal(found.model.weight[0], point.model.weight[0])


@pytest.mark.parametrize("penalty", ["l1", "l2"])
def test_newton_steps_end_at_the_optimum_within_few_and_say_how_far_they_are(penalty):
    rows, part = data(3), terms(Candidate(penalty, 0.01))
    start = base_rates(rows)
    scale = start.slope.abs().amax((1, 2))
    point, near, error = proximal_newton(rows, part, start, scale, Limits(steps=8))
    assert (error <= LIMITS.residual).all()
    assert near is not None
    strength = both(0.01)
    weights = part.penalty.residual(point.model.weight, point.slope, strength) / scale
    assert torch.equal(error, torch.maximum(weights, point.bias_slope.abs().amax(1)))
    stays, none, same = proximal_newton(rows, part, point, scale, Limits(steps=8))
    assert torch.equal(stays.model.weight, point.model.weight)
    assert none is None
    assert torch.equal(same, error)


def test_a_hessian_is_dear_from_a_number_of_multiplications_on():
    for outputs in (1, 3):
        rows = data(outputs)
        features = math.isqrt(int(2e7 / ROWS)) // outputs
        for more, expected in ((0, False), (1, True)):
            wide = Data(torch.zeros(1, ROWS, features + more), rows.y[:1], rows.columns[:1], rows.weight[:1])
            assert dear(wide) == expected


def test_a_point_on_some_features_is_spread_over_all():
    rows = data(3)
    members = torch.tensor([[True, False, True, False], [True, True, False, False]])
    columns = Columns.of(rows.x, members)
    own = model(3)
    own = Model(torch.where(members[:, None], own.weight, 0.0), own.bias)
    point = Point.at(rows, own)
    local = point.on(columns)
    assert torch.equal(columns.spread(local.model.weight), own.weight)
    assert torch.allclose(local.slope[0], point.slope[0][:, members[0]])
    few = Data(columns.x, rows.y, rows.columns, rows.weight)
    assert torch.allclose(Point.at(few, local.model).loss, point.loss)
    back = local.spread(columns, rows)
    assert torch.equal(back.model.weight, own.weight)
    assert torch.allclose(back.slope, point.slope)


def test_the_next_fit_starts_on_the_polynomial_through_the_last_where_that_is_nearer():
    rows = data(1)
    scale = base_rates(rows).slope.abs().amax((1, 2))
    lambdas = [0.4, 0.2, 0.1, 0.05]
    past, point = [], base_rates(rows)
    for strength in lambdas:
        point, _, _ = proximal_newton(rows, terms(Candidate("l2", strength)), point, scale, LIMITS)
        past.append((strength, point.model))
    part = terms(Candidate("l2", 0.025))
    found = ahead(rows, past, part, point, scale)
    # Cubic in log(lambda): with the step log 2, the value at the next knot is 4 f3 - 6 f2 + 4 f1 - f0.
    weights = [each.weight for _, each in past]
    assert len(past) == KNOTS
    assert torch.allclose(found.model.weight, 4 * weights[3] - 6 * weights[2] + 4 * weights[1] - weights[0])
    assert torch.allclose(found.slope, Point.at(rows, found.model).slope)
    assert (found.residual(part, scale) < point.residual(part, scale)).all()
    best, _, _ = proximal_newton(rows, part, point, scale, LIMITS)
    assert ahead(rows, past, part, best, scale).model.weight.equal(best.model.weight)  # where that is not nearer
    assert ahead(rows, past[1:], part, point, scale) is point  # too few
    assert ahead(rows, [*past[1:], past[-1]], part, point, scale) is point  # the same lambda twice
    assert ahead(rows, past, terms(Candidate("l2", 0.0)), point, scale) is point
