"""The training loop beside the plain loop of torch that a user writes: the textbook's linear study, and a perceptron.

python tests/benchmarks/training_loop.py [--case linear perceptron] [--repeats 5] [--tree PATH ...] [--rows FILE.csv]

`linear`: 100 candidates x 50 replicates x 100 epochs of studies/weight_decay.toml. `perceptron`: 64-128-10 on 1,005
rows of the digits, minibatches of 64, 64 candidates, 10 epochs. First some fits are held to the plain loop's losses
(1e-4 of the largest), on the same initial weights and row orders; then both are timed in turns. The plain loop takes
`PLAIN` fits a turn, at the better of one and two threads, and evaluates once, at the end; the stack evaluates its
curves after every epoch. `--tree` are other checkouts of this project to time in the same turns: their figures are
those before a change. Each turn of a system is a process of its own, warmed up before the clock starts, so that none
inherits another's memory; its threads are those of the environment (OMP_NUM_THREADS). `of product` is the rate of the
products of training and evaluation in seconds of the processor, beside one large product's on one thread.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn

from search.core.candidate import Candidate
from search.data import load_task
from search.models import make_model
from search.models.randomness import permutations
from search.settings import Settings
from search.training import train
from search.training.plan import replicates

HERE = Path(__file__).parents[2]
PLAIN = 8
CHECKED = 3


def study(case):
    """Settings, task and candidates of a case."""
    if case == "linear":
        keys = {"data.draws": 50, "training.device": "cpu"}
        settings = Settings.load(HERE / "studies" / "weight_decay.toml").replace(keys)
        candidates = [Candidate(name, float(each)) for name in ("l1", "l2") for each in np.geomspace(1e-3, 1e2, 50)]
    else:
        settings = Settings.parse(
            {
                "name": "digits",
                "data": {"source": "digits"},
                "split": {"scheme": "holdout", "validation": 0.2, "test": 0.3, "refit": False},
                "model": {"kind": "mlp", "hidden": [128]},
                "training": {"batch_size": 64, "epochs": 10, "lr": 0.05, "device": "cpu"},
            }
        )
        candidates = [Candidate("l2", float(each)) for each in np.geomspace(1e-5, 1e-1, 64)]
    return settings, load_task(settings), candidates


def plain_fit(task, settings, candidate, replicate):
    """One fit by torch.nn and torch.optim; the losses of its validation rows. l1 acts by its soft threshold."""
    training, split = settings.training, replicate.split
    x, y = split.train.x.float(), split.train.y
    made = make_model(settings, candidate, x.shape[1], task.outputs)
    parameters, buffers = made.initial(replicate.seed)
    if settings.model.init == "normal":
        parameters = {name: value * settings.model.init_std for name, value in parameters.items()}
    model = made.standalone({name: value.clone() for name, value in parameters.items()}, buffers)
    model.requires_grad_(True).train()
    lambda_ = candidate.lambda_
    weights = [each for each in model.parameters() if each.ndim == 2]
    groups = [
        {"params": weights, "weight_decay": lambda_ if candidate.penalty == "l2" else 0.0},
        {"params": [each for each in model.parameters() if each.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.SGD(groups, lr=training.lr)
    squares = task.kind == "regression"
    loss = (lambda output, of: (output - of.float()).square().mean() / 2) if squares else nn.functional.cross_entropy
    for epoch in range(training.epochs):
        for rows in permutations(torch.tensor([replicate.seed]), epoch, len(x))[0].split(training.batch_size):
            optimizer.zero_grad()
            loss(model(x[rows]), y[rows]).backward()
            optimizer.step()
            if candidate.penalty == "l1":
                with torch.no_grad():
                    for weight in weights:
                        weight.copy_(nn.functional.softshrink(weight, training.lr * lambda_))
    with torch.no_grad():
        output, of = model(split.validation.x.float()), split.validation.y
        return ((output - of).square().sum(-1) if squares else loss(output, of, reduction="none")).numpy()


def refuse_differences(case):
    """Both ways reach the same losses."""
    settings, task, candidates = study(case)
    some = [candidates[i] for i in np.linspace(0, len(candidates) - 1, 2 * CHECKED).astype(int)]
    ours = train(task, settings, some).validation
    for number, replicate in enumerate(replicates(task, settings)[:CHECKED]):
        for index, candidate in enumerate(some):
            theirs = plain_fit(task, settings, candidate, replicate)
            own = ours[index, number, replicate.split.validation.place]
            if not np.isfinite(theirs).all():  # lr * lambda is too large for a descent: both diverge
                assert np.isinf(own).all()
                continue
            np.testing.assert_allclose(own, theirs, rtol=0, atol=1e-4 * np.abs(theirs).max())


def product_rate():
    """Floating-point operations of one product of 1024 x 1024 matrices in a second of a thread, the best of some."""
    a, out, best = torch.randn(1024, 1024), torch.empty(1024, 1024), np.inf
    for _ in range(10):
        begun = time.process_time()
        torch.mm(a, a, out=out)
        best = min(best, time.process_time() - begun)
    return 2 * 1024**3 / best


def operations(task, settings, fits):
    """Those of the products alone: forward and backward over the epochs, and both curves."""
    widths = (len(task.features), *(settings.model.hidden if settings.model.kind == "mlp" else ()), task.outputs)
    layers = [a * b for a, b in pairwise(widths)]
    split = task.splits[0]
    rows, held = len(split.train), len(split.validation)
    each = rows * (4 * sum(layers) + 2 * sum(layers[1:])) + (rows + held) * 2 * sum(layers)
    return each * settings.training.epochs * fits


def turn(case, system):
    """One timing in this process, as a row."""
    settings, task, candidates = study(case)
    everyone = replicates(task, settings)
    if system == "plain loop":
        fits = min(PLAIN, len(candidates))
        chosen = [candidates[i] for i in np.linspace(0, len(candidates) - 1, fits).astype(int)]

        def work():
            for number, candidate in enumerate(chosen):
                plain_fit(task, settings, candidate, everyone[number % len(everyone)])
    else:
        fits = len(candidates) * len(everyone)

        def work():
            train(task, settings, candidates)

    # A short training first: what torch does once, it does here.
    train(task, settings.replace("training.epochs", 2), candidates)
    plain_fit(task, settings.replace("training.epochs", 2), candidates[-1], everyone[0])
    before = product_rate()
    begun, cpu = time.perf_counter(), time.process_time()
    work()
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    rate = max(before, product_rate())
    return {
        "case": case,
        "system": system,
        "fits": fits,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "fits_per_second": fits / seconds,
        "fits_per_cpu_second": fits / cpu,
        "of_product": operations(task, settings, fits) / cpu / rate,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "threads": torch.get_num_threads(),
        "machine": platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def elsewhere(case, system, tree, threads):
    """A turn in a process of its own, with the code of `tree`."""
    call = [sys.executable, "-P", __file__, "--turn", case, system]
    call += ["--threads", str(threads)] if threads else []
    ran = subprocess.run(call, env={**os.environ, "PYTHONPATH": str(tree)}, check=True, capture_output=True, text=True)
    return json.loads(ran.stdout.splitlines()[-1])


def printed(rows):
    """The medians, with the least and the largest, and how many times the plain loop's pace they are."""
    print(f"{'case':12}{'system':28}{'threads':>8}{'fits/s':>10}{'from':>10}{'to':>10}{'a cpu s':>10}", end="")
    print(f"{'times':>8}{'of product':>12}{'peak MiB':>10}")
    for case in dict.fromkeys(row["case"] for row in rows):
        systems = dict.fromkeys((row["system"], row["threads"]) for row in rows if row["case"] == case)
        own = {
            key: [row for row in rows if (row["case"], row["system"], row["threads"]) == (case, *key)]
            for key in systems
        }
        pace = {key: statistics.median(row["fits_per_second"] for row in each) for key, each in own.items()}
        plain = max(value for (system, _), value in pace.items() if system == "plain loop")
        for (system, threads), each in own.items():
            paces = [row["fits_per_second"] for row in each]
            middle = {name: statistics.median(row[name] for row in each) for name in each[0] if name.endswith(FIGURES)}
            print(
                f"{case:12}{system:28}{threads:8}{pace[system, threads]:10.1f}{min(paces):10.1f}{max(paces):10.1f}",
                end="",
            )
            print(f"{middle['fits_per_cpu_second']:10.1f}{pace[system, threads] / plain:8.1f}", end="")
            print(f"{middle['of_product']:12.2f}{middle['peak_mib']:10.0f}")


FIGURES = ("second", "of_product", "mib")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--case", nargs="+", choices=["linear", "perceptron"], default=["linear", "perceptron"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--tree", nargs="*", type=Path, default=[], help="other checkouts to time in the same turns")
    parser.add_argument("--rows", type=Path, help="a csv file for one row a turn")
    parser.add_argument("--threads", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--turn", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.turn:
        print(json.dumps(turn(*options.turn)))
        return
    rows = []
    for case in options.case:
        refuse_differences(case)
        turns = [("plain loop", HERE, 1), ("plain loop", HERE, 2), ("lambda-search", HERE, None)]
        turns += [(f"lambda-search {tree.name}", tree.resolve(), None) for tree in options.tree]
        for _ in range(options.repeats):
            for each in turns:
                rows.append(elsewhere(case, *each))
                print(case, each[0], f"{rows[-1]['fits_per_second']:.1f} fits/s", file=sys.stderr, flush=True)
    printed(rows)
    if options.rows:
        with options.rows.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
