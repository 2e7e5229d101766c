"""Benchmarks as flat rows: case, system, size, seconds and what else was measured, with machine, versions and date."""

from __future__ import annotations

import csv
import platform
from datetime import UTC, datetime
from importlib.metadata import version

COLUMNS = (
    *("case", "system", "size", "seconds", "cpu_seconds", "fits_per_second", "peak_megabytes"),
    *("machine", "versions", "date"),
)
PACKAGES = ("lambda-search", "torch", "optuna", "scikit-learn", "numpy")


def write(path, rows):
    """Append rows (mappings with some of the columns) to a csv file; a new one gets its header."""
    here = {"machine": machine(), "versions": versions(), "date": datetime.now(UTC).isoformat(timespec="seconds")}
    with open(path, "a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if not file.tell():
            writer.writeheader()
        writer.writerows({**here, **row} for row in rows)


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
    """The packages that a figure depends on."""
    return " ".join(f"{package} {version(package)}" for package in PACKAGES)
