"""The pieces of the paths: working sets, blocks of candidates, duality gaps, least squares; and what `solve` says."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from search.core.candidate import Candidate
from search.core.errors import UserError
from search.penalties.group_lasso import group_prox
from search.training.exact import LIMITS, solve
from search.training.exact.block import Block
from search.training.exact.path import Path, duality_gap, largest_feasible
from search.training.exact.solution import BLOCK_BYTES, Terms, chunks, path_order, relative, terms
from search.training.exact.squared import Rows, above_least_squares, ridge_path
from search.training.exact.working import LEAST, SMALL, Columns, active, strong_share

MIXED = {"l1_ratio": 0.4}


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def part_of(penalty: str, lambda_: float) -> Terms:
    return terms(Candidate(penalty, lambda_, **(MIXED if penalty in ("sparse_group_lasso", "elastic_net") else {})))


def block(penalty: str, outputs: int, *lambdas: float) -> Block:
    return Block.of([part_of(penalty, each) for each in lambdas], drawn(1), outputs)


# Working sets


def test_columns_hold_the_marked_features_and_take_weights_there_and_back():
    x = drawn(2, 6, 7)
    members = torch.zeros(2, 7, dtype=torch.bool)
    members[0, [1, 4, 5]], members[1, [6]] = True, True
    found = Columns.of(x, members)
    assert found.index[0].tolist() == [1, 4, 5]
    assert found.real.tolist() == [[True, True, True], [True, False, False]]
    assert torch.equal(found.x[0], x[0][:, [1, 4, 5]])
    assert torch.equal(found.x[1, :, 0], x[1, :, 6])
    assert (found.x[1, :, 1:] == 0).all()
    for shape in ((2, 3), (2, 2, 3), (2, 4, 2, 3)):
        weight = drawn(*shape)
        every = found.spread(weight)
        assert every.shape == (*shape[:-1], 7)
        assert torch.equal(every[0][..., [1, 4, 5]], weight[0])
        assert torch.equal(every[1][..., 6], weight[1][..., 0])
        assert int((every != 0).sum()) == weight[0].numel() + weight[1][..., 0].numel()
        back = found.gather(every)
        assert torch.equal(back[0], weight[0])
        assert (back[1][..., 1:] == 0).all()
    more = torch.zeros_like(members)
    more[:, 0] = True
    both = found.joined(Columns.of(x, more))
    assert torch.equal(both.members, members | more)
    assert torch.equal(both.x[..., -1], x[..., 0])
    assert torch.equal(both.index[:, -1], torch.zeros(2).long())
    assert Columns.of(x, torch.ones_like(members)).x is x


@pytest.mark.parametrize("features", [SMALL, SMALL + 1])
def test_few_features_are_all_looked_at_from_the_start_and_many_none(features):
    found = Columns.first(torch.zeros(2, 3, features))
    assert found.members.shape == (2, features)
    assert found.members.all() == (features <= SMALL)
    assert found.x.shape[2] == (features if features <= SMALL else 0)


def test_the_largest_excess_is_added_and_not_many_more_than_there_are_weights():
    x = torch.zeros(2, 3, 400).double()
    excess, weight = drawn(2, 400), torch.zeros(2, 1, 400).double()
    found = Columns.first(x)
    wanted = found.wanted(excess, weight)
    for i in range(2):
        assert set(excess[i].topk(LEAST).indices.tolist()) == set(wanted[i].nonzero()[:, 0].tolist())
    weight[0, 0, :100] = 1.0
    assert found.wanted(excess, weight).sum(1).tolist() == [100, 100]
    assert active(weight) == 100
    few = torch.where(torch.arange(400) < 5, 1.0, -1.0).double().expand(2, -1)
    assert found.wanted(few, weight).sum(1).tolist() == [5, 5]
    held = Columns.of(x, torch.arange(400).expand(2, -1) < 3)
    assert held.wanted(few, weight).nonzero()[:, 1].tolist() == [3, 4] * 2


def test_a_working_set_is_trimmed_only_where_most_of_it_is_idle():
    x = drawn(1, 3, 1000)
    weight = torch.zeros(1, 2, 1000).double()
    weight[0, 0, 7], weight[0, 1, 9] = 1.0, -1.0
    most = (3 * 2 + 4 * LEAST) // 2
    for width, kept in ((most, most), (most + 1, 2)):
        found = Columns.of(x, (torch.arange(1000) < width)[None]).trimmed(x, weight)
        assert found.x.shape[2] == kept
    assert found.index[0].tolist() == [7, 9]
    every = Columns.of(x, torch.ones(1, 1000).bool())
    assert every.trimmed(x, weight) is every


def test_the_strong_rule_is_2_lambda_minus_the_lambda_before():
    before = terms(Candidate("l1", 1.0))
    for lambda_, share in ((0.9, 2 - 1 / 0.9), (0.5, 0.0), (0.1, 0.0), (1.0, 1.0), (2.0, 1.0)):
        assert strong_share(before, [terms(Candidate("l1", lambda_))]) == pytest.approx(share)
    pair = [terms(Candidate("l1", each)) for each in (0.95, 0.8)]
    assert strong_share(before, pair) == pytest.approx(2 - 1 / 0.8)  # of the weakest
    mixed = [terms(Candidate("sparse_group_lasso", each, **MIXED)) for each in (1.0, 0.75)]
    assert strong_share(mixed[0], mixed[1:]) == pytest.approx(2 - 1 / 0.75)


# Blocks of candidates


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("penalty", ["l1", "group_lasso", "sparse_group_lasso", "elastic_net"])
def test_a_feature_stays_zero_up_to_the_hold_and_its_excess_is_what_is_beyond(penalty, outputs):
    held = block(penalty, outputs, 0.5, 0.3)
    assert held.tied == (outputs > 1 and "group" in penalty)
    pull = drawn(2, 2, outputs, 6)
    excess = held.excess(pull)
    for i in range(2):
        for place in range(6):
            own = pull[
                i, :, :, place, None
            ]  # a gradient step from zero leaves it zero where no candidate has an excess
            args = (held.l1[:, None, None], held.group[:, None, None])
            moved = group_prox(own, *args) if held.tied else group_prox(own.mT, *args)
            assert (excess[i, place] > 0) == bool((moved != 0).any())
    largest = pull.flatten()[0].abs() * torch.ones(1, 2, outputs, 1).double()
    bound = held.l1 + held.group
    expected = ((largest[0, :, 0, 0] - bound) * (math.sqrt(outputs) if held.tied else 1)).amax()
    assert float(held.excess(largest)) == pytest.approx(float(expected))
    half = ((largest[0, :, 0, 0] - bound / 2) * (math.sqrt(outputs) if held.tied else 1)).amax()
    if float(half) > 0:
        assert float(held.excess(largest, 0.5)) == pytest.approx(float(half))
    weight = drawn(2, 2, outputs, 6, seed=1)
    for c, lambda_ in enumerate((0.5, 0.3)):
        part = part_of(penalty, lambda_)
        whole = part.penalty.value(weight[:, c], torch.full((2,), lambda_).double())
        ridge = part.ridge / 2 * weight[:, c].square().sum((1, 2))
        assert torch.allclose(held.value(weight)[:, c], whole - ridge, rtol=1e-6)
    assert torch.equal(held.only(slice(1, 2)).group, held.group[1:])
    assert torch.equal(held.only(slice(1, 2)).ridge, held.ridge[1:])


def test_a_path_is_several_falling_strengths_of_l1_with_one_ridge():
    assert block("l1", 3, 0.5, 0.3, 0.3).on_one_path()
    assert block("group_lasso", 1, 0.5, 0.3).on_one_path()
    assert not block("l1", 1, 0.5).on_one_path()
    assert not block("l1", 1, 0.3, 0.5).on_one_path()
    assert not block("group_lasso", 3, 0.5, 0.3).on_one_path()
    assert not block("elastic_net", 1, 0.5, 0.3).on_one_path()


# Duality gaps


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("penalty", ["l1", "group_lasso", "sparse_group_lasso"])
def test_the_largest_feasible_scale_is_the_one_at_which_the_penalty_lets_go(penalty, outputs):
    held, pull = block(penalty, outputs, 0.5, 0.3), drawn(2, 2, outputs, 6)
    scale = largest_feasible(pull, held)
    for factor, beyond in ((1 - 1e-9, False), (1 + 1e-9, True)):
        for c in range(2):
            own = held.only(slice(c, c + 1))
            excess = own.excess((factor * scale[:, c, None, None] * pull[:, c])[:, None]).amax(1)
            assert ((excess > 0) == beyond).all()


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("penalty", ["l1", "group_lasso", "sparse_group_lasso", "elastic_net"])
def test_the_gap_is_the_objective_minus_the_best_dual_value_along_the_residual(penalty, outputs):
    x, y = drawn(1, 20, 6), drawn(1, 20, outputs, seed=1)
    held, weight = block(penalty, outputs, 0.2), 0.2 * drawn(1, 1, outputs, 6, seed=2)
    weight[..., 2] = 0.0
    residual = y[:, None] - x[:, None] @ weight.mT
    pull = residual.mT @ x[:, None] / 20 - held.ridge * weight
    gap = duality_gap(y[:, None], residual, weight, pull, held)
    ridge = held.ridge[0] * weight.square().sum()
    primal = residual.square().sum() / 40 + ridge / 2 + held.value(weight)[0, 0]
    square, inner = residual.square().sum() / 20 + ridge, (residual * y[:, None]).sum() / 20
    top = largest_feasible(pull, held)[0, 0]
    dual = max(float(s * inner - s**2 / 2 * square) for s in torch.linspace(0, float(top), 2001))
    assert float(gap) * float(primal) == pytest.approx(float(primal) - dual, rel=1e-5)
    assert dual < float(primal)


def test_gaps_are_relative_to_the_objective_or_to_a_share_of_that_at_zero():
    y = torch.full((1, 1, 4, 2), 3.0).double()  # the objective at w = 0 is 9
    gap = torch.tensor([[0.5, -1.0, 0.5]]).double()
    value = torch.tensor([[2.0, 1.0, 0.0]]).double()
    assert relative(gap, value, y).tolist()[0] == pytest.approx([0.25, 0.0, 0.5 / (1e-8 * 9)])


# Least squares


def as_they_are(x, y):
    """Rows that are centred at zero."""
    return Rows(x, y, torch.zeros_like(x[:, 0]), torch.zeros_like(y[:, 0]), None)


@pytest.mark.parametrize("outputs", [1, 2])
def test_ridge_solves_the_normal_equations_and_its_gap_bounds_the_distance(outputs):
    x, y = drawn(2, 30, 4), drawn(2, 30, outputs, seed=1)
    ridge = torch.tensor([0.0, 0.1, 3.0]).double()
    weight, gap = ridge_path(x, y, ridge, 30)
    for c, each in enumerate(ridge):
        slope = weight[:, c] @ (x.mT @ x / 30 + each * torch.eye(4)) - y.mT @ x / 30
        assert slope.abs().max() < 1e-13
    assert (gap < 1e-14).all()
    few, target = as_they_are(x, y).reduced()
    again, _ = ridge_path(few, target, ridge, 30)
    assert torch.allclose(again, weight, rtol=1e-9, atol=1e-12)
    dead = torch.cat([x, x[..., :1]], 2)
    least, _ = ridge_path(dead, y, ridge[:1], 30)
    assert torch.allclose(least[..., 0], least[..., 4])  # the least norm shares what is alike


def test_columns_that_are_nearly_alike_lose_no_digits_where_rows_are_reduced():
    x, y = drawn(1, 100, 4), drawn(1, 100, 1, seed=1)
    x = torch.cat([x, x[..., :1] + 1e-6 * drawn(1, 100, 1, seed=2)], 2)
    few, _ = as_they_are(x, y).reduced()
    least = torch.linalg.svdvals(x)[0, -1] / 10
    assert torch.linalg.svdvals(few)[0, -1] / few.shape[1] ** 0.5 == pytest.approx(float(least), rel=1e-7)


def test_the_distance_above_least_squares_is_that_of_the_objectives():
    x, y = drawn(2, 30, 4), drawn(2, 30, 2, seed=1)
    best, _ = ridge_path(x, y, torch.zeros(1).double(), 30)
    part, weight = terms(Candidate("l1", 0.01)), best[:, 0] + 0.1 * drawn(2, 2, 4, seed=2)
    found = above_least_squares(x, y, weight, part)
    loss, least = ((y - x @ each.mT).square().sum((1, 2)) / 60 for each in (weight, best[:, 0]))
    penalty = 0.01 * weight.abs().sum((1, 2))
    assert torch.allclose(found, (loss + penalty - least) / (loss + penalty))
    units = torch.tensor([1.0, 1e6, 1e-6, 1.0]).double()
    there = weight / units
    other = above_least_squares(x * units, y, there, terms(Candidate("l1", 0.0)))
    assert torch.allclose(other, (loss - least) / loss, rtol=1e-6)


def test_replicates_are_cut_into_pieces_that_fit_a_block_and_lose_none():
    for entries in (1, 2**18, 2**21, 2**40):
        pieces = chunks(7, entries)
        assert torch.equal(torch.cat(pieces), torch.arange(7))
        assert all(len(piece) == 1 or 8 * entries * len(piece) <= BLOCK_BYTES for piece in pieces)
    assert len(chunks(7, 1)) == 1
    assert len(chunks(7, BLOCK_BYTES // 16)) == 4


def test_a_path_goes_penalty_by_penalty_from_strong_to_weak():
    mix = [Candidate("l2", 0.1), Candidate("l1", 0.1), Candidate("l2", 3.0), Candidate("l1", 2.0)]
    assert path_order([terms(each) for each in mix]) == [3, 1, 2, 0]


def test_what_is_not_convex_is_refused():
    with pytest.raises(UserError, match=r"exact.*no solution for mcp"):
        terms(Candidate("mcp", 0.1, gamma=3.0))


# The path


def test_a_path_keeps_where_it_is_its_pull_and_its_last_step():
    x, y = drawn(2, 40, 6), drawn(2, 40, 2, seed=1)
    x, y = x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
    path, parts = Path.start(x, y), [terms(Candidate("group_lasso", each)) for each in (0.2, 0.15, 0.05)]
    assert path.share(parts[0]) == 0.0
    path, _, _ = path.solved(parts[:1], 10)
    assert path.share(parts[1]) == 0.0  # nothing is known of a step
    first = path.weight
    path, weight, gap = path.solved(parts[1:2], 10)
    assert (gap <= LIMITS.gap).all()
    assert torch.equal(path.weight, weight[:, -1])
    assert torch.allclose(path.change, path.weight - first)
    assert path.step == pytest.approx(0.05)
    assert torch.allclose(path.pull, (y - x @ path.weight.mT).mT @ x / 40)
    assert path.share(terms(Candidate("group_lasso", 0.125))) == pytest.approx(0.5)
    assert path.share(parts[2]) == 1.0
    assert path.share(terms(Candidate("l1", 0.125))) == 0.0
    ahead = path.predicted([terms(Candidate("group_lasso", 0.125))], tied=True)[:, 0]
    line = path.weight + path.change / 2
    turned = (line * path.weight).sum(1, keepdim=True) <= 0
    assert torch.allclose(ahead, torch.where(turned, 0.0, line))
    other, _ = path.begun([terms(Candidate("sparse_group_lasso", 0.1, **MIXED))])
    assert (other.weight == 0).all()  # another penalty starts anew
    assert torch.equal(other.pull, path.linear)
    assert other.before is None


def test_a_block_has_candidates_of_one_penalty_and_where_weights_are_many_one_path_or_one():
    few, many = (Path.start(drawn(1, 100, p), drawn(1, 100, 1, seed=1)) for p in (10, 100))
    l1 = [terms(Candidate("l1", each)) for each in (0.3, 0.2, 0.1)]
    mixed = [terms(Candidate("elastic_net", each, **MIXED)) for each in (0.3, 0.2)]
    assert few.next_block(l1 + mixed) == l1
    assert few.next_block(mixed + l1) == mixed
    assert many.next_block(l1 + mixed) == l1  # a homotopy serves several
    assert many.next_block(mixed + l1) == mixed[:1]
    outputs = Path.start(drawn(1, 100, 100), drawn(1, 100, 3, seed=1))
    tied = [terms(Candidate("group_lasso", each)) for each in (0.3, 0.2)]
    assert outputs.next_block(tied) == tied[:1]
    assert outputs.next_block(l1 + tied) == l1


# What `solve` says


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
@pytest.mark.parametrize("penalty", ["none", "l2", "l1"])
def test_weighted_rows_are_rows_that_are_repeated_and_every_fit_is_told(kind, penalty):
    x, noise = drawn(2, 24, 3), drawn(2, 24, 2, seed=1)
    y = {
        "regression": x[..., :2] + noise,
        "binary": (x[..., 0] + 2 * noise[..., 0] > 0).long(),
        "multiclass": torch.cat([x[..., :1] + 2 * noise, torch.zeros(2, 24, 1)], 2).argmax(2),
    }[kind]
    counts = torch.tensor([1, 2, 3]).repeat(8)
    weight = (counts / 2.0).double().expand(2, -1)
    told: list[int] = []
    candidates = [Candidate(penalty, each) for each in ([0.0] if penalty == "none" else [0.02, 0.2])]
    found = solve(x, y, kind, candidates, weight=weight, report=told.append)
    again = solve(x.repeat_interleave(counts, 1), y.repeat_interleave(counts, 1), kind, candidates)
    assert torch.allclose(found.weight, again.weight, atol=1e-5)
    assert torch.allclose(found.bias, again.bias, atol=1e-5)
    assert found.converged.all()
    assert torch.equal(found.converged, found.error <= (LIMITS.gap if kind == "regression" else LIMITS.residual))
    assert sum(told) == 2 * len(candidates)
    assert found.weight.shape[2] == {"regression": 2, "binary": 1, "multiclass": 3}[kind]


def test_the_bias_is_that_of_the_inputs_as_they_came_and_no_zero_is_negative():
    x, y = drawn(1, 30, 4), drawn(1, 30, 1, seed=1)
    plain, moved = (solve(x + shift, y, "regression", [Candidate("l1", 0.05)]) for shift in (0.0, 10.0))
    assert torch.allclose(moved.weight, plain.weight, atol=1e-9)
    assert torch.allclose(moved.bias, plain.bias - 10 * plain.weight.sum(-1), atol=1e-7)
    assert torch.allclose((y - x @ plain.weight[0].mT - plain.bias[0]).mean(1), torch.zeros(1, 1).double(), atol=1e-12)
    assert not plain.weight[plain.weight == 0].signbit().any()
    classes = (y[..., 0] > 0).long()
    assert solve(x, classes, "multiclass", [Candidate("l2", 0.1)], outputs=4).weight.shape[2] == 4
