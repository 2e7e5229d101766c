"""The readers that are fuzzed: whatever bytes they are given, they give a result or one line (`UserError`)."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import optuna
import pandas as pd

import search
from search.core.errors import UserError
from search.data import load_task
from search.ledger import list_studies, open_storage
from search.settings import Settings

HERE: Final = Path(__file__).parent
CORPUS: Final = HERE / "corpus"
STUDIES: Final = Path(search.__file__).parents[1] / "studies"
LONGEST: Final = 20_000  # letters of a line


@dataclass(frozen=True)
class Target:
    """A reader by its name. `seeds` are inputs that it takes; `read(body, folder)` has it read bytes from a file."""

    name: str
    seeds: Callable[[], list[bytes]]
    read: Callable[[bytes, Path], None]

    @property
    def found(self) -> list[Path]:
        """The inputs that a version of this project stumbled over."""
        return sorted((CORPUS / self.name).glob("*"))

    def check(self, body: bytes, folder: Path) -> None:
        """Raises where the reader does anything else than to read, or to refuse in one line."""
        try:
            self.read(body, folder)
        except UserError as error:
            line = str(error)
            assert line.strip(), "an empty line"
            assert len(line.splitlines()) == 1, line
            assert len(line) < LONGEST, line[:100]


def _study_files() -> list[bytes]:
    return [path.read_bytes() for path in sorted(STUDIES.rglob("*.toml"))]


def _read_study_file(body: bytes, folder: Path) -> None:
    path = folder / "study.toml"
    path.write_bytes(body)
    found = Settings.load(path)
    assert Settings.parse(found.to_dict()) == found


def _table(rows: int = 24) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "size": rng.normal(size=rows).round(3),
            "rooms": rng.integers(1, 9, rows),
            "colour": rng.choice(["red", "blue", "Grün"], rows),
            "sold": pd.date_range("2024-12-30", periods=rows).strftime("%Y-%m-%d"),
            "new": rng.integers(0, 2, rows).astype(bool),
            "gap": np.where(rng.random(rows) < 0.2, np.nan, 1.5),
            "y": rng.normal(size=rows).round(2),
        }
    )


def _csv_files() -> list[bytes]:
    few = _table(16)
    quoted = few.assign(colour='a "b", c', rooms="1e3")
    return [
        _table().to_csv(index=False).encode(),
        few.assign(y=few["colour"]).to_csv(index=False).encode(),
        quoted.to_csv(index=False, lineterminator="\r\n").encode("utf-8-sig"),
        b"x,y\n" + b"".join(b"%d,%d\n" % (row, row % 2) for row in range(12)),
    ]


def _parquet_files() -> list[bytes]:
    few = _table(16)
    nested = few.assign(size=[[1.0, 2.0]] * 16)
    kinds = few.assign(colour=few["colour"].astype("category"), sold=pd.to_datetime(few["sold"])).set_index("rooms")
    return [_parquet(frame) for frame in (few, nested, kinds)]


def _parquet(frame: pd.DataFrame) -> bytes:
    body = io.BytesIO()
    frame.to_parquet(body, compression=None)
    return body.getvalue()


def _data_file(suffix: str) -> Callable[[bytes, Path], None]:
    def read(body: bytes, folder: Path) -> None:
        path = folder / f"data{suffix}"
        path.write_bytes(body)
        load_task(Settings.parse({"name": "a", "data": {"source": "file", "path": str(path), "target": "y"}}))

    return read


@cache
def _ledger() -> tuple[bytes, Mapping[str, bytes]]:
    """The journal of two small studies, one of somebody else's, and its losses by their paths below it."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "ledger.journal"
        data = {"source": "synthetic_linear", "train": 6, "validation": 5, "test": 4, "features": 2}
        tables = {"name": "own", "data": data, "training": {"optimizer": "exact"}, "search": {"trials": 2, "batch": 1}}
        search.run(tables, storage=str(path), progress=False)
        study = optuna.create_study(storage=open_storage(str(path)).optuna, study_name="theirs")
        study.optimize(_recorded, n_trials=2)
        losses = {str(each.relative_to(name)): each.read_bytes() for each in Path(name).rglob("*") if each.is_file()}
        return losses.pop(path.name), losses


def _recorded(trial: optuna.Trial) -> float:
    rng = np.random.default_rng(trial.number)
    trial.suggest_float("weight_decay", 1e-3, 1.0, log=True)
    search.record(trial, validation=rng.random(5), test=rng.random(4))
    return float(rng.random())


def _journals() -> list[bytes]:
    return [_ledger()[0]]


def _losses() -> list[bytes]:
    return [body for name, body in _ledger()[1].items() if name.endswith(".npz")]


def _write_ledger(folder: Path) -> None:
    for name, body in _ledger()[1].items():
        path = folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)


def _read_journal(body: bytes, folder: Path) -> None:
    _write_ledger(folder)
    path = folder / "ledger.journal"
    path.write_bytes(body)
    for study in list_studies(open_storage(str(path), create=False)):
        with suppress(UserError):  # each study has its own line
            ledger = search.load(study.name, str(path)).ledger
            ledger.snapshot()
            ledger.trials()


def _read_losses(body: bytes, folder: Path) -> None:
    journal, losses = _ledger()
    _write_ledger(folder)
    (folder / "ledger.journal").write_bytes(journal)
    for name in losses:
        if name.endswith(".npz"):
            (folder / name).write_bytes(body)
    search.load("own", str(folder / "ledger.journal")).ledger.snapshot(open_test=False)


TARGETS: Final = {
    target.name: target
    for target in (
        Target("study_file", _study_files, _read_study_file),
        Target("csv", _csv_files, _data_file(".csv")),
        Target("parquet", _parquet_files, _data_file(".parquet")),
        Target("journal", _journals, _read_journal),
        Target("losses", _losses, _read_losses),
    )
}
