"""From a table to a `Task`: split it, and preprocess each split on its own training rows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from search.core.groups import Groups
from search.data.preprocess import Preprocessor, fit_preprocessor
from search.data.splits import Index, Parts, Plan, plan_splits
from search.data.tables import Table, TableData, read_table
from search.data.task import Rows, Split, Task

if TYPE_CHECKING:
    from search.settings import Split as SplitSettings


def load_table(data: TableData, split: SplitSettings, frame: object = None) -> Task:
    """The task that bundled, file, frame or function data describe; `UserError` for data that cannot be used."""
    columns = {"group_column": split.group_column, "time_column": split.time_column}
    table = read_table(data, split.test_column, frame, **columns)
    return table if isinstance(table, Task) else table_task(table, data, split)


def table_task(table: Table, data: TableData, split: SplitSettings) -> Task:
    """A table split as the settings say, see `planned_task`."""
    return planned_task(table, data, plan_splits(table, split))


def planned_task(table: Table, data: TableData, plan: Plan) -> Task:
    """A table cut as planned; every split, refit and pair has a preprocessing of its own.

    On the row axes of the losses a row's place is its index among the rows that are not test rows, in file order,
    or among the test rows. `features` are those of the refit, or of the first split; the columns of categories may
    differ between splits.
    """
    place = torch.from_numpy(np.where(plan.test, np.cumsum(plan.test), np.cumsum(~plan.test)) - 1)
    fit = partial(fit_preprocessor, standardize=data.standardize, degree=data.degree, clip=data.clip, rare=data.rare)
    preprocessors = [fit(table.inputs.iloc[parts.train]) for parts in plan.all]
    built = [_split(table, *each, place) for each in zip(plan.all, preprocessors, strict=True)]
    cut, last = len(plan.splits), len(plan.splits) + len(plan.refits)
    return Task(
        kind=table.targets.kind,
        outputs=table.targets.outputs,
        features=preprocessors[cut if plan.refits else 0].features,
        targets=table.targets.names,
        classes=table.targets.classes,
        splits=tuple(built[:cut]),
        refits=tuple(built[cut:last]),
        pairs=tuple(built[last:]),
        validation_rows=int((~plan.test).sum()),
        test_rows=int(plan.test.sum()),
        fingerprint=table.fingerprint(),
        same_columns=len({each.features for each in preprocessors}) == 1,
        notes=table.notes(),
        groups=None if table.groups is None else Groups(table.groups[~plan.test], table.groups[plan.test]),
    )


def _split(table: Table, parts: Parts, preprocessor: Preprocessor, place: Tensor) -> Split:
    train, validation, test = (
        _rows(table, index, preprocessor, place) for index in (parts.train, parts.validation, parts.test)
    )
    return Split(train, validation, test, repeat=parts.repeat, fold=parts.fold)


def _rows(table: Table, index: Index, preprocessor: Preprocessor, place: Tensor) -> Rows:
    ids = torch.from_numpy(index)
    x = torch.from_numpy(preprocessor.apply(table.inputs.iloc[index]))
    return Rows(x, torch.from_numpy(table.targets.y[index]), ids=ids, place=place[ids])
