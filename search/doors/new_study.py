"""A first study file for the user's own data."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast

from search.core.errors import UserError
from search.core.writing import whole_file
from search.data.describe import Column, Description, describe
from search.data.readers import read_file
from search.data.remarks import INDEX_NAMES
from search.data.splits import plan_splits
from search.data.tables import Table, as_table
from search.metrics import metrics_for
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
{drop}
degree = 1  # 2 adds squares and products of the inputs

[split]
{split}
{group}

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
metric = {metric}  # the loss of held-out rows that decides; {metrics}

[verdict]
tolerance = 0.05  # a loss that is 5 % higher does not matter; 0.01 takes many more rows to answer
"""


ROTATION: Final = """\
test_folds = {split.test_folds}  # every row is a test row once, of a search that has not seen it\
"""
TEST_PART: Final = """\
test = {split.test}  # share of the rows that nothing but the verdict sees
scheme = "kfold"
folds = {split.folds}  # each fold validates once, the others train
# test_folds = {split.folds}  # in place of test: every row is a test row once, for several times the fits\
"""
GROUPS: Final = 10


def write_study(data: Path, target: tuple[str, ...], output: Path, task: str | None = None) -> tuple[Path, Description]:
    """Write a commented study file for a csv or parquet file; returns its path, and what the data hold.

    `task` is "regression" or "classification", None: guessed from the target.
    Raises `UserError` for data that a run would refuse too, for rows too few to validate on, and for an `output` that
    exists or cannot be written.
    """
    where = output.parent.resolve()
    # Resolving the folder alone keeps the name of a data file that is a link.
    path = Path(os.path.relpath(data.parent.resolve() / data.name, where)).as_posix()
    table, found = _read(data, target, task)
    split, metrics = _split(table), metrics_for(found.task)
    text = TEMPLATE.format(
        name=_toml(_study_name(data.stem)),
        path=_toml(path),
        target=_toml(target if len(target) > 1 else target[0]),
        task=_toml(found.task),
        drop=_drop(found),
        split=(ROTATION if split.rotates else TEST_PART).format(split=split),
        group=_group(found),
        penalty=_toml(["none", "l1", "l2", "elastic_net"] + ["group_lasso"] * (len(target) > 1)),
        metric=_toml(metrics[0]),
        metrics=f"or {' or '.join(map(_toml, metrics[1:]))}",
    )
    Settings.parse(tomllib.loads(text), where=str(output), base=where)
    _write(output, text)
    return output, found


def describe_file(data: Path, target: tuple[str, ...], task: str | None = None) -> Description:
    """What a csv or parquet file holds; `UserError` for data that a run would refuse too."""
    return _read(data, target, task)[1]


def _read(data: Path, target: tuple[str, ...], task: str | None) -> tuple[Table, Description]:
    source = {"source": "file", "path": str(data), "target": list(target), **({} if task is None else {"task": task})}
    settings = cast(FileData, Settings.parse({"name": "new", "data": source}, where="lambda-search new").data)
    raw = read_file(settings.path, settings.target)
    table = as_table(raw, settings)
    return table, describe(raw, table, rare=settings.rare, asked=settings.task)


def _drop(found: Description) -> str:
    """The line that says which columns are no inputs: an index is none, others are proposed.

    An index says where a row stood in one table, and new rows count from the start again. Whether a year, an identifier
    or a copy of the target is an input the user alone can say.
    """
    inputs = [column for column in found.columns if column.kind != "empty"]
    index = inputs[0] if _is_index(inputs[0]) and len(inputs) > 1 else None
    doubted = [column for column in found.suspects if column is not index]
    if len(doubted) + (index is not None) == len(inputs):
        doubted = []  # something must be left
    reasons = ", ".join(f"{_toml(each.name)} ({each.suspect.short})" for each in doubted if each.suspect)
    if index is not None:
        more = f"; perhaps too: {reasons}" if doubted else ""
        return f"drop = {_toml([index.name])}  # numbers or names the rows, and is no input{more}"
    if doubted:
        return f"# drop = {_toml([each.name for each in doubted])}  # perhaps no inputs: {reasons}"
    if len(inputs) > 1:
        return f"# drop = {_toml([inputs[0].name])}  # columns that are no inputs; or keep, the only ones that are"
    return "# all but one input could be left out: drop, a list of columns, or keep"


def _is_index(column: Column) -> bool:
    """Whether a table's first column is what pandas or R wrote there: without a name of its own, other in every row."""
    return column.name in INDEX_NAMES and column.suspect is not None and column.suspect.code != "copy"


def _group(found: Description) -> str:
    """The line that shows how rows are kept together, with a column that could say so if there is one."""
    names = [
        column.name
        for column in found.columns
        if column.kind == "text" and not column.missing and GROUPS <= column.distinct <= found.rows / 2
    ]
    when = [column.name for column in found.columns if column.kind == "date" and not column.missing]
    told = "rows that belong together (of one patient, one house) stay on one side of every cut"
    line = f"# group_column = {_toml(names[0])}  # {told}" if names else f"# group_column, a column's name: {told}"
    if not when:
        return line
    return f"{line}\n# in place of the lines above, time_column = {_toml(when[0])}: later rows validate and test"


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
        with whole_file(output, new=True) as file:
            file.write(body)
    except FileExistsError as error:
        raise UserError(f"--output: {output} exists already; remove it or name another file") from error
    except (OSError, UnicodeError) as error:
        raise UserError(f"--output: {output} cannot be written: {error}") from error
