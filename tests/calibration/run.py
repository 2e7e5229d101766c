"""Simulates data sets of every law, judges them, and prints how often the verdict was right.

python tests/calibration/run.py [--data-sets 1000] [--law NAME ...] [--jobs 2] [--out FOLDER]
python tests/calibration/run.py --tables --data-sets 150    # real tables: pip install -e .[calibration]

A run that was stopped goes on where it was: finished blocks of data sets lie in FOLDER, apart for every version of
the verdict's and the calibration's source, so that rows of two versions are never mixed.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import pandas as pd
from laws import LAWS
from real_tables import NAMES
from simulate import judged_rows
from tables import report
from threadpoolctl import threadpool_limits

import search

BLOCK = 50
HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / "runs" / "calibration"


def version():
    """A short name of the sources that the rows depend on."""
    house = Path(search.__file__).parent
    rooms = [path for room in ("core", "penalties", "verdict") for path in sorted((house / room).rglob("*.py"))]
    own = [
        HERE / name
        for name in ("laws.py", "linear_fits.py", "logistic_fits.py", "real_tables.py", "same_rows.py", "simulate.py")
    ]
    return hashlib.sha256(b"".join(path.read_bytes() for path in [*rooms, *own])).hexdigest()[:10]


def finish(path, law, block):
    """Simulates one block of data sets and keeps it: whole, or not at all."""
    rows = judged_rows(law, range(block * BLOCK, (block + 1) * BLOCK))
    path.parent.mkdir(parents=True, exist_ok=True)
    started = path.with_suffix(".part")
    rows.to_parquet(started)
    os.replace(started, path)


def finish_all(paths, jobs):
    """Simulates what is missing, and says on standard error how far it is."""
    missing = [(path, law, block) for (law, block), path in paths.items() if not path.exists()]
    begun = time.monotonic()
    with ProcessPoolExecutor(jobs, initializer=threadpool_limits, initargs=(1,)) as pool:
        tasks = [pool.submit(finish, *each) for each in missing]
        for done, task in enumerate(as_completed(tasks), start=1):
            task.result()
            left = (time.monotonic() - begun) / done * (len(tasks) - done)
            print(f"\r{done} of {len(tasks)} blocks, {left / 60:.1f} minutes left ", end="", file=sys.stderr)
    print(file=sys.stderr)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-sets", type=int, default=1000, help=f"of each law, rounded up to {BLOCK}s")
    parser.add_argument("--law", nargs="+", choices=[*LAWS, *NAMES], metavar="NAME", help=", ".join(LAWS))
    parser.add_argument("--tables", action="store_true", help="real tables in place of the laws")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--out", type=Path, default=FOLDER, help="where finished blocks lie")
    options = parser.parse_args()
    options.law = options.law or (NAMES if options.tables else list(LAWS))
    return options


def main():
    options = arguments()
    folder = options.out / version()
    blocks = -(-options.data_sets // BLOCK)
    paths = {(law, block): folder / law / f"{block:04}.parquet" for law in options.law for block in range(blocks)}
    finish_all(paths, options.jobs)
    print(f"Sources {folder.name}, {datetime.date.today()}, {blocks * BLOCK:,} data sets of each law\n")
    print(report(pd.concat([pd.read_parquet(path) for path in paths.values()])))


if __name__ == "__main__":
    main()
