"""One list of penalties through every property that the contract promises."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from sklearn.linear_model import enet_path

from search.penalties import PARAMETERS, PENALTIES, Penalty, make_penalty, strengths_of

UNITS, FEATURES = 2, 3


class Case(NamedTuple):
    """A penalty's parameters, its value and its smooth part for a (units, features) array, as the design has them.

    `curvature` is the least second derivative that the penalty may take away from a loss; 0 for a convex one.
    """

    name: str
    parameters: dict[str, float]
    value: Callable[[np.ndarray, float], float]
    smooth: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = lambda w, s: 0.0 * w.sum()
    curvature: float = 0.0
    finite_max: bool = True


def half_square(w):
    return np.linalg.norm(w) ** 2 / 2


def net(ratio: float) -> Case:
    return Case(
        "elastic_net",
        {"l1_ratio": ratio},
        lambda w, s: s * (ratio * np.abs(w).sum() + (1 - ratio) * half_square(w)),
        lambda w, s: s * (1 - ratio) / 2 * w.square().sum(),
        finite_max=ratio >= 0.001,
    )


def sparse_groups(ratio: float) -> Case:
    own = {"l1_ratio": ratio}
    return Case("sparse_group_lasso", own, lambda w, s: s * (ratio * np.abs(w).sum() + (1 - ratio) * columns_norm(w)))


def minimax_concave(gamma: float) -> Case:
    def value(w, s):
        inside = s * np.abs(w) - w**2 / (2 * gamma)
        return float(np.where(np.abs(w) <= gamma * s, inside, gamma * s**2 / 2).sum())

    return Case("mcp", {"gamma": gamma}, value, curvature=1 / gamma)


def columns_norm(w):
    return np.sqrt(len(w)) * sum(np.linalg.norm(column) for column in w.T)


CASES = {
    "none": Case("none", {}, lambda w, s: 0.0, finite_max=False),
    "l1": Case("l1", {}, lambda w, s: s * np.abs(w).sum()),
    "l2": Case("l2", {}, lambda w, s: s * half_square(w), lambda w, s: s / 2 * w.square().sum(), finite_max=False),
    "elastic_net": net(0.3),
    "elastic_net almost l2": net(0.0005),
    "group_lasso": Case("group_lasso", {}, lambda w, s: s * columns_norm(w)),
    "sparse_group_lasso": sparse_groups(0.4),
    "sparse_group_lasso almost groups": sparse_groups(0.01),
    "mcp": minimax_concave(3.0),
    "mcp almost hard": minimax_concave(1.2),
}
FINITE_MAX = [key for key, case in CASES.items() if case.finite_max]
every_penalty = pytest.mark.parametrize("key", CASES)

# Zeros and ties with a threshold are where a proximal map goes wrong, so they are drawn often.
entries = st.one_of(st.sampled_from([0.0, 0.5, -0.5, 1.0]), st.floats(-3, 3))
weights = arrays(np.float64, (UNITS, FEATURES), elements=entries).map(torch.from_numpy)
columns = arrays(np.float64, (UNITS, 1), elements=entries).map(torch.from_numpy)
strengths = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 4)).map(lambda s: torch.tensor(s).double())
steps = st.sampled_from([0.1, 0.5, 1.0, 5.0])
few = settings(max_examples=20, deadline=None)


def penalty_of(key):
    return make_penalty(CASES[key].name, CASES[key].parameters)


def prox(penalty, weight, strength, step):
    """The proximal map, of weights that stay as they are."""
    moved = weight.clone()
    penalty.prox_(moved, strength, step)
    return moved


def values(key, points, strength):
    """lambda * Omega by the formula at every point of a batch (..., units, features)."""
    flat = points.reshape(-1, *points.shape[-2:]).numpy()
    found = [CASES[key].value(point, float(strength)) for point in flat]
    return torch.tensor(found, dtype=torch.float64).reshape(points.shape[:-2])


def rest(key, points, strength):
    smooth = [CASES[key].smooth(point, strength) for point in points.reshape(-1, *points.shape[-2:])]
    return values(key, points, strength) - torch.stack(smooth).reshape(points.shape[:-2])


def optimum(key, target, strength):
    """argmin of 1/2 ||w - target||^2 + penalty(w), by proximal gradient steps."""
    penalty, weight = penalty_of(key), torch.zeros_like(target)
    step = 1 / (1 + float(strength))
    for _ in range(400):
        slope = weight - target
        smooth = penalty.smooth_gradient(weight, strength)
        moved = prox(penalty, weight - step * (slope if smooth is None else slope + smooth), strength, step)
        if torch.equal(moved, weight):
            break
        weight = moved
    return weight


def slope_of(key, weight, strength):
    """The autograd gradient of the penalty as training meets it: added to a loss."""
    weight = weight.clone().requires_grad_()
    (slope,) = torch.autograd.grad(penalty_of(key).value(weight, strength) + 0.0 * weight.sum(), weight)
    return slope


def dot(a, b):
    return float((a * b).sum())


def test_the_list_is_complete():
    assert {case.name for case in CASES.values()} == set(PENALTIES)
    assert set(PARAMETERS) == {name for case in CASES.values() for name in case.parameters}


def test_unknown_names_and_missing_parameters_are_refused():
    with pytest.raises(ValueError, match="l1_ratio"):
        make_penalty("elastic_net")
    with pytest.raises(ValueError, match="no penalty 'l3'"):
        make_penalty("l3")


@every_penalty
@given(weight=weights, strength=strengths)
@few
def test_value_is_the_formula(key, weight, strength):
    expected = CASES[key].value(weight.numpy(), float(strength))
    assert float(penalty_of(key).value(weight, strength)) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@every_penalty
@given(weight=weights, strength=strengths)
@few
def test_the_smooth_gradient_is_that_of_the_smooth_part(key, weight, strength):
    free = weight.clone().requires_grad_()
    expected = torch.autograd.grad(CASES[key].smooth(free, strength), free)[0]
    found = penalty_of(key).smooth_gradient(weight, strength)
    torch.testing.assert_close(torch.zeros_like(weight) if found is None else found, expected)


@every_penalty
@given(weight=weights, strength=strengths, step=steps)
@few
def test_the_decay_is_a_step_down_the_smooth_gradient(key, weight, strength, step):
    gradient, moved = penalty_of(key).smooth_gradient(weight, strength), weight.clone()
    penalty_of(key).decay_(moved, strength, step)
    torch.testing.assert_close(moved, weight if gradient is None else weight - step * gradient)


@every_penalty
@given(weight=columns, strength=strengths, step=steps)
@few
def test_prox_is_the_brute_force_minimum(key, weight, strength, step):
    """No point of a fine polar grid around it is lower, and a strongly convex one grows by m r^2 / 2 at distance r."""
    angle = torch.linspace(0, 2 * torch.pi, 61, dtype=torch.float64)
    radius = torch.logspace(-5, 1, 13, dtype=torch.float64)
    circle = torch.stack([angle.cos(), angle.sin()], -1)[:, None, :, None]
    around = radius[:, None, None] * circle  # (angles, radii, units, 1)

    def objective(u):
        return (u - weight).square().sum((-2, -1)) / 2 + step * rest(key, u, strength)

    least = prox(penalty_of(key), weight, strength, step)
    modulus = max(0.0, 1 - step * CASES[key].curvature)
    assert (objective(least + around) >= objective(least[None]) + modulus * radius**2 / 2 - 1e-11).all()


@every_penalty
@given(weight=weights, strength=strengths, step=steps)
@few
def test_prox_takes_each_feature_by_itself(key, weight, strength, step):
    penalty = penalty_of(key)
    apart = [prox(penalty, weight[:, [feature]], strength, step) for feature in range(FEATURES)]
    torch.testing.assert_close(prox(penalty, weight, strength, step), torch.cat(apart, -1), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("key", [key for key, case in CASES.items() if PENALTIES[case.name].elementwise])
@given(weight=weights, strength=strengths, step=arrays(np.float64, (UNITS, FEATURES), elements=st.floats(0.01, 5)))
@few
def test_an_elementwise_prox_takes_a_step_a_coordinate(key, weight, strength, step):
    penalty, steps_ = penalty_of(key), torch.from_numpy(step)
    together = prox(penalty, weight, strength, steps_)
    for place in np.ndindex(UNITS, FEATURES):
        alone = prox(penalty, weight[place].reshape(1, 1), strength, float(steps_[place]))
        torch.testing.assert_close(together[place], alone[0, 0], rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("key", [key for key, case in CASES.items() if case.curvature == 0])
@given(x=weights, y=weights, strength=strengths, step=steps)
@few
def test_a_convex_prox_is_firmly_non_expansive(key, x, y, strength, step):
    penalty = penalty_of(key)
    moved = prox(penalty, x, strength, step) - prox(penalty, y, strength, step)
    assert dot(moved, moved) <= dot(moved, x - y) + 1e-12


@pytest.mark.parametrize("step", [0.5, 2.0, 3.0, 5.0])
@pytest.mark.parametrize("gamma", [1.2, 3.0])
def test_the_prox_of_mcp_is_the_lowest_point_of_a_line_also_where_the_objective_is_concave(gamma, step):
    case, strength = minimax_concave(gamma), 0.4
    line = torch.linspace(-3, 3, 1201, dtype=torch.float64)
    for start in (0.3, 0.5, 0.7, 1.0, 1.3, 2.0):
        found = prox(
            make_penalty("mcp", case.parameters), torch.tensor([[start]]).double(), torch.tensor(strength), step
        )
        heights = [(u - start) ** 2 / 2 + step * case.value(np.array([[u]]), strength) for u in line.tolist()]
        own = (float(found) - start) ** 2 / 2 + step * case.value(found.numpy(), strength)
        assert own <= min(heights) + 1e-7


@pytest.mark.parametrize("key", CASES)
def test_a_penalty_decays_by_its_smooth_gradient_unless_it_says_how(key):
    """Some do it in one pass; the contract's own way is what they must agree with."""
    penalty, weight = penalty_of(key), torch.linspace(-1, 2, 6, dtype=torch.float64).reshape(UNITS, FEATURES)
    strength = torch.tensor(0.7, dtype=torch.float64)
    own, plain = weight.clone(), weight.clone()
    penalty.decay_(own, strength, 0.3)
    Penalty.decay_(penalty, plain, strength, 0.3)
    smooth = penalty.smooth_gradient(weight, strength)
    expected = weight if smooth is None else weight - 0.3 * smooth
    torch.testing.assert_close(own, expected)
    torch.testing.assert_close(plain, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("key", FINITE_MAX)
def test_prox_reaches_exact_zeros(key, dtype):
    weight = torch.linspace(-1, 1, 40, dtype=dtype).reshape(UNITS, 20)
    assert (prox(penalty_of(key), weight, torch.tensor(10.0, dtype=dtype), 1.0) == 0).all()
    some = prox(penalty_of(key), weight, torch.tensor(0.6, dtype=dtype), 1.0)
    assert 0 < int((some == 0).sum()) < some.numel()


@every_penalty
@given(target=weights, strength=strengths)
@few
def test_residual_is_zero_at_the_optimum(key, target, strength):
    best = optimum(key, target, strength)
    assert float(penalty_of(key).residual(best, best - target, strength)) <= 1e-9


@every_penalty
@given(target=weights, strength=strengths, weight=weights)
@few
def test_residual_bounds_the_distance_to_the_optimum(key, target, strength, weight):
    """Every subgradient of an m-strongly convex function is at least m times as long as the way to its minimum."""
    best = optimum(key, target, strength)
    distance = float(torch.linalg.vector_norm(weight - best)) * (1 - CASES[key].curvature)
    residual = float(penalty_of(key).residual(weight, weight - target, strength))
    assert residual >= distance / weight.numel() ** 0.5 - 1e-9


@every_penalty
@given(weight=weights, strength=strengths)
@few
def test_autograd_gives_a_subgradient(key, weight, strength):
    slope = slope_of(key, weight, strength)
    assert float(penalty_of(key).residual(weight, -slope, strength)) <= 1e-12


@every_penalty
def test_autograd_at_zero_is_the_shortest_subgradient(key):
    assert (slope_of(key, torch.zeros(UNITS, FEATURES), torch.tensor(1.0)) == 0).all()


@pytest.mark.parametrize("key", FINITE_MAX)
@given(gradient=weights.filter(lambda g: float(g.abs().max()) > 1e-3))
@few
def test_lambda_max_is_the_smallest_that_keeps_zero_stationary(key, gradient):
    penalty, zero = penalty_of(key), torch.zeros_like(gradient)
    largest = penalty.lambda_max(gradient)
    assert float(penalty.residual(zero, gradient, largest)) <= 1e-9
    assert float(penalty.residual(zero, gradient, 0.999 * largest)) > 1e-8


@given(weight=weights, strength=strengths, step=steps)
@few
def test_the_ends_of_the_sparse_group_lasso_are_l1_and_the_group_lasso(weight, strength, step):
    for ratio, end in ((1.0, "l1"), (0.0, "group_lasso")):
        mixed, pure = make_penalty("sparse_group_lasso", {"l1_ratio": ratio}), make_penalty(end)
        torch.testing.assert_close(prox(mixed, weight, strength, step), prox(pure, weight, strength, step))
        torch.testing.assert_close(mixed.value(weight, strength), pure.value(weight, strength))
        torch.testing.assert_close(mixed.lambda_max(weight), pure.lambda_max(weight), rtol=1e-9, atol=1e-12)


@given(weight=weights, strength=strengths)
@few
def test_mcp_tends_to_l1_as_gamma_grows(weight, strength):
    mcp, l1 = make_penalty("mcp", {"gamma": 1e9}), make_penalty("l1")
    torch.testing.assert_close(prox(mcp, weight, strength, 0.5), prox(l1, weight, strength, 0.5), rtol=1e-7, atol=1e-7)


def test_mcp_leaves_large_weights_alone():
    """Beyond gamma lambda there is no shrinkage: what l1 takes from every weight is its bias (Zhang 2010)."""
    weight = torch.tensor([[0.3, 1.2, 5.0]])
    moved = prox(make_penalty("mcp", {"gamma": 3.0}), weight, torch.tensor(0.5), 1.0)
    torch.testing.assert_close(moved, torch.tensor([[0.0, 1.05, 5.0]]))


def test_lambda_max_by_glmnets_convention_where_none_is_finite():
    gradient = torch.tensor([[1.0, -3.0]])
    for name, parameters in (("l2", {}), ("elastic_net", {"l1_ratio": 0.0005}), ("elastic_net", {"l1_ratio": 0.001})):
        assert float(make_penalty(name, parameters).lambda_max(gradient)) == pytest.approx(3000)
    assert float(make_penalty("none").lambda_max(gradient)) == 0


@pytest.mark.parametrize(
    ("key", "l1_ratio", "units"), [("l1", 1.0, 1), ("elastic_net", 0.3, 1), ("group_lasso", 1.0, 2)]
)
def test_lambda_max_is_scikit_learns(key, l1_ratio, units):
    """Its alpha multiplies ||w_g||, ours sqrt(units) ||w_g||; the loss is 1/2 squared error averaged over the rows."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 8)), rng.normal(size=(30, units))
    alphas, *_ = enet_path(x, y if units > 1 else y[:, 0], l1_ratio=l1_ratio, alphas=3)
    gradient = torch.from_numpy(-y.T @ x / len(x))
    assert float(penalty_of(key).lambda_max(gradient)) * units**0.5 == pytest.approx(alphas[0], rel=1e-12)


# What the exact solvers and the rules read


@every_penalty
@given(weight=weights, strength=st.floats(0, 4))
@few
def test_the_convex_parts_add_up_to_the_penalty(key, weight, strength):
    parts, w = penalty_of(key).convex_parts(strength), weight.numpy()
    if parts is None:
        assert CASES[key].curvature > 0
        return
    total = parts.l1 * np.abs(w).sum() + parts.group * columns_norm(w) + parts.ridge * half_square(w)
    assert total == pytest.approx(CASES[key].value(w, strength), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", PENALTIES)
@given(data=st.data(), weight=weights)
@few
def test_larger_strengths_penalise_every_weight_vector_more(name, data, weight):
    def drawn():
        values = st.sampled_from([0.1, 0.5, 0.9, 1.5, 3.0])
        own = {each.name: data.draw(values.filter(each.accepts)) for each in PENALTIES[name].parameters}
        return {"penalty": name, "lambda": data.draw(st.sampled_from([0.0, 0.5, 1.0, 2.0])), **own}

    one, other = drawn(), drawn()
    if all(a >= b for a, b in zip(strengths_of(one), strengths_of(other), strict=True)):
        more, less = (
            make_penalty(name, each).value(weight, torch.tensor(each["lambda"]).double()) for each in (one, other)
        )
        assert float(more) >= float(less) - 1e-12


def test_the_strength_of_a_penalty_from_elsewhere_is_its_lambda():
    assert strengths_of({"penalty": "weight_decay", "lambda": 2.0}) == (2.0,)
    assert strengths_of({"penalty": "elastic_net", "lambda": 2.0}) == (2.0,)


# Many fits at once


def stack(name, shape, seed=0):
    """A batch of fits with zeros in it: parameters (a number a fit), weights, gradients, strengths."""
    rng = torch.Generator().manual_seed(seed)
    weight = torch.randn(*shape, UNITS, FEATURES, generator=rng, dtype=torch.float64)
    weight[..., 1] = 0
    gradient = torch.randn(weight.shape, generator=rng, dtype=torch.float64)
    own = {}
    for parameter in PENALTIES[name].parameters:
        low, high = parameter.default[0], parameter.default[-1] + (len(parameter.default) == 1)
        own[parameter.name] = low + (high - low) * torch.rand(shape, generator=rng, dtype=torch.float64)
    return own, weight, gradient, torch.rand(shape, generator=rng).double()


@pytest.mark.parametrize("name", PENALTIES)
def test_a_stack_of_fits_equals_each_alone(name):
    own, weight, gradient, strength = stack(name, (3, 4))

    def answers(parameters, *, at):
        penalty = make_penalty(name, parameters)
        smooth = penalty.smooth_gradient(weight[at], strength[at])
        return [
            penalty.value(weight[at], strength[at]),
            prox(penalty, weight[at], strength[at], 0.7),
            penalty.residual(weight[at], gradient[at], strength[at]),
            penalty.lambda_max(gradient[at]),
            torch.zeros(3, 4)[at] if smooth is None else smooth,
        ]

    together = answers(own, at=...)
    for fit in np.ndindex(3, 4):
        alone = answers({each: float(value[fit]) for each, value in own.items()}, at=fit)
        for stacked, single in zip(together, alone, strict=True):
            torch.testing.assert_close(stacked[fit], single, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", PENALTIES)
def test_a_strength_and_a_step_broadcast_over_the_replicates(name):
    own, weight, gradient, strength = stack(name, (3, 4))
    penalty = make_penalty(name, {each: value[0] for each, value in own.items()})
    step = torch.tensor([0.1, 0.5, 1.0, 2.0]).double()
    moved = prox(penalty, weight, strength[0], step[:, None, None])
    for candidate in range(4):
        alone = make_penalty(name, {each: float(value[0, candidate]) for each, value in own.items()})
        for replicate in range(3):
            single = prox(alone, weight[replicate, candidate], strength[0, candidate], float(step[candidate]))
            torch.testing.assert_close(moved[replicate, candidate], single, rtol=1e-13, atol=1e-14)
    both = [penalty.residual(weight, gradient, each) for each in (strength[0], strength[0].expand(3, 4))]
    torch.testing.assert_close(*both, rtol=0, atol=0)


# Priors

# Small enough that scipy's laplace, which takes the logarithm of exp(-|x|), keeps its digits.
beliefs = {
    "weight": weights,
    "lambda_": st.floats(0.01, 1),
    "rows": st.integers(1, 50),
    "variance": st.floats(1, 10),
}
PRIORS = {"normal": stats.norm, "laplace": stats.laplace}


@pytest.mark.parametrize("key", ["l1", "l2"])
@given(**beliefs)
@few
def test_prior_makes_the_fit_the_most_probable(key, weight, lambda_, rows, variance):
    prior = penalty_of(key).prior(lambda_, rows, variance)
    law = PRIORS[prior.family](scale=prior.scale)
    drop = law.logpdf(0.0) * weight.numel() - law.logpdf(weight.numpy()).sum()
    assert drop == pytest.approx(rows * CASES[key].value(weight.numpy(), lambda_) / variance, rel=1e-9, abs=1e-9)


@given(**beliefs)
@few
def test_prior_of_the_group_lasso(weight, lambda_, rows, variance):
    """A group's density falls by ||w_g|| / scale; the scale is for groups of one, others have it over sqrt(size)."""
    prior = penalty_of("group_lasso").prior(lambda_, rows, variance)
    drop = sum(np.linalg.norm(column) for column in weight.numpy().T) * UNITS**0.5 / prior.scale
    assert prior.family == "multivariate_laplace"
    expected = rows * CASES["group_lasso"].value(weight.numpy(), lambda_) / variance
    assert drop == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_no_penalty_is_the_flat_prior():
    assert make_penalty("none").prior(0.0, 20, 1.0).family == "flat"
    assert make_penalty("none").prior(0.0, 20, 1.0).scale == np.inf


@pytest.mark.parametrize(
    ("key", "family"), [("elastic_net", "laplace_normal"), ("sparse_group_lasso", "laplace_multivariate_laplace")]
)
def test_a_product_of_two_priors_has_no_single_scale(key, family):
    prior = penalty_of(key).prior(0.5, 20, 1.0)
    assert prior.family == family
    assert np.isnan(prior.scale)


# How they are drawn


def luminance(color: str) -> float:
    """The relative luminance of WCAG 2.2."""
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(np.dot((0.2126, 0.7152, 0.0722), linear))


def test_every_style_is_its_own_and_can_be_seen_on_white_and_on_black():
    styles = [kind.style for kind in PENALTIES.values()]
    assert all(len(set(part)) == len(styles) for part in zip(*[(s.color, s.symbol) for s in styles], strict=True))
    for style in styles:
        assert 1.05 / (luminance(style.color) + 0.05) >= 3
        assert (luminance(style.color) + 0.05) / 0.05 >= 3
