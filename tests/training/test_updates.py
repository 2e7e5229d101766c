"""The updates, schedules and penalties of a stack piece by piece: against torch's own, and one candidate at a time."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from search.core.candidate import Candidate
from search.models import Product
from search.penalties import PENALTIES, make_penalty
from search.training.optimizer import OPTIMIZERS, Step, descend
from search.training.regulariser import add_gradient, by_penalty, penalty_groups
from search.training.schedule import schedule_factor

RATES, MOMENTA = [0.1, 0.03], [0.9, 0.5]


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def settings(lr: float | list[float], momentum: float | list[float]):
    """Settings of two candidates, as `PerCandidate` gives them."""
    values = {"lr": lr, "momentum": momentum}

    def setting(name: str, ndim: int) -> float | Tensor:
        value = values[name]
        return value if isinstance(value, float) else torch.tensor(value).double().reshape(-1, *[1] * (ndim - 2))

    return setting


PEERS = {
    "sgd": lambda own, lr, momentum: torch.optim.SGD(own, lr, momentum=momentum),
    "adam": lambda own, lr, _: torch.optim.Adam(own, lr),
    "adamw": lambda own, lr, _: torch.optim.AdamW(own, lr, weight_decay=0.0),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize(("lr", "momentum"), [(0.1, 0.0), (0.1, 0.9), (RATES, 0.5), (RATES, MOMENTA), (0.1, MOMENTA)])
@pytest.mark.parametrize("factor", [1.0, 0.5, [0.5, 0.25]])
def test_updates_are_torchs_for_every_candidate(name, lr, momentum, factor):
    own, optimizer = settings(lr, momentum), OPTIMIZERS[name]
    parameters = {"weight": drawn(2, 2, 3, 4), "bias": drawn(2, 2, 3, seed=1), "frozen": drawn(2, 2, 1, seed=2)}
    peers = {key: value.clone() for key, value in parameters.items()}
    moments = optimizer.start(parameters, own)
    for number in range(1, 5):
        gradients = {"weight": drawn(2, 2, 3, 4, seed=number), "bias": drawn(2, 2, 3, seed=10 + number)}
        factors = torch.tensor(factor).double() if isinstance(factor, list) else factor
        optimizer.update(parameters, gradients, moments, Step(number, own, factors))
    for c in range(2):
        rate, inertia, share = (each if isinstance(each, float) else each[c] for each in (lr, momentum, factor))
        leaves = {key: peers[key][:, c].clone().requires_grad_() for key in ("weight", "bias")}
        peer = PEERS[name](list(leaves.values()), rate * share, inertia)
        for number in range(1, 5):
            leaves["weight"].grad = drawn(2, 2, 3, 4, seed=number)[:, c].clone()
            leaves["bias"].grad = drawn(2, 2, 3, seed=10 + number)[:, c].clone()
            peer.step()
        for key, leaf in leaves.items():
            assert torch.allclose(parameters[key][:, c], leaf.detach(), rtol=1e-6, atol=1e-9)
    assert torch.equal(parameters["frozen"], peers["frozen"])


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize(("lr", "momentum"), [(0.1, 0.5), (RATES, MOMENTA)])
def test_the_reach_is_how_far_a_constant_gradient_moves_a_weight_in_the_long_run(name, lr, momentum):
    own, optimizer = settings(lr, momentum), OPTIMIZERS[name]
    parameters, gradient = {"weight": torch.zeros(2, 2, 3, 4).double()}, drawn(2, 2, 3, 4)
    moments = optimizer.start(parameters, own)
    for number in range(1, 301):
        before, step = parameters["weight"].clone(), Step(number, own)
        optimizer.update(parameters, {"weight": gradient}, moments, step)
    reach = optimizer.reach("weight", 4, moments, step)
    assert torch.allclose(before - parameters["weight"], reach * gradient, rtol=1e-6)


@pytest.mark.parametrize("lr", [0.1, RATES])
def test_a_product_is_descended_as_the_gradient_that_it_is(lr):
    slope, inputs = drawn(2, 2, 3, 5), drawn(2, 4, 5, seed=1)
    rate = lr if isinstance(lr, float) else torch.tensor(lr).double()[:, None, None]
    ours, plain = drawn(2, 2, 3, 4, seed=2), drawn(2, 2, 3, 4, seed=2)
    descend(ours, Product(slope, inputs), rate)
    descend(plain, torch.einsum("rckn,rpn->rckp", slope, inputs), rate)
    assert torch.allclose(ours, plain)
    assert torch.allclose(plain, drawn(2, 2, 3, 4, seed=2) - rate * torch.einsum("rckn,rpn->rckp", slope, inputs))


@pytest.mark.parametrize("warmup", [0.0, 0.25])
def test_a_schedule_rises_linearly_and_falls_as_torchs_cosine_for_each_candidates_own_steps(warmup):
    training = SimpleNamespace(schedule="cosine", warmup=warmup)
    lengths = torch.tensor([20.0, 40.0]).double()
    together = torch.stack([schedule_factor(training, step, lengths) for step in range(20)])
    for place, length in enumerate((20, 40)):
        rising = round(warmup * length)
        peer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 1.0)
        falls = torch.optim.lr_scheduler.CosineAnnealingLR(peer, length - rising)
        for step in range(length):
            if step < rising:
                expected = (step + 1) / rising
            else:
                expected = peer.param_groups[0]["lr"]
                peer.step()
                falls.step()
            assert schedule_factor(training, step, float(length)) == pytest.approx(expected, abs=1e-12)
            if step < 20:
                assert float(together[step, place]) == pytest.approx(expected, abs=1e-12)
    assert schedule_factor(training, 30, 20.0) >= 0
    assert isinstance(schedule_factor(training, 3, 20.0), float)
    assert schedule_factor(SimpleNamespace(schedule="constant"), 3, lengths) == 1.0


# Penalties on slices of a stack


def every() -> list[Candidate]:
    """Two candidates of each penalty, in the order of a stack."""
    found = []
    for name, kind in PENALTIES.items():
        for lambda_ in (0.3, 0.1):
            own = {each.name: (3.0 if each.name == "gamma" else 0.4) for each in kind.parameters}
            found.append(Candidate(name, 0.0 if name == "none" else lambda_, **own))
    return [found[place] for place in by_penalty(found)]


def test_candidates_of_one_penalty_are_neighbours_in_their_own_order():
    mixed = [*every()[::2], *every()[1::2]]
    ordered = [mixed[place] for place in by_penalty(mixed)]
    names = [each.penalty for each in ordered]
    assert names == [name for name in PENALTIES for _ in range(2)]
    assert [each.lambda_ for each in ordered if each.penalty == "l1"] == [0.3, 0.1]


@pytest.mark.parametrize("units", [False, True])
@pytest.mark.parametrize("shape", [(4,), (3, 4), (3, 4, 2, 2)])
@pytest.mark.parametrize("steps", ["number", "candidates", "weights"])
def test_a_penalty_acts_on_each_candidates_weights_as_it_would_alone(units, shape, steps):
    candidates = every()
    weight = drawn(2, len(candidates), *shape)
    groups = penalty_groups(candidates, weight, {"weight": "lambda"}, units=units)
    assert [group.penalty.name for group in groups] == [name for name in PENALTIES if name != "none"]
    step = {
        "number": 0.5,
        "candidates": torch.linspace(0.2, 0.6, len(candidates)).double().view(-1, *[1] * len(shape)),
        "weights": torch.linspace(0.2, 0.6, 2 * len(candidates)).double().view(2, -1, *[1] * len(shape)) + 0 * weight,
    }[steps]
    sizes = torch.as_tensor(step).expand_as(weight).flatten(2)[..., 0]  # all of a candidate's are alike here
    after = {name: weight.clone() for name in ("prox", "decay")}
    added = {smooth: {"weight": torch.ones_like(weight)} for smooth in (False, True)}
    for group in groups:
        group.prox("weight", after["prox"], step)
        group.decay("weight", after["decay"], step)
    for smooth, gradients in added.items():
        add_gradient(groups, {"weight": weight}, gradients, smooth_only=smooth)
    for c, each in enumerate(candidates):
        penalty = make_penalty(each.penalty, each)
        lambda_ = torch.tensor(each.lambda_).double()
        for r in range(2):
            own = as_groups(weight[r, c], units=units)
            size = float(sizes[r, c])
            moved = {name: own.clone() for name in after}
            penalty.prox_(moved["prox"], lambda_, size)
            penalty.decay_(moved["decay"], lambda_, size)
            for name, value in after.items():
                assert torch.allclose(as_groups(value[r, c], units=units), moved[name]), (each, name)
            slopes = {True: penalty.smooth_gradient(own, lambda_), False: slope_of(penalty, own, lambda_)}
            for smooth, gradients in added.items():
                expected = torch.zeros_like(own) if slopes[smooth] is None else slopes[smooth]
                found = as_groups(gradients["weight"][r, c] - 1, units=units)
                assert torch.allclose(found, expected, atol=1e-12), (each, smooth)


def as_groups(weight: Tensor, *, units: bool) -> Tensor:
    """One weight as a matrix whose columns are its groups: an entry, all from an input, or all into a unit."""
    if weight.ndim == 1:
        return weight[None]
    if units:
        return torch.stack([unit.flatten() for unit in weight], 1)
    return torch.stack([weight[:, place].flatten() for place in range(weight.shape[1])], 1)


def slope_of(penalty, weight: Tensor, lambda_: Tensor) -> Tensor:
    leaf = weight.clone().requires_grad_()
    value = penalty.value(leaf, lambda_)
    if not value.requires_grad:
        return torch.zeros_like(weight)
    return torch.autograd.grad(value, leaf)[0]


def test_weights_have_their_own_strengths_and_a_view_is_moved_in_place():
    candidates = [Candidate("l1", 0.3, lambda_2=0.1), Candidate("l1", 0.2, lambda_2=0.0)]
    weights = {"a": drawn(1, 2, 3, 4), "b": drawn(1, 2, 3, 4, seed=1)}
    (group,) = penalty_groups(candidates, weights["a"], {"a": "lambda", "b": "lambda_2"})
    assert not group.units  # unless that is asked for
    assert group.lambdas["a"].tolist() == [0.3, 0.2]
    assert group.lambdas["b"].tolist() == [0.1, 0.0]
    before = {name: weight.clone() for name, weight in weights.items()}
    for name, weight in weights.items():
        group.prox(name, weight, 1.0)
    for name, strengths in (("a", [0.3, 0.2]), ("b", [0.1, 0.0])):
        for c, strength in enumerate(strengths):
            soft = before[name][:, c].sign() * (before[name][:, c].abs() - strength).clamp(min=0)
            assert torch.allclose(weights[name][:, c], soft)
