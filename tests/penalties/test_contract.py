"""One list of penalties through every property that the contract promises."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from sklearn.linear_model import enet_path

from search.penalties import L1, L2, PENALTY_TYPES, ElasticNet, GroupLasso, NoPenalty, make_penalty
from search.records import PENALTIES

UNITS, FEATURES = 2, 3
CASES = {
    "none": NoPenalty(),
    "l1": L1(),
    "l2": L2(),
    "elastic_net": ElasticNet(0.3),
    "elastic_net almost l2": ElasticNet(0.0005),
    "group_lasso": GroupLasso(),
}
# Omega(w) of a (units, features) array, as the design writes it.
FORMULAS = {
    "none": lambda w: 0.0,
    "l1": lambda w: np.abs(w).sum(),
    "l2": lambda w: np.linalg.norm(w) ** 2 / 2,
    "elastic_net": lambda w: 0.3 * np.abs(w).sum() + 0.7 * np.linalg.norm(w) ** 2 / 2,
    "elastic_net almost l2": lambda w: 0.0005 * np.abs(w).sum() + 0.9995 * np.linalg.norm(w) ** 2 / 2,
    "group_lasso": lambda w: np.sqrt(len(w)) * sum(np.linalg.norm(column) for column in w.T),
}
WITH_FINITE_MAX = ("l1", "elastic_net", "group_lasso")
every_penalty = pytest.mark.parametrize("name", CASES)

# Zeros and ties with a threshold are where a proximal map goes wrong, so they are drawn often.
entries = st.one_of(st.sampled_from([0.0, 0.5, -0.5, 1.0]), st.floats(-3, 3))
weights = arrays(np.float64, (UNITS, FEATURES), elements=entries).map(torch.from_numpy)
columns = arrays(np.float64, (UNITS, 1), elements=entries).map(torch.from_numpy)
strengths = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 4)).map(lambda s: torch.tensor(s).double())
few = settings(max_examples=20, deadline=None)


@every_penalty
@few
@given(weight=weights, strength=strengths)
def test_the_smooth_gradient_is_that_of_the_smooth_part(name, weight, strength):
    free = weight.clone().requires_grad_()
    smooth = CASES[name].smooth(free)
    expected = torch.autograd.grad(strength * smooth, free)[0] if smooth.requires_grad else torch.zeros_like(weight)
    found = CASES[name].smooth_gradient(weight, strength)
    torch.testing.assert_close(torch.zeros_like(weight) if found is None else found, expected)


def rest(penalty, weight):
    return penalty.value(weight) - penalty.smooth(weight)


def optimum(penalty, target, strength):
    """argmin of 1/2 ||w - target||^2 + strength * Omega(w): the curvature of the smooth part, then the prox."""
    unit = torch.zeros_like(target)
    unit[0, 0] = 1.0
    stretch = 1 + strength * 2 * penalty.smooth(unit)
    return penalty.prox(target / stretch, strength / stretch)


def slope_of(penalty, weight):
    """The autograd gradient of Omega as training meets it: added to a loss."""
    weight = weight.clone().requires_grad_()
    (slope,) = torch.autograd.grad(penalty.value(weight) + 0.0 * weight.sum(), weight)
    return slope


def dot(a, b):
    return float((a * b).sum())


def test_the_list_is_complete():
    assert {penalty.name for penalty in CASES.values()} == set(PENALTIES) == set(PENALTY_TYPES)
    assert all(make_penalty(name, 0.5 if name == "elastic_net" else None).name == name for name in PENALTIES)


def test_elastic_net_needs_its_ratio():
    with pytest.raises(ValueError, match="l1_ratio"):
        make_penalty("elastic_net")


@every_penalty
@given(weight=weights)
@few
def test_value_is_the_formula(name, weight):
    assert float(CASES[name].value(weight)) == pytest.approx(FORMULAS[name](weight.numpy()), rel=1e-12, abs=1e-12)


@every_penalty
@given(weight=weights, factor=st.floats(0, 5))
@few
def test_smooth_is_quadratic_and_the_rest_is_a_norm(name, weight, factor):
    penalty = CASES[name]
    assert float(penalty.smooth(factor * weight)) == pytest.approx(factor**2 * float(penalty.smooth(weight)), abs=1e-9)
    assert float(rest(penalty, factor * weight)) == pytest.approx(factor * float(rest(penalty, weight)), abs=1e-9)
    assert float(rest(penalty, weight)) >= -1e-12


@every_penalty
@given(weight=columns, strength=strengths)
@few
def test_prox_is_the_brute_force_minimum(name, weight, strength):
    """1/2 ||u - w||^2 + s rest(u) is 1-strongly convex: it grows by at least r^2 / 2 at distance r of its minimum."""
    penalty = CASES[name]
    angle = torch.linspace(0, 2 * torch.pi, 181, dtype=torch.float64)
    radius = torch.logspace(-5, 1, 31, dtype=torch.float64)
    circle = torch.stack([angle.cos(), angle.sin()], -1)[:, None, :, None]
    around = radius[:, None, None] * circle  # (angles, radii, units, 1)

    def objective(u):
        return (u - weight).square().sum((-2, -1)) / 2 + strength * rest(penalty, u)

    least = penalty.prox(weight, strength)
    assert (objective(least + around) >= objective(least) + radius**2 / 2 - 1e-12).all()


@every_penalty
@given(weight=weights, strength=strengths)
@few
def test_prox_takes_each_feature_by_itself(name, weight, strength):
    penalty = CASES[name]
    apart = [penalty.prox(weight[:, [feature]], strength) for feature in range(FEATURES)]
    torch.testing.assert_close(penalty.prox(weight, strength), torch.cat(apart, -1), rtol=1e-14, atol=1e-15)


@every_penalty
@given(x=weights, y=weights, strength=strengths)
@few
def test_prox_is_firmly_non_expansive(name, x, y, strength):
    moved = CASES[name].prox(x, strength) - CASES[name].prox(y, strength)
    assert dot(moved, moved) <= dot(moved, x - y) + 1e-12


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", WITH_FINITE_MAX)
def test_prox_reaches_exact_zeros(name, dtype):
    weight = torch.linspace(-1, 1, 40, dtype=dtype).reshape(UNITS, 20)
    assert (CASES[name].prox(weight, torch.tensor(10.0, dtype=dtype)) == 0).all()
    some = CASES[name].prox(weight, torch.tensor(0.6, dtype=dtype))
    assert 0 < int((some == 0).sum()) < some.numel()


@every_penalty
@given(target=weights, strength=strengths)
@few
def test_residual_is_zero_at_the_optimum(name, target, strength):
    best = optimum(CASES[name], target, strength)
    assert float(CASES[name].residual(best, best - target, strength)) <= 1e-12


@every_penalty
@given(target=weights, strength=strengths, weight=weights)
@few
def test_residual_bounds_the_distance_to_the_optimum(name, target, strength, weight):
    """Every subgradient of a 1-strongly convex function is at least as long as the way to its minimum."""
    best = optimum(CASES[name], target, strength)
    distance = float(torch.linalg.vector_norm(weight - best))
    residual = float(CASES[name].residual(weight, weight - target, strength))
    assert residual >= distance / weight.numel() ** 0.5 - 1e-12


@every_penalty
@given(weight=weights, strength=strengths)
@few
def test_autograd_gives_a_subgradient(name, weight, strength):
    slope = slope_of(CASES[name], weight)
    assert float(CASES[name].residual(weight, -strength * slope, strength)) <= 1e-12


@every_penalty
def test_autograd_at_zero_is_the_shortest_subgradient(name):
    assert (slope_of(CASES[name], torch.zeros(UNITS, FEATURES)) == 0).all()


@pytest.mark.parametrize("name", WITH_FINITE_MAX)
@given(gradient=weights.filter(lambda g: float(g.abs().max()) > 1e-3))
@few
def test_lambda_max_is_the_smallest_that_keeps_zero_optimal(name, gradient):
    zero, largest = torch.zeros_like(gradient), CASES[name].lambda_max(gradient)
    assert float(CASES[name].residual(zero, gradient, largest)) <= 1e-12
    assert float(CASES[name].residual(zero, gradient, 0.999 * largest)) > 1e-7


def test_lambda_max_by_glmnets_convention_where_none_is_finite():
    gradient = torch.tensor([[1.0, -3.0]])
    assert float(L2().lambda_max(gradient)) == pytest.approx(3000)
    assert float(ElasticNet(0.0005).lambda_max(gradient)) == pytest.approx(3000)
    assert float(ElasticNet(0.001).lambda_max(gradient)) == pytest.approx(3000)
    assert float(NoPenalty().lambda_max(gradient)) == 0


@pytest.mark.parametrize(
    ("name", "l1_ratio", "units"), [("l1", 1.0, 1), ("elastic_net", 0.3, 1), ("group_lasso", 1.0, 2)]
)
def test_lambda_max_is_scikit_learns(name, l1_ratio, units):
    """Its alpha multiplies ||w_g||, ours sqrt(units) ||w_g||; the loss is 1/2 squared error averaged over the rows."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 8)), rng.normal(size=(30, units))
    alphas, *_ = enet_path(x, y if units > 1 else y[:, 0], l1_ratio=l1_ratio, alphas=3)
    gradient = torch.from_numpy(-y.T @ x / len(x))
    assert float(CASES[name].lambda_max(gradient)) * units**0.5 == pytest.approx(alphas[0], rel=1e-12)


def stack(name, shape, seed=0):
    """A batch of fits with zeros in it: penalty (for elastic_net a ratio a fit), weights, gradients, strengths."""
    rng = torch.Generator().manual_seed(seed)
    weight = torch.randn(*shape, UNITS, FEATURES, generator=rng, dtype=torch.float64)
    weight[..., 1] = 0
    gradient = torch.randn(weight.shape, generator=rng, dtype=torch.float64)
    ratios = torch.rand(shape, generator=rng, dtype=torch.float64)
    return ratios if name == "elastic_net" else None, weight, gradient, torch.rand(shape, generator=rng).double()


@pytest.mark.parametrize("name", PENALTIES)
def test_a_stack_of_fits_equals_each_alone(name):
    ratios, weight, gradient, strength = stack(name, (3, 4))

    def answers(ratio, *, at):
        penalty = make_penalty(name, ratio)
        return [
            penalty.value(weight[at]),
            penalty.smooth(weight[at]),
            penalty.prox(weight[at], strength[at]),
            penalty.residual(weight[at], gradient[at], strength[at]),
            penalty.lambda_max(gradient[at]),
        ]

    together = answers(ratios, at=...)
    for fit in np.ndindex(3, 4):
        alone = answers(None if ratios is None else float(ratios[fit]), at=fit)
        for stacked, single in zip(together, alone, strict=True):
            torch.testing.assert_close(stacked[fit], single, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", PENALTIES)
def test_a_strength_broadcasts_over_the_replicates(name):
    ratios, weight, gradient, strength = stack(name, (3, 4))
    penalty = make_penalty(name, None if ratios is None else ratios[0])
    for act in (penalty.prox, lambda w, s: penalty.residual(w, gradient, s)):
        torch.testing.assert_close(act(weight, strength[0]), act(weight, strength[0].expand(3, 4)), rtol=0, atol=0)


# Small enough that scipy's laplace, which takes the logarithm of exp(-|x|), keeps its digits.
beliefs = {
    "weight": weights,
    "lambda_": st.floats(0.01, 1),
    "rows": st.integers(1, 50),
    "variance": st.floats(1, 10),
}
PRIORS = {"normal": stats.norm, "laplace": stats.laplace}


@pytest.mark.parametrize("penalty", [L1(), L2()], ids=lambda penalty: penalty.name)
@given(**beliefs)
@few
def test_prior_makes_the_fit_the_most_probable(penalty, weight, lambda_, rows, variance):
    prior = penalty.prior(lambda_, rows, variance)
    law = PRIORS[prior.family](scale=prior.scale)
    drop = law.logpdf(0.0) * weight.numel() - law.logpdf(weight.numpy()).sum()
    assert drop == pytest.approx(rows * lambda_ * float(penalty.value(weight)) / variance, rel=1e-9, abs=1e-9)


@given(**beliefs)
@few
def test_prior_of_the_group_lasso(weight, lambda_, rows, variance):
    """A group's density falls by ||w_g|| / scale; the scale is for groups of one, others have it over sqrt(size)."""
    prior = GroupLasso().prior(lambda_, rows, variance)
    drop = sum(np.linalg.norm(column) for column in weight.numpy().T) * UNITS**0.5 / prior.scale
    assert prior.family == "multivariate_laplace"
    assert drop == pytest.approx(rows * lambda_ * float(GroupLasso().value(weight)) / variance, rel=1e-9, abs=1e-9)


def test_no_penalty_is_the_flat_prior():
    assert NoPenalty().prior(0.0, 20, 1.0).family == "flat"
    assert NoPenalty().prior(0.0, 20, 1.0).scale == np.inf
