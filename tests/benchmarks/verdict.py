"""How long a verdict takes, and the memory at its highest: arrays in, `judge`, nothing trained.

python tests/benchmarks/verdict.py [--candidates 1000] [--rows 10000] [--rotation] [--law paths unrelated]
                                   [--repeats 3] [--tree DIR] [--csv ROWS.csv]

Two laws. `paths`: squared losses along a path of l2 and one of l1, so that neighbours hardly differ. `unrelated`: every
loss drawn by itself, so that nothing can be had from neighbours. With `--rotation` five turns judge the rows, and ten
fits without two turns make their picks. Seconds are the processor's, in a process of its own for each repeat; peak
memory is all of that process, with the losses it judges. Beside it one pass over the losses: the mean of every
candidate. `--tree` is another version's folder, which is then measured in turn with this one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from itertools import combinations
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parents[2]
FEATURES, TURNS = 50, 5


def paths(candidates, rows, rng):
    """Squared losses of an l2 and an l1 path, in closed form for orthogonal training rows, on two sets of new rows."""
    truth = np.where(np.arange(FEATURES) < FEATURES // 4, 0.5, 0.05) * rng.choice([-1, 1], FEATURES)
    fitted = truth + 0.3 * rng.normal(size=FEATURES)
    l2, l1 = np.geomspace(1e-3, 1e2, candidates // 2), np.geomspace(1e-3, 2, candidates - candidates // 2)
    thresholded = np.sign(fitted) * np.maximum(np.abs(fitted) - l1[:, None], 0)
    weights = np.concatenate([fitted / (1 + l2[:, None]), thresholded])

    def losses():
        x = rng.normal(size=(rows, FEATURES))
        return np.square(weights @ x.T - x @ truth - rng.normal(size=rows)).astype(np.float32)

    return losses(), losses(), ["l2"] * len(l2) + ["l1"] * len(l1), np.concatenate([l2, l1])


def unrelated(candidates, rows, rng):
    """Exponential losses around a level that is lowest at lambda = 2."""
    lambdas = np.geomspace(1e-3, 1e2, candidates)
    level = 1 + 0.1 * np.log10(lambdas / 2)[:, None] ** 2
    both = [(level * rng.exponential(size=(candidates, rows))).astype(np.float32) for _ in range(2)]
    return *both, ["l2"] * candidates, lambdas


LAWS = {"paths": paths, "unrelated": unrelated}


def arguments_of_judge(law, candidates, rows, rotation):
    """Validation and test losses, the frame of candidates, and the evidence that makes it a rotation."""
    import pandas as pd

    from search.core.evidence import Evidence
    from search.core.results import Results
    from search.verdict.inputs import candidates_of

    validation, test, penalty, lambdas = LAWS[law](candidates, rows, np.random.default_rng(0))
    frame = pd.DataFrame({"penalty": penalty, "lambda": lambdas})
    if not rotation:
        return (validation, test, frame), None
    turn = np.arange(rows) % TURNS
    held = turn == np.arange(TURNS)[:, None]
    pairs = np.array([held[one] | held[other] for one, other in combinations(range(TURNS), 2)])
    without, inner = (
        np.where(each, losses[:, None], np.float32(np.nan)) for each, losses in ((held, test), (pairs, validation))
    )
    return (without, None, frame), Evidence(inner=Results(candidates_of(frame), inner))


def measure(options, law):
    """Seconds of one pass and of the verdict, peak memory, and what it said: printed as JSON."""
    import resource

    from search.verdict import judge

    given, evidence = arguments_of_judge(law, options.candidates, options.rows, options.rotation)
    begun = time.process_time()
    given[0].mean(axis=-1)
    one_pass = time.process_time() - begun
    begun = time.process_time()
    verdict = judge(*given, evidence=evidence)
    seconds = time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    said = (verdict.answer, verdict.basis.members, verdict.basis.at_most)
    print(json.dumps({"one_pass": one_pass, "cpu": seconds, "peak": peak / 1024, "said": said}))


def run(options, law, tree):
    """`measure` in a process of its own, with one thread."""
    command = [sys.executable, "-P", __file__, "--here", law, *options.size]
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return json.loads(done.stdout)


def rows_of(options):
    """A row for each law and version, printed as they come: medians of the repeats, which take turns."""
    trees = {"here": HERE} | ({"other": options.tree} if options.tree else {})
    for law in options.law:
        found = {name: [] for name in trees}
        for _ in range(options.repeats):
            for name, tree in trees.items():
                found[name].append(run(options, law, tree))
        for name, each in found.items():
            middle = {key: statistics.median(one[key] for one in each) for key in ("one_pass", "cpu", "peak")}
            least = min(one["cpu"] for one in each)
            kind = "rotation" if options.rotation else "split"
            print(
                f"{law:>10} {options.candidates:,} x {options.rows:,} {kind:>8} {name:>6}: {middle['cpu']:6.2f} s "
                f"(least {least:.2f}; one pass {middle['one_pass']:.3f}), peak {middle['peak']:5.0f} MB; "
                f"{each[0]['said']}",
                flush=True,
            )
            yield {
                "case": "S6",
                "system": "lambda-search" if name == "here" else name,
                "size": f"verdict, {kind}, {law}, {options.candidates:,} x {options.rows:,}",
                "seconds": middle["cpu"],
                "cpu_seconds": middle["cpu"],
                "peak_megabytes": middle["peak"],
            }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rotation", action="store_true")
    parser.add_argument("--law", nargs="+", choices=LAWS, default=list(LAWS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tree", type=Path)
    parser.add_argument("--csv")
    parser.add_argument("--here", choices=LAWS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        measure(options, options.here)
        return
    options.size = ["--candidates", str(options.candidates), "--rows", str(options.rows)]
    options.size += ["--rotation"] * options.rotation
    rows = list(rows_of(options))
    if options.csv:
        import flat_rows

        flat_rows.write(options.csv, rows)


if __name__ == "__main__":
    main()
