"""Exact paths (S4): a penalty's whole path of lambdas on every fold, beside the peers of `exact_peers.py`.

python tests/benchmarks/exact_paths.py [--case NAME ...] [--penalty NAME ...] [--lambdas 100] [--repeats 5]
    [--tree DIR] [--alone] [--csv ROWS.csv]

Peers take part where they are installed. Every system's solutions are certified by one function, which is nobody's
own: the duality gap relative to the objective at w = 0, its bias the best one. A peer's tolerance is the loosest at
which its worst gap is 1e-6; the gap of a peer that misses that, at its tightest or in its time, is printed. All
are timed in turn (A B A B) with one thread and with two, and the better median counts: of the processor's seconds, for
the machine may be shared. A peer that takes more than three times as long as we do is timed once. `--tree` is another
version's folder, which is measured instead of this one (`--alone`: without peers): the figures before.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from exact_gap import worst_gap
from exact_peers import PEERS
from flat_rows import write
from threadpoolctl import threadpool_limits

GAP = 1e-6
TOLERANCES = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12)
THREADS = (1, 2)
PATIENCE = 3.0  # times ours: a peer that takes longer is not asked for more
PENALTIES = ("l1", "elastic_net", "l2", "group_lasso")


@dataclass(frozen=True, eq=False)
class Case:
    """One penalty's path on all folds: x (R, n, p), y (R, n, K) or classes (R, n); lambdas (C,)."""

    name: str
    kind: str
    x: np.ndarray
    y: np.ndarray
    penalty: str
    lambdas: np.ndarray

    @property
    def ratio(self):
        """The share of what makes zeros."""
        return {"l1": 1.0, "elastic_net": 0.5, "l2": 0.0, "group_lasso": 1.0}[self.penalty]

    @property
    def outputs(self):
        """Units of the linear layer."""
        return self.y.shape[2] if self.kind == "regression" else 1 if self.kind == "binary" else int(self.y.max()) + 1

    @property
    def alphas(self):
        """The strengths in scikit-learn's form, whose group norms have no factor for the group's size."""
        return self.lambdas * (self.outputs**0.5 if self.penalty == "group_lasso" else 1.0)

    @property
    def columns(self):
        """The targets, or classes as 0 and 1: (R, n, K)."""
        if self.kind == "multiclass":
            return np.eye(self.outputs)[self.y]
        return self.y if self.kind == "regression" else self.y[..., None].astype(float)


def folded(name, kind, x, y, folds, decades, lambdas, penalties):
    """The case for each penalty; lambdas fall from the one at which all weights are zero."""
    turn = np.random.default_rng(1).permutation(len(x))[: len(x) // folds * folds].reshape(folds, -1)
    rows = [np.setdiff1d(turn, fold) for fold in turn]
    case = Case(name, kind, np.stack([x[each] for each in rows]), np.stack([y[each] for each in rows]), "", lambdas)
    centred = case.columns - case.columns.mean(1, keepdims=True)
    top = np.abs(np.einsum("rnp,rnk->rpk", case.x - case.x.mean(1, keepdims=True), centred)).max() / case.x.shape[1]
    path = top * np.logspace(0, -decades, lambdas)
    return [replace(case, penalty=penalty, lambdas=path) for penalty in penalties]


def drawn(rows, features, kind="regression", outputs=1):
    """Correlated columns, of which 20 matter."""
    draw = np.random.default_rng(0)
    x = draw.standard_normal((rows, features)) + 0.3 * draw.standard_normal((rows, 1))
    weight = np.zeros((features, outputs))
    weight[:20] = draw.standard_normal((min(20, features), outputs))
    y = x @ weight + 2 * draw.standard_normal((rows, outputs))
    return x, {"regression": y, "binary": (y[:, 0] > 0).astype(np.int64), "multiclass": y.argmax(1)}[kind]


def diabetes():
    """Diabetes to degree 3, 285 columns."""
    from sklearn.datasets import load_diabetes
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    x, y = load_diabetes(return_X_y=True)
    cubes = PolynomialFeatures(3, include_bias=False).fit_transform(x)
    return StandardScaler().fit_transform(cubes), y[:, None]


def cases(lambdas):
    """All cases by name, each drawn when asked for."""

    def named(name, make, folds, decades, kind="regression", penalties=PENALTIES[:3]):
        return lambda: folded(name, kind, *make(), folds, decades, lambdas, penalties)

    return {
        "diabetes3": named("diabetes3", diabetes, 5, 3),
        "wide": named("wide", lambda: drawn(220, 2_000), 10, 2),
        "tall": named("tall", lambda: drawn(25_000, 60), 5, 4),
        "logistic": named("logistic", lambda: drawn(2_500, 500, "binary"), 5, 2, "binary"),
        "small": named("small", lambda: drawn(300, 10), 20, 3),
        "small classes": named("small classes", lambda: drawn(300, 10, "binary"), 20, 3, "binary"),
        "outputs": named("outputs", lambda: drawn(500, 300, outputs=4), 5, 2, penalties=("group_lasso",)),
        "wide outputs": named("wide outputs", lambda: drawn(220, 2_000, outputs=4), 5, 2, penalties=("group_lasso",)),
        "multinomial": named(
            "multinomial",
            lambda: drawn(1_250, 100, "multiclass", 3),
            *(5, 2, "multiclass", ("l1", "elastic_net", "l2", "group_lasso")),
        ),
    }


def ours(case, _tolerance):
    """This package: weights (R, C, K, p) and biases (R, C, K)."""
    from search.core.candidate import Candidate
    from search.training.exact import solve

    others = {"l1_ratio": case.ratio} if case.penalty == "elastic_net" else {}
    path = [Candidate(case.penalty, float(each), **others) for each in case.lambdas]
    found = solve(torch.from_numpy(case.x), torch.from_numpy(case.y), case.kind, path)
    return found.weight.numpy(), found.bias.numpy()


def each_fold(fit):
    """A system that takes one fold at a time, whose inputs and, for the squared loss, targets have mean zero."""

    def system(case, tolerance):
        found = []
        for x, y in zip(case.x, case.y, strict=True):
            middle, base = x.mean(0), y.mean(0) if case.kind == "regression" else 0
            weight, bias = fit(np.asfortranarray(x - middle), y - base, case, tolerance)
            found.append((weight, bias + base - weight @ middle))
        return tuple(np.stack(each) for each in zip(*found, strict=True))

    return system


def tuned(case, system, patience):
    """The system's loosest tolerance that is good enough, the gap at it, and whether it took too long to go on."""
    for tolerance in TOLERANCES:
        started = time.process_time()
        found = system(case, tolerance)
        late = time.process_time() - started > patience
        reached = worst_gap(case, *found)
        if reached <= GAP or late or system is ours:
            break
    return tolerance, reached, late


def measure(case, repeats, alone):
    """Flat rows of all systems on a case: what gap they reach first, then seconds in turn."""
    systems = {"lambda-search": ours}
    for name, (module, fit, asked) in PEERS.items():
        if not alone and importlib.util.find_spec(module) and asked(case):
            systems[name] = each_fold(fit)
    ours(case, None)  # what is loaded or made once
    started = time.process_time()
    ours(case, None)
    patience = PATIENCE * (time.process_time() - started)
    known = {name: tuned(case, system, patience) for name, system in systems.items()}
    spent = {name: {threads: [] for threads in THREADS} for name in systems}
    for turn in range(repeats):
        for name, system in systems.items():
            if turn and known[name][2]:
                continue
            for threads in THREADS:
                torch.set_num_threads(threads)
                with threadpool_limits(threads):
                    begun = time.perf_counter(), time.process_time()
                    system(case, known[name][0])
                    spent[name][threads].append((time.perf_counter() - begun[0], time.process_time() - begun[1]))
    size = f"{case.penalty} {'x'.join(map(str, case.x.shape))} x{case.outputs}, {len(case.lambdas)} lambdas"
    for name, runs in spent.items():
        medians = [np.median(each, 0) for each in runs.values()]  # (seconds, cpu seconds) for each number of threads
        seconds, cpu = np.min(medians, 0)
        row = {"case": f"S4 {case.name}", "system": name, "size": size}
        row |= {"seconds": round(seconds, 4), "cpu_seconds": round(cpu, 4)}
        yield row | {"fits_per_second": round(len(case.x) * len(case.lambdas) / seconds)}, known[name][:2]


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--case", nargs="+", help="which cases (default: all)")
    parser.add_argument("--penalty", nargs="+", default=PENALTIES)
    parser.add_argument("--lambdas", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--alone", action="store_true", help="without peers")
    parser.add_argument("--tree", type=Path, help="the folder of another version, which is then measured instead")
    parser.add_argument("--csv", help="append flat rows to this file")
    options = parser.parse_args()
    if options.tree:
        sys.path.insert(0, str(options.tree))
    warnings.simplefilter("ignore")
    every = cases(options.lambdas)
    for name in options.case or every:
        for case in every[name]():
            if case.penalty in options.penalty:
                found = []
                for row, (tolerance, gap) in measure(case, options.repeats, options.alone):
                    print(
                        f"{row['case'][3:]:14} {row['size']:46} {row['system']:22} {row['seconds']:9.3f} s "
                        f"{row['cpu_seconds']:9.3f} cpu s  gap {gap:.0e} (tolerance {tolerance:.0e})",
                        flush=True,
                    )
                    found.append(row)
                if options.csv:
                    write(options.csv, found)


if __name__ == "__main__":
    main()
