"""The exact solver against scikit-learn, the penalties' own optimality residuals, and itself in other batches."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_linnerud, load_wine
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, Ridge
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from search.core.candidate import Candidate
from search.penalties import PENALTIES, make_penalty
from search.settings import has_exact_solution
from search.training.exact import Limits, Solution, solve
from search.training.exact.newton import System
from search.training.exact.path import Path
from search.training.exact.problems import Problems
from search.training.exact.solution import terms
from search.training.exact.squared import Rows
from search.training.memory import peak_bytes

SOLVED = [name for name in PENALTIES if has_exact_solution(name)]


def candidate(penalty: str, lambda_: float) -> Candidate:
    return Candidate(penalty, lambda_, **{each.name: 0.5 for each in PENALTIES[penalty].parameters})


def loss(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Mean loss of one fit: x (n, p), weight (K, p), bias (K,)."""
    out = x @ weight.T + bias
    if y.is_floating_point():
        return (y - out).square().sum(1).mean() / 2
    if len(weight) == 1:
        return binary_cross_entropy_with_logits(out[:, 0], y.double())
    return cross_entropy(out, y)


def objective(x: Tensor, y: Tensor, candidate: Candidate, weight: Tensor, bias: Tensor) -> float:
    penalty, strength = make_penalty(candidate.penalty, candidate), torch.tensor(candidate.lambda_)
    return float(loss(x, y, weight, bias) + penalty.value(weight, strength.double()))


def residual(x: Tensor, y: Tensor, candidate: Candidate, weight: Tensor, bias: Tensor) -> float:
    """Distance from optimality, the gradient taken by autograd: independent of the solver's own."""
    weight, bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
    slope, bias_slope = torch.autograd.grad(loss(x, y, weight, bias), (weight, bias))
    penalty = make_penalty(candidate.penalty, candidate)
    strength = torch.tensor(candidate.lambda_, dtype=torch.float64)
    return max(float(penalty.residual(weight.detach(), slope, strength)), float(bias_slope.abs().max()))


def tensors(x: np.ndarray, y: np.ndarray) -> tuple[Tensor, Tensor]:
    """One replicate."""
    target = torch.tensor(y) if y.dtype.kind == "i" else torch.tensor(y, dtype=torch.float64).reshape(len(y), -1)
    return torch.tensor(StandardScaler().fit_transform(x))[None], target[None]


def diabetes(degree: int = 1, rows: slice | np.ndarray = slice(None)) -> tuple[Tensor, Tensor]:
    x, y = load_diabetes(return_X_y=True)
    return tensors(PolynomialFeatures(degree, include_bias=False).fit_transform(x[rows]), y[rows])


def lambda_max(x: Tensor, y: Tensor) -> float:
    centred = x - x.mean(1, keepdim=True)
    return float((centred.mT @ (y - y.mean(1, keepdim=True)) / x.shape[1]).abs().max())


@pytest.mark.parametrize("penalty", ["l1", "l2", "elastic_net"])
@pytest.mark.parametrize("share", [0.3, 1e-2, 1e-3])
def test_squared_loss_equals_scikit_learn(penalty: str, share: float) -> None:
    x, y = diabetes()
    lam, rows = share * lambda_max(x, y), x.shape[1]
    peer = {
        "l1": Lasso(alpha=lam, tol=1e-12, max_iter=100_000),
        "l2": Ridge(alpha=lam * rows),
        "elastic_net": ElasticNet(alpha=lam, l1_ratio=0.5, tol=1e-12, max_iter=100_000),
    }[penalty].fit(x[0].numpy(), y[0, :, 0].numpy())
    one = candidate(penalty, lam)
    solution = solve(x, y, "regression", [one])
    ours = objective(x[0], y[0], one, solution.weight[0, 0], solution.bias[0, 0])
    theirs = objective(x[0], y[0], one, torch.tensor(peer.coef_)[None], torch.tensor([peer.intercept_]))
    assert solution.converged.all()
    assert ours == pytest.approx(theirs, rel=1e-9)
    assert torch.allclose(solution.weight[0, 0, 0], torch.tensor(peer.coef_), rtol=1e-4, atol=1e-4)


def test_none_is_the_least_squares_solution_with_the_least_norm() -> None:
    x, y = diabetes(3, np.arange(100))  # p > n, collinear
    solution = solve(x, y, "regression", [Candidate("none")])
    centred, target = x[0] - x[0].mean(0), y[0] - y[0].mean(0)
    least = np.linalg.lstsq(centred.numpy(), target.numpy()[:, 0])[0]
    assert solution.converged.all()
    assert torch.allclose(solution.weight[0, 0, 0], torch.tensor(least), rtol=1e-6, atol=1e-6 * np.abs(least).max())


@pytest.mark.parametrize("inverse", [1e-1, 1.0, 1e2])
@pytest.mark.parametrize("penalty", ["l1", "l2"])
def test_binary_equals_scikit_learn(penalty: str, inverse: float) -> None:
    x, y = tensors(*load_breast_cancer(return_X_y=True))
    one = candidate(penalty, 1 / (inverse * x.shape[1]))
    options = {"l2": {"solver": "newton-cholesky"}, "l1": {"solver": "saga", "l1_ratio": 1.0}}[penalty]
    with warnings.catch_warnings():
        # saga is slow to its tolerance: it gives an upper bound, and the residual gives the rest.
        warnings.simplefilter("ignore")
        peer = LogisticRegression(C=inverse, tol=1e-10, max_iter=3000, random_state=0, **options)
        peer.fit(x[0].numpy(), y[0].numpy())
    solution = solve(x, y, "binary", [one])
    ours = objective(x[0], y[0], one, solution.weight[0, 0], solution.bias[0, 0])
    theirs = objective(x[0], y[0], one, torch.tensor(peer.coef_), torch.tensor(peer.intercept_))
    assert solution.converged.all()
    assert ours <= theirs * (1 + 1e-9)
    assert residual(x[0], y[0], one, solution.weight[0, 0], solution.bias[0, 0]) < 1e-8
    if penalty == "l2" or inverse < 1:
        assert ours == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize("inverse", [0.1, 10.0])
def test_multinomial_equals_scikit_learn(inverse: float) -> None:
    x, y = load_digits(return_X_y=True)
    x, y = tensors(x[:300], y[:300])
    one = candidate("l2", 1 / (inverse * x.shape[1]))
    peer = LogisticRegression(C=inverse, tol=1e-10, max_iter=10_000).fit(x[0].numpy(), y[0].numpy())
    solution = solve(x, y, "multiclass", [one])
    ours = objective(x[0], y[0], one, solution.weight[0, 0], solution.bias[0, 0])
    theirs = objective(x[0], y[0], one, torch.tensor(peer.coef_), torch.tensor(peer.intercept_))
    assert solution.converged.all()
    assert ours == pytest.approx(theirs, rel=1e-6)


def problem(kind: str) -> tuple[Tensor, Tensor]:
    if kind == "regression":
        return tensors(*load_linnerud(return_X_y=True))
    x, y = load_wine(return_X_y=True)
    few = y < (2 if kind == "binary" else 3)
    return tensors(x[few], y[few])


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
@pytest.mark.parametrize("penalty", SOLVED[1:])
def test_every_penalty_and_loss_is_optimal(kind: str, penalty: str) -> None:
    x, y = problem(kind)
    scale = lambda_max(x, y) if kind == "regression" else 0.3
    path = [candidate(penalty, scale * share) for share in (0.5, 0.05, 0.005)]
    solution = solve(x, y, kind, path)
    assert solution.converged.all()
    for i, one in enumerate(path):
        assert residual(x[0], y[0], one, solution.weight[0, i], solution.bias[0, i]) < 1e-7 * max(1.0, scale)


def test_group_lasso_drops_whole_features_and_is_l1_for_one_output() -> None:
    x, y = problem("multiclass")
    weight = solve(x, y, "multiclass", [Candidate("group_lasso", 0.03)]).weight[0, 0]
    assert 0 < int((weight == 0).all(0).sum()) < weight.shape[1]
    assert ((weight == 0).all(0) | (weight != 0).all(0)).all()
    x, y = diabetes()
    for kind, target in (("regression", y), ("binary", (y[..., 0] > y.mean()).long())):
        both = solve(x, target, kind, [Candidate("l1", 0.02), Candidate("group_lasso", 0.02)])
        assert torch.allclose(both.weight[:, 0], both.weight[:, 1], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_a_batch_equals_each_fit_alone(kind: str) -> None:
    x, y = problem(kind)
    rows = torch.randperm(x.shape[1], generator=torch.Generator().manual_seed(0))
    cut = max(4, x.shape[1] // 4)
    x = torch.stack([x[0, rows[cut:]], x[0, rows[:-cut]]])
    y = torch.stack([y[0, rows[cut:]], y[0, rows[:-cut]]])
    scale = lambda_max(x, y) if kind == "regression" else 0.3
    mix = [candidate(name, scale * share) for share in (0.02, 0.2) for name in SOLVED[1:]]
    together = solve(x, y, kind, mix)
    for r in range(2):
        for c, one in enumerate(mix):
            alone = solve(x[r : r + 1], y[r : r + 1], kind, [one])
            assert torch.allclose(together.weight[r, c], alone.weight[0, 0], rtol=1e-5, atol=1e-5)
            assert torch.allclose(together.bias[r, c], alone.bias[0, 0], rtol=1e-5, atol=1e-5)


def test_a_cap_that_is_too_low_is_marked() -> None:
    x, y = diabetes(2)
    assert not solve(x, y, "regression", [Candidate("l1", 1e-3)], limits=Limits(steps=0)).converged.any()
    classes = (y[..., 0] > y.mean()).long()
    assert not solve(x, classes, "binary", [Candidate("l2", 1e-3)], limits=Limits(steps=1)).converged.any()
    assert solve(x, classes, "binary", [Candidate("l2", 1e-3)]).converged.all()


def test_separable_classes_without_a_penalty_end_at_a_flat_gradient() -> None:
    x = torch.linspace(-1, 1, 20, dtype=torch.float64)[None, :, None]
    solution = solve(x, (x[..., 0] > 0).long(), "binary", [Candidate("none")])
    assert solution.converged.all()
    assert solution.weight.isfinite().all()
    assert loss(x[0], (x[0, :, 0] > 0).long(), solution.weight[0, 0], solution.bias[0, 0]) < 1e-6


def awkward(seed: int, rows: int, features: int, outputs: int) -> tuple[Tensor, Tensor]:
    """Random rows with a duplicated, a nearly duplicated and a constant column."""
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(1, rows, features, dtype=torch.float64, generator=draw)
    x = torch.cat([x, x[..., :1], x[..., :1] + 1e-5 * x[..., -1:], torch.full_like(x[..., :1], 0.3)], 2)
    noise = torch.randn(1, rows, outputs, dtype=torch.float64, generator=draw)
    return x, x[..., :outputs] * 2 + 5 + noise


@pytest.mark.rest
@settings(max_examples=25, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(5, 30),
    features=st.integers(3, 50),
    outputs=st.integers(1, 3),
    penalty=st.sampled_from(SOLVED[1:]),
    exponent=st.floats(-4, 0.3),
)
def test_awkward_regressions_are_optimal(
    seed: int, rows: int, features: int, outputs: int, penalty: str, exponent: float
) -> None:
    x, y = awkward(seed, rows, features, outputs)
    top = lambda_max(x, y)
    one = candidate(penalty, top * 10**exponent)
    solution = solve(x, y, "regression", [one])
    assert solution.converged.all()
    assert residual(x[0], y[0], one, solution.weight[0, 0], solution.bias[0, 0]) < 1e-7 * top
    if penalty in ("l1", "group_lasso") and exponent > 0:
        assert (solution.weight == 0).all()


@pytest.mark.rest
@settings(max_examples=15, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(8, 30),
    penalty=st.sampled_from(SOLVED[1:]),
    exponent=st.floats(-3, 0),
)
def test_awkward_classes_are_optimal(seed: int, rows: int, penalty: str, exponent: float) -> None:
    x, y = awkward(seed, rows, 12, 3)
    for kind, classes in (("binary", (y[..., 0] > y[..., 0].median()).long()), ("multiclass", y.argmax(2))):
        one = candidate(penalty, 10**exponent)
        solution = solve(x, classes, kind, [one], outputs=3)
        assert solution.converged.all()
        assert residual(x[0], classes[0], one, solution.weight[0, 0], solution.bias[0, 0]) < 1e-7


def wide(features: int, replicates: int, kind: str) -> tuple[Tensor, Tensor]:
    """Correlated random columns, many more than the 40 rows, with a duplicated and a constant one; three outputs."""
    draw = torch.Generator().manual_seed(features)
    x = torch.randn(replicates, 40, features, dtype=torch.float64, generator=draw)
    x = x + 0.7 * x.roll(1, 2)
    x[..., -1], x[..., -2] = x[..., 0], 1.0
    y = x[..., :3] - x[..., 3:6] + torch.randn(replicates, 40, 3, dtype=torch.float64, generator=draw)
    return x, {"regression": y, "binary": (y[..., 0] > 0).long(), "multiclass": y.argmax(2)}[kind]


@pytest.mark.parametrize(
    "kind", ["regression", *(pytest.param(kind, marks=pytest.mark.rest) for kind in ("binary", "multiclass"))]
)
@pytest.mark.parametrize("penalty", SOLVED[1:])
def test_with_more_features_than_rows_every_fit_is_optimal_over_all_features(kind: str, penalty: str) -> None:
    x, y = wide(400, 2, kind)
    top = lambda_max(x, y) if kind == "regression" else 0.3
    path = [candidate(penalty, top * share) for share in (0.9, 0.5, 0.05)]
    solution = solve(x, y, kind, path)
    assert solution.converged.all()
    for r in range(2):
        for c, one in enumerate(path):
            assert residual(x[r], y[r], one, solution.weight[r, c], solution.bias[r, c]) < 1e-7 * top
    if penalty == "l1" and kind != "multiclass":
        assert int((solution.weight[:, -1] != 0).sum(2).max()) < 40  # of at most as many as rows


@pytest.mark.parametrize("penalty", ["l1", "l2"])
def test_classes_that_share_a_hessian_along_the_path_are_optimal(penalty: str) -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(2, 320, 260, dtype=torch.float64, generator=draw)  # rows * columns^2 is beyond DEAR
    y = (x[..., :3].sum(2) + torch.randn(2, 320, dtype=torch.float64, generator=draw) > 0).long()
    path = [candidate(penalty, 0.2 * 0.8**i) for i in range(8)]
    solution = solve(x, y, "binary", path)
    assert solution.converged.all()
    for r in range(2):
        for c, one in enumerate(path):
            assert residual(x[r], y[r], one, solution.weight[r, c], solution.bias[r, c]) < 1e-8


@pytest.mark.parametrize("penalty", ["elastic_net", "group_lasso", "sparse_group_lasso"])
def test_every_fit_of_a_long_path_is_optimal(penalty: str) -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(1, 120, 90, dtype=torch.float64, generator=draw)  # at its end more groups than DEAR are not zero
    y = x[..., :2] - x[..., 2:4] + torch.randn(1, 120, 2, dtype=torch.float64, generator=draw)
    for features in (12, 90):
        some = x[..., :features]
        path = [candidate(penalty, lambda_max(some, y) * 0.8**i) for i in range(24)]
        solution = solve(some, y, "regression", path)
        assert solution.converged.all()
        for c, one in enumerate(path):
            assert residual(some[0], y[0], one, solution.weight[0, c], solution.bias[0, c]) < 1e-7 * path[0].lambda_


def test_newton_steps_unit_by_unit_are_those_of_the_whole_system() -> None:
    draw = torch.Generator().manual_seed(0)
    rows = torch.randn(2, 30, 6, dtype=torch.float64, generator=draw)
    matrix, linear = rows.mT @ rows / 30, torch.randn(2, 3, 6, dtype=torch.float64, generator=draw)
    ridge, group = torch.full((2,), 0.1, dtype=torch.float64), torch.full((2,), 0.2, dtype=torch.float64)
    ahead = torch.randn(2, 3, 6, dtype=torch.float64, generator=draw)
    ahead[0, :, 1:3] = 0.0  # dropped, and fewer than in the other problem
    whole = torch.stack([torch.block_diag(*[each] * 3) for each in matrix])
    apart, together = (
        System.of(each, ahead).direction(each, linear, ahead)
        for each in (Problems.on(one, linear, ridge, group, None) for one in (matrix, whole))
    )
    assert torch.allclose(apart, together, rtol=1e-7, atol=1e-9)
    assert (apart[0, :, 1:3] == 0).all()


def test_many_rows_are_reduced_to_few_with_the_same_objective() -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(2, 400, 5, dtype=torch.float64, generator=draw)
    y = x[..., :2] + torch.randn(2, 400, 2, dtype=torch.float64, generator=draw)
    alike = torch.cat([x, x[..., :1] + 1e-9 * x[..., 1:2]], 2)  # sums of squares do not tell these from equal columns
    for inputs in (x, alike):
        rows = Rows.of(inputs, y, None)
        few, target = rows.reduced()
        weight = torch.randn(2, inputs.shape[2], 2, dtype=torch.float64, generator=draw)
        loss_of_all, loss_of_few = (
            (b - a @ weight).square().sum((1, 2)) / a.shape[1] for a, b in (rows.centred(), (few, target))
        )
        assert few.shape[1] == inputs.shape[2] + 2
        assert torch.allclose(loss_of_all, loss_of_few, rtol=1e-12)
    singular = torch.linalg.svdvals(few) * (400 / few.shape[1]) ** 0.5
    assert torch.allclose(singular[:, -1], torch.linalg.svdvals(rows.centred()[0])[:, -1], rtol=1e-3)


def test_a_path_in_any_order_is_that_of_each_lambda_alone() -> None:
    x, y = wide(400, 1, "regression")
    y = y[..., :1]
    lambdas = [lambda_max(x, y) * share for share in (0.02, 0.6, 0.3, 0.31, 0.3, 1.5)]
    mix = [candidate(name, one) for one in lambdas for name in ("l1", "elastic_net", "l2")]
    mix += [Candidate("elastic_net", lambdas[2], l1_ratio=share) for share in (0.05, 0.9)]
    together = solve(x, y, "regression", mix)
    for c, one in enumerate(mix):
        alone = solve(x, y, "regression", [one])
        gap = 1e-9 * float(y.var())
        ours, its = (objective(x[0], y[0], one, s.weight[0, i], s.bias[0, i]) for s, i in ((together, c), (alone, 0)))
        assert ours == pytest.approx(its, abs=gap)


def test_where_the_path_is_a_line_a_start_is_the_optimum_of_what_stays() -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.linalg.qr(torch.randn(1, 80, 70, dtype=torch.float64, generator=draw)).Q * 80**0.5  # X'X / n = I
    y = torch.randn(1, 80, 1, dtype=torch.float64, generator=draw)
    parts = [terms(Candidate("l1", lambda_)) for lambda_ in (0.12, 0.1, 0.09, 0.02)]
    path = Path.start(x, y)
    for part in parts[:2]:
        path, _, _ = path.solved([part], 5)
    starts = path.predicted(parts[2:], tied=False)[0, :, 0]
    pull = (y.mT @ x)[0, 0] / 80
    stays = pull.abs() > 0.1
    for start, strength in zip(starts, (0.09, 0.08), strict=True):  # the last is too far to be believed
        soft = pull.sign() * (pull.abs() - strength)
        before = (pull.abs() - 0.12).clamp(min=0) > 0
        assert torch.allclose(start[before], soft[before])
        assert (start != 0).equal(stays)


def test_of_60_rows_and_20_000_features_no_square_matrix_is_made() -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(2, 60, 20_000, dtype=torch.float64, generator=draw)
    y = x[..., :1] + torch.randn(2, 60, 1, dtype=torch.float64, generator=draw)
    top = lambda_max(x, y)
    for kind, target in (("regression", y), ("binary", (y[..., 0] > 0).long())):
        path = [Candidate(name, top * share) for name in ("l1", "l2") for share in (0.5, 0.2)]
        solutions: list[Solution] = []
        peak = peak_bytes(lambda: solutions.append(solve(x, target, kind, path)))  # noqa: B023 - called at once
        assert solutions[0].converged.all()
        assert peak < 10 * x.numel() * 8  # one square matrix would be 160


def test_the_gap_bounds_the_distance_to_the_optimum() -> None:
    x, y = diabetes(2)
    one = Candidate("l1", 1e-2 * lambda_max(x, y))
    best = solve(x, y, "regression", [one])
    rough = solve(x, y, "regression", [one], limits=Limits(steps=1))
    low, high = (objective(x[0], y[0], one, s.weight[0, 0], s.bias[0, 0]) for s in (best, rough))
    assert float(best.error) < 1e-6
    assert -1e-9 * high <= high - low <= float(rough.error) * high + 1e-9 * high


def four_decades(penalty: str) -> tuple[Solution, float]:
    """Diabetes to degree 3 (285 features), 10 folds x 100 lambdas over four decades, and the seconds it takes."""
    folds = np.random.default_rng(0).permutation(442)[:440].reshape(10, 44)
    parts = [diabetes(3, np.setdiff1d(folds, fold)) for fold in folds]
    x, y = (torch.cat(tensor) for tensor in zip(*parts, strict=True))
    path = [candidate(penalty, lambda_max(x, y) * 10**-decade) for decade in np.linspace(0, 4, 100)]
    start = time.perf_counter()
    return solve(x, y, "regression", path), time.perf_counter() - start


@pytest.mark.slow
@pytest.mark.parametrize("penalty", ["l1", "elastic_net"])
def test_a_badly_conditioned_path_over_four_decades_converges(penalty: str) -> None:
    solution, seconds = four_decades(penalty)
    share = solution.converged.double().mean()
    print(f"{penalty}: {seconds:.1f} s, worst gap {solution.error.max():.1e}, converged {share:.1%}")
    assert solution.converged.all()
