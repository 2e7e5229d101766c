"""A first study file for the user's own data."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast

from search.core.errors import UserError
from search.data.splits import plan_splits
from search.data.tables import Table, read_table
from search.settings import FileData, Settings, Split

MOST_FOLDS: Final = 5
LEAST_TURNS: Final = 3
ROTATE_BELOW: Final = 5_000  # rows: with more a test part of its own is as good, and takes a third of the fits
TEMPLATE: Final = """\
# Which penalty and which lambda predict the target best? `lambda-search run` with this file searches them.
# Every key that is not here has a default; `lambda-search schema` lists them all.
name = {name}

[data]
source = "file"
path = {path}  # relative to this file
target = {target}  # all other columns are inputs
task = {task}  # regression or classification
degree = 1  # 2 adds squares and products of the inputs

[split]
{split}

[model]
kind = "linear"

[training]
optimizer = "exact"  # the convex optimum: no learning rate, no epochs

[space]
penalty = {penalty}
lambda = "auto"  # from the data; or {{ low = 1e-4, high = 1e2 }}, or a list of values

[search]
trials = 64
batch = 16

[verdict]
tolerance = 0.05  # a loss that is 5 % higher does not matter; 0.01 takes many more rows to answer
"""


ROTATION: Final = """\
test_folds = {split.test_folds}  # every row is a test row once, of a search that has not seen it\
"""
TEST_PART: Final = """\
test = {split.test}  # share of the rows that nothing but the verdict sees
scheme = "kfold"
folds = {split.folds}  # each fold validates once, the others train\
"""


def write_study(
    data: Path, target: tuple[str, ...], output: Path, task: str | None = None
) -> tuple[Path, tuple[str, ...]]:
    """Write a commented study file for a csv or parquet file; returns its path, and what was made of the data.

    `task` is "regression" or "classification", None: guessed from the target.
    Raises `UserError` for data that a run would refuse too, for rows too few to validate on, and for an `output` that
    exists or cannot be written.
    """
    where = output.parent.resolve()
    # Resolving the folder alone keeps the name of a data file that is a link.
    path = Path(os.path.relpath(data.parent.resolve() / data.name, where)).as_posix()
    source = {"source": "file", "path": str(data), "target": list(target), **({} if task is None else {"task": task})}
    table = _read(Settings.parse({"name": "new", "data": source}, where="lambda-search new"))
    split = _split(table)
    text = TEMPLATE.format(
        name=_toml(_study_name(data.stem)),
        path=_toml(path),
        target=_toml(target if len(target) > 1 else target[0]),
        task=_toml("regression" if table.targets.kind == "regression" else "classification"),
        split=(ROTATION if split.rotates else TEST_PART).format(split=split),
        penalty=_toml(["none", "l1", "l2", "elastic_net"] + ["group_lasso"] * (len(target) > 1)),
    )
    Settings.parse(tomllib.loads(text), where=str(output), base=where)
    _write(output, text)
    return output, ((_guess(table),) if task is None else ()) + table.notes()


def _guess(table: Table) -> str:
    """The task that the target was taken for, and how to say otherwise."""
    names = ", ".join(f'"{name}"' for name in table.targets.names)
    if table.targets.kind == "regression":
        other = "" if len(table.targets.names) > 1 else " (--task classification makes its values classes)"
        return f"{names} taken as a number to predict, regression{other}"
    classes = table.targets.classes
    shown = ", ".join(classes[:5]) + (", ..." if len(classes) > 5 else "")
    return f"{names} taken as {len(classes)} classes ({shown}), classification (--task regression predicts a number)"


def _read(settings: Settings) -> Table:
    # A file gives a table; only the user's own function may give a ready task.
    return cast(Table, read_table(cast(FileData, settings.data)))


def _split(table: Table, folds: int = MOST_FOLDS) -> Split:
    """A rotation where the rows are few, else a test part and folds: at most five, as many as the rows allow.

    `UserError` where two folds are too many.
    """
    rotates = len(table) < ROTATE_BELOW and folds >= LEAST_TURNS
    split = Split(test_folds=folds) if rotates else Split(scheme="kfold", folds=folds)
    try:
        plan_splits(table, split)
    except UserError:
        if folds == 2:
            raise
        return _split(table, folds - 1)
    return split


def _study_name(stem: str) -> str:
    """The file's name with what a study's name may not have replaced."""
    return "".join(each if each.isprintable() and each not in "/\\" else "_" for each in stem)[:200]


def _toml(value: str | Sequence[str]) -> str:
    """A text, or a list of them, as TOML: JSON's escapes are TOML's, but for DEL, which JSON leaves as it is."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _write(output: Path, text: str) -> None:
    try:
        body = text.encode()
        with output.open("xb") as file:
            file.write(body)
    except FileExistsError as error:
        raise UserError(f"--output: {output} exists already; remove it or name another file") from error
    except (OSError, UnicodeError) as error:
        raise UserError(f"--output: {output} cannot be written: {error}") from error
