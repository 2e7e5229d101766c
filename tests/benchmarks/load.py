"""What it takes to open, list, judge, report, export and check a large study (S11); memory over very many fits.

python tests/benchmarks/load.py [--kind trials rows fits] [--trials 100000] [--rows 1000000] [--fits 100000]
    [--door open judge list ...] [--kept FOLDER] [--csv ROWS.csv]

- `trials`: a study of so many random trials, asked and kept by a run that trains nothing; its losses (100 validation
  and 300 test rows) are drawn.
- `rows`: a study of 8 trials, trained on 100 rows and held against so many validation rows.
- `fits`: trainings of 1,000 fits after each other in one process, on the same data; the memory that the process
  holds after each tenth of them.

Each door is a process of its own; `making` is the search itself. `--kept` keeps the studies in a folder, or takes
those that are there.
"""

from __future__ import annotations

import sys
import tempfile
import time
import warnings
from pathlib import Path

from measure import Cost, arguments, carry_out, elsewhere, here, in_turn, whole_process

VALIDATION, TEST, BATCH = 100, 300, 1000  # rows, and fits or trials at once
SEARCH = "-P", "-m", "search"
PYTHON = {
    "open": "import search; study = search.load({name!r}, storage={url!r}); study.trials",
    "judge": "import search; search.load({name!r}, storage={url!r}).judge()",
}


def study(kind, size):
    """The settings of a study."""
    from search.settings import Settings

    data = {"source": "synthetic_linear", "train": 100, "features": 5, "test": TEST}
    rows, trials, batch = (VALIDATION, size, BATCH) if kind == "trials" else (size, 8, 8)
    tables = {"name": kind, "data": data | {"validation": rows}, "training": {"epochs": 10, "batch_size": 0}}
    return Settings.parse(tables | {"search": {"sampler": "random", "trials": trials, "batch": batch}})


def turn(kind, size, url=None):
    """The columns of a study's making, or of all fits."""
    if kind == "fits":
        return over_fits(size)
    import optuna
    from untrained import Drawn

    from search.ledger import open_storage
    from search.runs import Run

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    made = (Drawn if kind == "trials" else Run).open(study(kind, size), open_storage(url))
    return here(lambda: made.search(stop=lambda: False))._asdict()


def over_fits(size):
    """Columns by the number of fits so far: seconds, and the memory held now, which is not the largest."""
    import psutil
    from growth import training

    fits = min(size // 10, BATCH)
    work, found = training(features=20, candidates=fits), {}
    begun, cpu = time.perf_counter(), time.process_time()
    for done in range(1, 11):
        for _ in range(max(1, size // (10 * fits))):
            work()
        held = psutil.Process().memory_info().rss / 2**20
        cost = Cost(time.perf_counter() - begun, time.process_time() - cpu, held)
        found[f"{done * size // 10:,} fits"] = cost._asdict()
    return found


def doors(kind, folder, url):
    """What a user does with a study, each as a command; the page and the table are written into the folder."""
    said = {door: ("-c", code.format(name=kind, url=str(url))) for door, code in PYTHON.items()}
    own = ("--storage", url)
    return said | {
        "list": (*SEARCH, "list", *own),
        "status": (*SEARCH, "status", kind, *own),
        "verdict": (*SEARCH, "verdict", kind, *own),
        "report": (*SEARCH, "report", kind, *own, "-o", folder / f"{kind}.html"),
        "export": (*SEARCH, "export", kind, *own, "-o", folder / f"{kind}.csv"),
        "check": (*SEARCH, "check", *own),
    }


def measured(options):
    """The rows."""
    if "fits" in options.kind:
        for called, columns in elsewhere(__file__, ("fits", options.fits)).items():
            yield {"case": "S11", "system": "lambda-search", "size": f"memory after {called}", **columns}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.kept or temporary).resolve()
        folder.mkdir(exist_ok=True)
        for kind in [each for each in ("trials", "rows") if each in options.kind]:
            size = getattr(options, kind)
            url, called = folder / f"{kind}.journal", f"{size:,} {kind}"
            if not url.exists():
                making = {"lambda-search": lambda k=kind, n=size, at=url: elsewhere(__file__, (k, n, str(at)))}
                yield from in_turn(1, making, "S11", f"making {called}")
            for door, command in doors(kind, folder, url).items():
                if options.door is None or door in options.door:
                    works = {"lambda-search": lambda each=command: whole_process([sys.executable, *each], folder)}
                    yield from in_turn(options.repeats, works, "S11", f"{door}, {called}")


def main():
    parser = arguments(__doc__, repeats=1)
    parser.add_argument("--kind", nargs="+", choices=("trials", "rows", "fits"), default=["trials", "rows", "fits"])
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--fits", type=int, default=100_000)
    parser.add_argument("--kept", help="a folder for the studies")
    parser.add_argument("--door", nargs="+", help="only these")
    options = parser.parse_args()
    carry_out(options, turn, measured)


if __name__ == "__main__":
    main()
