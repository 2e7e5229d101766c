"""Benchmarks as flat rows, one a turn: case, system, size, what was measured, machine, versions, date."""

from __future__ import annotations

import csv
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

COLUMNS = (
    *("case", "system", "size", "seconds", "cpu_seconds", "fits", "fits_per_second", "peak_megabytes", "threads"),
    *("machine", "versions", "date"),
)
TEXTS = {"case", "system", "size", "machine", "versions", "date"}
PACKAGES = ("lambda-search", "torch", "optuna", "numpy", "scikit-learn", "celer", "skglm", "adelie", "himalaya")


def write(path, rows):
    """Append rows (mappings with some of the columns) to a csv file; a new one gets its header."""
    here = {"machine": machine(), "versions": versions(), "date": datetime.now(UTC).isoformat(timespec="seconds")}
    with open(path, "a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if not file.tell():
            writer.writeheader()
        writer.writerows(here | paced(row) for row in rows)


def read(path):
    """The rows of a csv file; numbers are numbers, and what is empty is left out."""
    with open(path, newline="", encoding="utf-8") as file:
        return [
            {name: text if name in TEXTS else float(text) for name, text in row.items() if text}
            for row in csv.DictReader(file)
        ]


def paced(row):
    """The row with its fits per second, where it has fits, and four digits of every figure."""
    if row.get("fits"):
        row = {"fits_per_second": row["fits"] / row["seconds"], **row}
    return {name: float(f"{each:.4g}") if isinstance(each, float) else each for name, each in row.items()}


def machine():
    """The processor's name and how many there are."""
    return f"{processor()}, {cores()} cores"


def processor():
    """What Linux calls the processor, elsewhere its architecture."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def cores():
    """The cores that this process may use."""
    from joblib import effective_n_jobs

    return effective_n_jobs(-1)


def versions():
    """The packages that a figure depends on, as far as they are there."""
    return " ".join(f"{package} {found}" for package in PACKAGES if (found := _version(package)))


def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None
