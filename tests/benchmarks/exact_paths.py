"""Exact paths: a penalty's whole path of lambdas on every fold, beside scikit-learn, celer, skglm and adelie.

python tests/benchmarks/exact_paths.py [--case NAME ...] [--lambdas 100] [--repeats 3] [--tree DIR] [--json]

Peers take part where they are installed. A peer's tolerance is the loosest at which its solutions, measured as our own
are, come to a relative duality gap of 1e-6 (squared loss) or a relative gradient residual of 1e-5 (classes). The error
of a peer that misses that even at its tightest is printed too. Then all are timed in turn, with one thread; seconds are
the processor's, for the machine may be shared: medians of the repeats. `--tree` is another version's folder, which is
then measured instead: the figures before.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

GAP, RESIDUAL = 1e-6, 1e-5
TOLERANCES = (1e-4, 1e-6, 1e-7, 1e-8, 1e-10, 1e-12)
PATIENCE = 120.0  # seconds: a peer that takes longer is not asked for more


@dataclass(frozen=True, eq=False)
class Case:
    """One penalty's path on all folds: x (R, n, p), y (R, n)."""

    name: str
    kind: str
    x: np.ndarray
    y: np.ndarray
    penalty: str
    lambdas: np.ndarray

    @property
    def ratio(self) -> float:
        """The share of l1."""
        return {"l1": 1.0, "elastic_net": 0.5, "l2": 0.0}[self.penalty]


@dataclass(frozen=True)
class Row:
    """One system on one case."""

    case: str
    penalty: str
    shape: tuple[int, ...]
    lambdas: int
    system: str
    seconds: float
    error: float
    tolerance: float | None


def folded(name, kind, x, y, folds, decades, lambdas):
    """The case for each of the three penalties; lambdas fall from the one at which l1 is zero."""
    turn = np.random.default_rng(1).permutation(len(x))[: len(x) // folds * folds].reshape(folds, -1)
    rows = [np.setdiff1d(turn, fold) for fold in turn]
    x, y = np.stack([x[each] for each in rows]), np.stack([y[each] for each in rows])
    centred = y - y.mean(1, keepdims=True)
    top = np.abs(np.einsum("rnp,rn->rp", x - x.mean(1, keepdims=True), centred)).max() / x.shape[1]
    path = top * np.logspace(0, -decades, lambdas)
    return [Case(name, kind, x, y, penalty, path) for penalty in ("l1", "elastic_net", "l2")]


def cases(lambdas):
    """All cases by name, each drawn when asked for."""

    def linear(rows, features, folds, decades, kind="regression"):
        draw = np.random.default_rng(0)
        x = draw.standard_normal((rows, features)) + 0.3 * draw.standard_normal((rows, 1))
        weight = np.zeros(features)
        weight[:20] = draw.standard_normal(min(20, features))
        y = x @ weight + 2 * draw.standard_normal(rows)
        return x, (y > 0).astype(np.int64) if kind == "binary" else y, folds, decades

    def diabetes():
        from sklearn.datasets import load_diabetes
        from sklearn.preprocessing import PolynomialFeatures, StandardScaler

        x, y = load_diabetes(return_X_y=True)
        cubes = PolynomialFeatures(3, include_bias=False).fit_transform(x)
        return StandardScaler().fit_transform(cubes), y, 5, 3

    def named(name, make, kind="regression"):
        return lambda: folded(name, kind, *make(), lambdas)

    return {
        "small": named("small", lambda: linear(300, 10, 20, 3)),
        "tall": named("tall", lambda: linear(20_000, 60, 5, 4)),
        "wide": named("wide", lambda: linear(220, 2_000, 10, 2)),
        "diabetes3": named("diabetes3", diabetes),
        "small classes": named("small classes", lambda: linear(300, 10, 20, 3, "binary"), "binary"),
        "classes": named("classes", lambda: linear(2_500, 500, 5, 2, "binary"), "binary"),
    }


def ours(case, _tolerance):
    """This package: weights (R, C, p) and biases (R, C)."""
    from search.core.candidate import Candidate
    from search.training.exact import solve

    others = {"l1_ratio": case.ratio} if case.penalty == "elastic_net" else {}
    path = [Candidate(case.penalty, float(each), **others) for each in case.lambdas]
    y = torch.tensor(case.y)
    found = solve(torch.tensor(case.x), y[..., None] if case.kind == "regression" else y, case.kind, path)
    return found.weight[:, :, 0].numpy(), found.bias[..., 0].numpy()


def each_fold(fit: Callable) -> Callable:
    """A system that takes one fold of centred rows at a time."""

    def system(case, tolerance):
        found = []
        for x, y in zip(case.x, case.y, strict=True):
            middle = x.mean(0)
            weight, bias = fit(np.asfortranarray(x - middle), y, case, tolerance)
            found.append((weight, bias - weight @ middle))
        return tuple(np.stack(each) for each in zip(*found, strict=True))

    return system


def scikit_learn(x, y, case, tolerance):
    """enet_path, ridge_regression, or LogisticRegression from fit to fit (not saga, which takes minutes a path)."""
    from sklearn.linear_model import LogisticRegression, enet_path, ridge_regression

    if case.kind == "binary":
        model = LogisticRegression(tol=tolerance, max_iter=2_000, warm_start=True)
        found = []
        for each in case.lambdas:
            model.set_params(C=1 / (each * len(x))).fit(x, y)
            found.append((model.coef_[0].copy(), model.intercept_[0]))
        return tuple(np.stack(each) for each in zip(*found, strict=True))
    if case.penalty == "l2":
        weight = np.stack([ridge_regression(x, y - y.mean(), each * len(x)) for each in case.lambdas])
    else:
        settings = {"l1_ratio": case.ratio, "alphas": case.lambdas, "tol": tolerance, "max_iter": 100_000}
        weight = enet_path(x, y - y.mean(), precompute=len(x) > x.shape[1], **settings)[1].T
    return weight, np.full(len(weight), y.mean())


def celer(x, y, case, tolerance):
    """celer_path."""
    from celer import celer_path

    weight = celer_path(x, y - y.mean(), "lasso", alphas=case.lambdas, tol=tolerance, max_epochs=100_000)[1].T
    return weight, np.full(len(weight), y.mean())


def skglm(x, y, case, tolerance):
    """AndersonCD or, for classes, ProxNewton, from fit to fit."""
    from skglm import ElasticNet, SparseLogisticRegression

    if case.kind == "binary":
        model = SparseLogisticRegression(alpha=1.0, l1_ratio=case.ratio, tol=tolerance, warm_start=True)
    else:
        model = ElasticNet(alpha=1.0, l1_ratio=case.ratio, tol=tolerance, warm_start=True, max_iter=500)
    found = []
    for each in case.lambdas:
        model.set_params(alpha=each).fit(x, y)
        found.append((model.coef_.ravel().copy(), float(np.ravel(model.intercept_)[0])))
    return tuple(np.stack(each) for each in zip(*found, strict=True))


def adelie(x, y, case, tolerance):
    """grpnet."""
    import adelie as ad

    loss = ad.glm.binomial(y.astype(float)) if case.kind == "binary" else ad.glm.gaussian(y)
    stop = {"tol": tolerance, "early_exit": False, "progress_bar": False}
    found = ad.grpnet(x, loss, lmda_path=case.lambdas, alpha=case.ratio, **stop)
    return found.betas.toarray(), np.asarray(found.intercepts)


PEERS = {  # module, system, what it is asked
    "scikit-learn": ("sklearn", scikit_learn, lambda case: case.kind == "regression" or case.penalty == "l2"),
    "celer": ("celer", celer, lambda case: case.kind == "regression" and case.penalty == "l1"),
    "skglm": ("skglm", skglm, lambda case: case.penalty != "l2"),
    "adelie": ("adelie", adelie, lambda case: case.penalty != "l2"),
}


def error(case, weight, bias):
    """The largest relative duality gap, or relative gradient residual, of weights (R, C, p) and biases (R, C)."""
    worst = 0.0
    l1, ridge = case.lambdas * case.ratio, case.lambdas * (1 - case.ratio)
    for x, y, w, b in zip(case.x, case.y, weight, bias, strict=True):
        out, rows = x @ w.T + b, len(x)
        if case.kind == "binary":
            pull = (y[:, None] - 1 / (1 + np.exp(-out))).T / rows
            slope = ridge[:, None] * w - pull @ x
            away = np.where(
                w != 0, np.abs(slope + l1[:, None] * np.sign(w)), np.maximum(np.abs(slope) - l1[:, None], 0)
            )
            scale = np.abs((y - y.mean()) @ (x - x.mean(0))).max() / rows
            worst = max(worst, away.max() / scale, np.abs(pull.sum(1)).max())
            continue
        left = y[:, None] - out
        value = (left**2).sum(0) / rows / 2 + l1 * np.abs(w).sum(1) + ridge / 2 * (w**2).sum(1)
        centred = left - left.mean(0)
        pull = (centred.T @ x / rows) - ridge[:, None] * w
        if case.ratio == 0:
            gap = (pull**2).sum(1) / (2 * ridge)
        else:
            square = (centred**2).sum(0) / rows + ridge * (w**2).sum(1)
            inner = centred.T @ (y - y.mean()) / rows
            scale = np.minimum(inner / square, l1 / np.maximum(np.abs(pull).max(1), 1e-300)).clip(0)
            gap = value - scale * inner + scale**2 / 2 * square
        worst = max(worst, (gap / np.maximum(value, 1e-8 * y.var() / 2)).max())
    return float(worst)


def tuned(case, system):
    """The system's loosest tolerance that is good enough, and the error at it."""
    reached, tolerance = np.inf, None
    for tolerance in TOLERANCES:
        started = time.process_time()
        reached = error(case, *system(case, tolerance))
        if reached <= (GAP if case.kind == "regression" else RESIDUAL) or time.process_time() - started > PATIENCE:
            break
    return tolerance, reached


def measure(case, repeats):
    """Rows of all systems on a case: equal results first, then seconds in turn."""
    systems = {"lambda-search": ours}
    for name, (module, fit, asked) in PEERS.items():
        if importlib.util.find_spec(module) and asked(case):
            systems[name] = each_fold(fit)
    known = {name: tuned(case, system) for name, system in systems.items()}
    seconds: dict[str, list[float]] = {name: [] for name in systems}
    for _ in range(repeats):
        for name, system in systems.items():
            started = time.process_time()
            system(case, known[name][0])
            seconds[name].append(time.process_time() - started)
    where = case.name, case.penalty, case.x.shape, len(case.lambdas)
    return [Row(*where, name, statistics.median(seconds[name]), known[name][1], known[name][0]) for name in systems]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--case", nargs="+", help="which cases (default: all)")
    parser.add_argument("--penalty", nargs="+", default=["l1", "elastic_net", "l2"])
    parser.add_argument("--lambdas", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tree", type=Path, help="the folder of another version, which is then measured instead")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    options = parser.parse_args()
    if options.tree:
        sys.path.insert(0, str(options.tree))
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    every = cases(options.lambdas)
    for name in options.case or every:
        for case in every[name]():
            if case.penalty not in options.penalty:
                continue
            for row in measure(case, options.repeats):
                size = "x".join(map(str, row.shape))
                line = f"{row.case:14}{row.penalty:12}{size:>14} x{row.lambdas:4}  {row.system:14}{row.seconds:9.2f} s"
                print(json.dumps(asdict(row)) if options.json else f"{line}  error {row.error:.0e}", flush=True)


if __name__ == "__main__":
    main()
