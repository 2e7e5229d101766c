"""The pieces of the quadratic solver, each against its definition: dense matrices, autograd, brute force."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.autograd.functional import hessian, jacobian

from search.penalties.group_lasso import group_norms, group_prox
from search.training.exact.active import (
    Point,
    descend,
    line_search,
    newton_step,
    proximal_step,
)
from search.training.exact.homotopy import Tableau, Way, follow, inverted
from search.training.exact.newton import System, curvature
from search.training.exact.problems import ROUNDING, SHIFT, Problems, solve_positive
from search.training.exact.proximal import Dual, evaluate, newton_direction, proximal_point
from search.training.exact.proximal import line_search as dual_line_search
from search.training.exact.quadratic import minimize
from search.training.exact.threshold import Root, kept_groups

UNITS, GROUPS, SLOTS = 3, 5, 2
KINDS = ["groups", "groups apart", "mixed", "mixed apart", "l1"]


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def problems(kind: str) -> Problems:
    """Four problems, two for each of two matrices, in an order of no kind."""
    units = 1 if kind == "l1" else UNITS
    side = GROUPS if "apart" in kind or units == 1 else units * GROUPS
    rows = drawn(2, 40, side)
    matrix, linear = rows.mT @ rows / 40, drawn(4, units, GROUPS, seed=1)
    strengths = torch.tensor([[0.1, 0.3, 0.0, 0.2], [0.2, 0.1, 0.3, 0.25]], dtype=torch.float64)
    l1 = torch.tensor([0.1, 0.05, 0.2, 0.15], dtype=torch.float64) if "mixed" in kind else None
    return Problems.on(matrix, linear, *strengths, l1, slots=SLOTS).take(torch.tensor([2, 0, 3]))


def dense(each: Problems) -> Tensor:
    """Q + ridge I of every problem in full, (m, units * groups, units * groups)."""
    units, groups = each.linear.shape[1:]
    whole = [each.matrix[i] for i in each.owner]
    if each.matrix.shape[1] == groups:
        whole = [torch.block_diag(*[one] * units) for one in whole]
    return torch.stack(whole) + each.ridge[:, None, None] * torch.eye(units * groups, dtype=torch.float64)


def objective(each: Problems, weight: Tensor) -> Tensor:
    flat = weight.flatten(1)
    value = torch.einsum("mi,mij,mj->m", flat, dense(each), flat) / 2 - (flat * each.linear.flatten(1)).sum(1)
    value = value + each.group * weight.shape[1] ** 0.5 * weight.square().sum(1).sqrt().sum(1)
    return value if each.l1 is None else value + each.l1 * weight.abs().sum((1, 2))


def start(each: Problems) -> Tensor:
    """Weights, some of whose groups are zero."""
    weight = drawn(*each.linear.shape, seed=2)
    weight[:, :, 1], weight[0, :, 3] = 0.0, 0.0
    return weight


def solved(each: Problems) -> Tensor:
    return minimize(each, torch.zeros_like(each.linear), torch.full_like(each.ridge, 1e-11), 50)


@pytest.mark.parametrize("kind", KINDS)
def test_products_blocks_and_bounds_are_those_of_the_dense_matrix(kind):
    each = problems(kind)
    whole, weight = dense(each), start(each)
    units, groups = weight.shape[1:]
    product = each.product(weight)
    assert torch.allclose(product.flatten(1), (whole @ weight.flatten(1)[..., None])[..., 0])
    picked = torch.tensor([[0, 4], [3, 1], [2, 0]])
    places = (torch.arange(units)[:, None] * groups + picked[:, None]).flatten(1)
    rows = torch.stack([one[at][:, at] for one, at in zip(whole, places, strict=True)])
    assert torch.allclose(each.block(picked), rows)
    largest = whole.diagonal(dim1=1, dim2=2).view(3, units, groups).amax(1)
    assert torch.allclose(each.diagonal()[:, 0], largest)
    assert torch.allclose(each.unit_sigma(), 1 / largest.amax(1))
    above = each.majorant().expand_as(weight).flatten(1)
    assert (torch.linalg.eigvalsh(torch.diag_embed(above) - whole) > 0).all()
    absolute = (whole - torch.diag_embed(each.ridge[:, None].expand_as(above))).abs().sum(2).view_as(weight).amax(1)
    assert torch.allclose(each.majorant()[:, 0], absolute + each.ridge[:, None])
    value, size = each.objective(weight, product)
    assert torch.allclose(value, objective(each, weight))
    low = (weight * each.linear).sum((1, 2))
    assert torch.allclose(size, value + low + low.abs())
    assert torch.allclose(solve_positive(whole, product), weight)


@pytest.mark.parametrize("kind", KINDS)
def test_the_residual_is_the_distance_of_0_from_the_subdifferential(kind):
    """Which is the shortest vector over the subgradients of what is zero, found here by projected steps."""
    each = problems(kind)
    weight = start(each)
    slope = each.product(weight) - each.linear
    bound = (each.group * weight.shape[1] ** 0.5)[:, None, None]
    norm = weight.norm(dim=1, keepdim=True)
    l1 = torch.zeros_like(bound) if each.l1 is None else each.l1[:, None, None]
    signs, ball = torch.zeros_like(weight), torch.zeros_like(weight)
    for _ in range(800):
        signs = torch.where(weight != 0, weight.sign(), (signs - (slope + l1 * signs + bound * ball)).clamp(-1, 1))
        shorter = ball - 0.2 * (slope + l1 * signs + bound * ball)
        shorter = shorter / shorter.norm(dim=1, keepdim=True).clamp(min=1)
        ball = torch.where(norm > 0, weight / norm.where(norm > 0, 1.0), shorter)
    shortest = (slope + l1 * signs + bound * ball).norm(dim=1).amax(1)
    assert torch.allclose(each.residual(weight, each.product(weight)), shortest, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_root_is_that_of_the_proximal_maps_jacobian(kind):
    each = problems(kind)
    argument, sigma = 0.6 * drawn(*each.linear.shape, seed=3), torch.tensor([0.9, 1.0, 1.1], dtype=torch.float64)
    root, side = each.root(argument, sigma), argument[0].numel()
    full = torch.zeros(3, side, side, dtype=torch.float64)
    for i in range(3):
        l1 = None if each.l1 is None else sigma[i] * each.l1[i]
        own = jacobian(lambda v: group_prox(v, l1, sigma[i] * each.group[i]), argument[i])  # noqa: B023 - at once
        full[i] = own.view(side, side)
    kept = full.view(3, *argument.shape[1:], side).abs().sum((1, 3)) > 0
    assert torch.equal(root.kept(), kept)
    assert 0 < int(kept.sum()) < kept.numel()
    units = torch.eye(side, dtype=torch.float64).view(side, *argument.shape[1:])
    half = torch.stack([root.apply(unit.expand_as(argument)).flatten(1) for unit in units], 2)
    assert torch.allclose(half @ half, full, atol=1e-12)
    middle = drawn(3, side, side, seed=4)
    middle = middle + middle.mT
    assert torch.allclose(root.sandwich(middle), half @ middle @ half, atol=1e-12)
    groups = torch.tensor([[4, 1], [0, 2], [3, 4]])
    some = torch.stack([one[:, at] for one, at in zip(units[0].expand_as(argument) + argument, groups, strict=True)])
    alone = Root.at(
        torch.stack([one[:, at] for one, at in zip(argument, groups, strict=True)]),
        None if each.l1 is None else sigma * each.l1,
        sigma * each.group,
    )
    assert torch.allclose(root.on(groups).apply(some), alone.apply(some))


def test_groups_that_are_kept_come_first_in_their_order():
    kept = torch.tensor([[False, True, False, True, True], [True, False, False, False, False]])
    index = kept_groups(kept)
    assert index[0].tolist() == [1, 3, 4]
    assert index[1, 0] == 0
    assert index.shape == (2, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_newton_step_of_the_dual_solves_its_system(kind):
    """(I + sigma J Q) d = -(t - P), J by autograd; and the step that is taken has psi's derivative about 0."""
    each = problems(kind)
    sigma = 20 * each.unit_sigma()
    centre, inner = start(each), drawn(*each.linear.shape, seed=5)
    dual = evaluate(each, centre, sigma, inner, each.product(inner))
    whole, side = dense(each), centre[0].numel()
    assert torch.allclose(
        dual.argument, centre - sigma[:, None, None] * (each.product(inner) - each.linear), rtol=1e-12
    )
    assert torch.allclose(dual.gap + dual.point, inner)
    assert torch.allclose(dual.slope, each.product(dual.gap))
    direction = newton_direction(each, sigma, dual)
    for i in range(3):
        l1 = None if each.l1 is None else sigma[i] * each.l1[i]
        own = jacobian(lambda v: group_prox(v, l1, sigma[i] * each.group[i]), dual.argument[i])  # noqa: B023 - at once
        system = torch.eye(side, dtype=torch.float64) + sigma[i] * own.view(side, side) @ whole[i]
        assert torch.allclose(system @ direction[i].flatten(), -dual.gap[i].flatten(), atol=1e-8)
    along = each.product(direction)
    size = dual_line_search(each, sigma, dual, direction, along)
    assert ((size > 0) & (size <= 1)).all()

    def derivative(at: Tensor) -> Tensor:
        t = inner + at[:, None, None] * direction
        moved = evaluate(each, centre, sigma, t, each.product(t))
        return (along * moved.gap).sum((1, 2))

    first = derivative(torch.zeros_like(size))
    assert (first < 0).all()
    full = derivative(torch.ones_like(size)) <= 1e-3 * first.abs()
    assert (size[full] == 1).all()
    near = 2.0**-11
    assert (derivative(size - near) <= 1e-12)[~full].all()
    assert (derivative(size + near) >= -1e-12)[~full].all()
    taken = dual.take(torch.tensor([2, 0]))
    assert isinstance(taken, Dual)
    assert torch.equal(taken.slope, dual.slope[[2, 0]])


@pytest.mark.parametrize("kind", KINDS)
def test_a_proximal_point_is_near_the_minimum_of_the_objective_and_its_proximal_term(kind):
    each = problems(kind)
    centre = start(each)
    sigma = torch.tensor([0.5, 5.0, 50.0], dtype=torch.float64)
    found = proximal_point(each, centre, sigma, torch.zeros_like(sigma))
    # The same minimum as that of a quadratic with a ridge of 1 / sigma more, and the centre in its linear term.
    more = Problems(
        each.matrix,
        each.owner,
        each.slot,
        each.slots,
        each.linear + centre / sigma[:, None, None],
        each.ridge + 1 / sigma,
        each.group,
        each.l1,
    )
    best = solved(more)
    assert ((found - best).flatten(1).norm(dim=1) <= 0.6 * (centre - best).flatten(1).norm(dim=1)).all()
    for _ in range(30):
        found = proximal_point(each, found, sigma * 10, torch.full_like(sigma, 1e-10))
    assert torch.allclose(found, solved(each), atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_a_direction_is_newtons_on_the_weights_that_are_not_zero(kind):
    each = problems(kind)
    ahead = start(each)
    slope = each.product(ahead) - each.linear
    direction, whole = System.of(each, ahead).direction(each, slope, ahead), dense(each)
    for i in range(3):
        moving = ahead[i].flatten() != 0

        def value(flat: Tensor) -> Tensor:
            weight = ahead.flatten(1).clone()
            weight[i, moving] = flat  # noqa: B023 - called at once
            alive = group_norms(ahead) > 0
            own = weight.view_as(ahead)
            quadratic = (own.flatten(1) * (whole @ own.flatten(1)[..., None])[..., 0]).sum(1) / 2
            norm = own.masked_fill(~alive, 1.0).square().sum(1).sqrt().where(alive[:, 0], 0.0).sum(1)
            total = quadratic - (own * each.linear).sum((1, 2)) + each.group * ahead.shape[1] ** 0.5 * norm
            return (total if each.l1 is None else total + each.l1 * own.abs().sum((1, 2)))[i]  # noqa: B023

        at = ahead[i].flatten()[moving].clone().requires_grad_()
        (gradient,) = torch.autograd.grad(value(at), at)
        curved = hessian(value, at.detach())
        assert torch.allclose(curved @ direction[i].flatten()[moving], -gradient, atol=1e-6)
        assert (direction[i].flatten()[~moving] == 0).all()


def test_curvature_is_the_hessian_of_the_norms():
    weight = drawn(2, 3, 4)
    norm, scale = weight.norm(dim=1), torch.tensor([[2.0, 0.5, 1.0, 3.0]] * 2, dtype=torch.float64)
    found = curvature(weight / norm[:, None], scale / norm)
    for i in range(2):
        own = hessian(lambda w: (scale[i] * w.view(3, 4).norm(dim=0)).sum(), weight[i].flatten())  # noqa: B023
        assert torch.allclose(found[i], own)


@pytest.mark.parametrize("kind", KINDS)
def test_line_search_and_proximal_step_lower_the_objective_as_far_as_they_promise(kind):
    each = problems(kind)
    point = Point.at(each, start(each))
    direction = 1.5 * (solved(each) - point.weight) + 0.3 * drawn(*point.weight.shape, seed=6)
    found = line_search(each, point, direction)
    grid = torch.stack([objective(each, point.weight + size * direction) for size in torch.linspace(0, 1, 400)])
    assert (found.value <= grid.amin(0) + 1e-5 * grid.abs().amax()).all()  # its size is bisected to 2^-16
    stepped = proximal_step(each, found)
    assert (stepped.value <= found.value + 1e-12).all()
    length = 1 / each.majorant()
    slope = found.product - each.linear

    def above(weight: Tensor) -> Tensor:  # the majorant of the objective, which the step minimises
        ahead = weight - found.weight
        value = (slope * ahead + ahead.square() / (2 * length)).sum((1, 2))
        value = value + each.group * weight.shape[1] ** 0.5 * weight.norm(dim=1).sum(1)
        return value if each.l1 is None else value + each.l1 * weight.abs().sum((1, 2))

    least = above(stepped.weight)
    for seed in range(20):
        assert (least <= above(stepped.weight + 0.02 * drawn(*slope.shape, seed=seed)) + 1e-12).all()


@pytest.mark.parametrize("kind", KINDS)
def test_newton_steps_near_the_optimum_arrive_and_what_went_through_zero_stays_there(kind):
    each = problems(kind)
    best = solved(each)
    assert (each.residual(best, each.product(best)) <= 1e-11).all()
    near = torch.where(best != 0, best + 1e-3 * drawn(*best.shape, seed=7), best)
    point = Point.at(each, near)
    for _ in range(4):
        _, _, cut = newton_step(each, point, None)
        point = Point.at(each, cut)
    assert torch.allclose(point.weight, best, atol=1e-9)
    far = Point.at(each, start(each))
    _, direction, cut = newton_step(each, far, None)
    assert ((cut == 0) | torch.isclose(cut, far.weight + direction)).all()
    if kind == "l1":
        assert ((cut * far.weight) >= 0).all()
    before = far.value.clone()
    descend(each, far, torch.full_like(before, 1e-11))
    assert (far.value <= before).all()
    assert torch.allclose(far.value, objective(each, far.weight))
    assert torch.allclose(far.residual, each.residual(far.weight, each.product(far.weight)))


def test_a_point_is_better_by_its_value_and_by_its_residual_only_where_values_are_alike():
    each = problems("l1")
    point = Point.at(each, start(each))
    assert torch.allclose(point.noise, ROUNDING * each.objective(point.weight, point.product)[1])

    def changed(value: float, residual: float) -> Point:
        return Point(
            point.weight, point.product, point.residual * residual, point.value + value * point.noise, point.noise
        )

    for value, residual, better in (
        (-5, 2, True),
        (-0.4, 0.5, True),
        (-0.4, 2, False),
        (0.4, 0.5, True),
        (5, 0.1, False),
    ):
        assert (changed(value, residual).beats(point) == better).all(), (value, residual)


# The homotopy


def test_a_tableau_exchanges_the_active_weights_with_their_pulls():
    """(x_A, y_I) from (y_A, x_I) where y = (Q + ridge I) x: built at once, and one pivot after the other."""
    each = problems("l1")
    whole = dense(each)
    active = torch.tensor([[1, 0, 1, 0, 1], [0, 1, 0, 0, 0], [0, 0, 0, 0, 0]]).bool()
    tableau, grown = Tableau.of(each, active), Tableau.of(each, torch.zeros_like(active))
    assert torch.allclose(grown.entries, whole)
    grown.pivot(torch.tensor([0, 1]), torch.tensor([0, 1]))
    for at in (2, 4):
        grown.pivot(torch.tensor([0]), torch.tensor([at]))
    assert torch.allclose(grown.entries, tableau.entries)
    x = drawn(3, GROUPS, seed=8)
    y = (whole @ x[..., None])[..., 0]
    given, told = torch.where(active, y, x), torch.where(active, x, y)
    assert torch.allclose((tableau.entries @ given[..., None])[..., 0], told)
    grown.pivot(torch.arange(3), torch.tensor([0, 1, 3]))
    grown.pivot(torch.arange(3), torch.tensor([0, 1, 3]))  # there and back again
    assert torch.allclose(grown.entries, tableau.entries)


def test_a_singular_block_has_the_inverse_of_one_nearby():
    sound, flat = torch.diag(torch.tensor([2.0, 4.0]).double()), torch.ones(2, 2, dtype=torch.float64)
    found = inverted(torch.stack([sound, flat]))
    assert torch.allclose(found[0], torch.linalg.inv(sound), rtol=1e-14, atol=0.0)
    near = flat + SHIFT * torch.eye(2, dtype=torch.float64)
    assert torch.allclose(found[1], torch.linalg.inv(near), rtol=1e-5)


@pytest.mark.parametrize("warm", [False, True])
def test_every_stop_of_the_homotopy_is_optimal(warm):
    each = problems("l1")
    top = each.linear.abs().amax((1, 2))
    strengths = top[:, None] * torch.tensor([0.8, 0.5, 0.2, 0.05, 0.01], dtype=torch.float64)
    begin = torch.zeros_like(each.linear[:, 0])
    if warm:
        begin = follow(each, begin, strengths[:, :2])[:, 1]
    found = follow(each, begin, strengths)
    # From zero every stop is optimal. From an optimum in between, those after it are.
    for i in range(2 if warm else 0, 5):
        own = Problems(each.matrix, each.owner, each.slot, each.slots, each.linear, each.ridge, strengths[:, i], None)
        weight = found[:, i, None]
        assert (own.residual(weight, own.product(weight)) < 1e-12 * top).all()


def test_a_walk_from_any_weights_ends_at_the_optimum():
    each = problems("l1")
    way = Way.of(each, start(each)[:, 0], each.group)
    active = way.weight != 0
    assert torch.equal(way.active, active)
    # The start is optimal for the linear term without the drift.
    pull = each.linear[:, 0] - each.product(way.weight[:, None])[:, 0] - way.drift
    assert torch.allclose(pull, way.pull)
    assert torch.allclose(pull[active], (way.start[:, None] * way.sign)[active])
    assert (pull.abs() <= way.start[:, None] + 1e-12).all()
    assert torch.allclose(way.start + way.slope, each.group)
    found = follow(each, start(each)[:, 0], each.group[:, None])
    assert (each.residual(found, each.product(found)) < 1e-12).all()
    assert torch.allclose(found, solved(each), atol=1e-9)


def test_a_column_that_others_explain_does_not_enter():
    rows = drawn(1, 40, 3)
    rows = torch.cat([rows, rows[..., :1] + rows[..., 1:2]], 2)
    linear = (rows.mT @ drawn(1, 40, 1, seed=9)).mT / 40 * 5
    each = Problems.on(rows.mT @ rows / 40, linear, *torch.tensor([[0.0], [1e-3]], dtype=torch.float64), None)
    found = follow(each, torch.zeros_like(linear[:, 0]), each.group[:, None])
    assert (each.residual(found, each.product(found)) < 1e-10).all()
    assert int((found != 0).sum()) <= 3
