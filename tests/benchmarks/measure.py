"""How every benchmark measures: its arguments, turns of a process each, the clock, the processor, the memory."""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from typing import NamedTuple

from flat_rows import write
from table import as_text, spread


class Cost(NamedTuple):
    """Seconds by the clock and of the processor (user and system), and the largest process's memory in MB."""

    seconds: float
    cpu_seconds: float
    peak_megabytes: float

    def __add__(self, other):
        peak = max(self.peak_megabytes, other.peak_megabytes)
        return Cost(self.seconds + other.seconds, self.cpu_seconds + other.cpu_seconds, peak)


def arguments(doc, repeats=5):
    """A parser with what every benchmark takes."""
    parser = argparse.ArgumentParser(description=doc.partition("\n")[0])
    parser.add_argument("--csv", help="append flat rows to this file")
    parser.add_argument("--repeats", type=int, default=repeats, help="turns of every system")
    parser.add_argument("--turn", help=argparse.SUPPRESS)
    return parser


def whole_process(command, folder, env=None):
    """What a process costs from start to end; its output is thrown away."""
    begun = time.perf_counter()
    env = {**os.environ, **(env or {})}
    process = subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    told = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: {told.decode()}")
    return Cost(time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def here(work):
    """What a piece of work costs in this process, whose memory so far counts too."""
    begun, cpu = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - begun, time.process_time() - cpu, peak())


def peak():
    """The most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_turn(repeats, works, case, size):
    """Rows of all systems (name: what costs something), A B A B; `works` give a `Cost`, or a mapping of columns."""
    for _ in range(repeats):
        for system, work in works.items():
            found = work()
            columns = found._asdict() if isinstance(found, Cost) else found
            yield {"case": case, "system": system, "size": size, **columns}


def elsewhere(file, turn, tree=None, threads=None):
    """The columns that `file --turn` prints, in a process of its own; `turn` says which, `tree` is another checkout."""
    env = {**os.environ, **({"PYTHONPATH": str(tree)} if tree else {})}
    if threads:
        env |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    ran = subprocess.run(
        [sys.executable, file, "--turn", json.dumps(turn)], env=env, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(ran.stdout.splitlines()[-1])


def carry_out(options, turn, measured):
    """The one turn that `elsewhere` asked this process for, or else all that is measured."""
    if options.turn:
        print(json.dumps(turn(*json.loads(options.turn))))
    else:
        finish(measured(options), options)


def finish(rows, options):
    """Progress turn by turn, then the medians as a table, and the rows in the csv file."""
    kept = []
    for row in rows:
        kept.append(row)
        if options.csv:
            write(options.csv, [row])
        print(f"{row['case']} {row['size']}: {row['system']} {spread([row])}", file=sys.stderr, flush=True)
    print(as_text(kept))
