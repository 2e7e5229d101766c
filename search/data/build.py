"""From a table to a `Task`: split it, and preprocess each split on its own training rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from search.core.groups import Groups
from search.data.preprocess import Preprocessor, fit_preprocessor
from search.data.ready import Ready
from search.data.size import refuse_too_wide
from search.data.split_columns import READ
from search.data.splits import Index, Parts, Plan, plan_splits
from search.data.tables import Table, TableData, read_table
from search.data.task import Rows, Shared, SharedRows, Split, Task, Whole

if TYPE_CHECKING:
    from search.settings import Split as SplitSettings


def load_table(data: TableData, split: SplitSettings, frame: object = None) -> Task:
    """The task that bundled, file, frame or function data describe; `UserError` for data that cannot be used."""
    table = read_table(data, frame, {key: name for key in READ if (name := getattr(split, key)) is not None})
    return table if isinstance(table, Task) else table_task(table, data, split)


def table_task(table: Table | Ready, data: TableData, split: SplitSettings) -> Task:
    """A table split as the settings say, see `planned_task`."""
    return planned_task(table, data, plan_splits(table, split))


def planned_task(table: Table | Ready, data: TableData, plan: Plan) -> Task:
    """A table cut as planned; every split, refit and pair has a preprocessing of its own.

    On the row axes of the losses a row's place is its index among the rows that are not test rows, in file order,
    or among the test rows. `features` are those of the refit, or of the first split; the columns of categories may
    differ between splits.
    """
    place = torch.from_numpy(np.where(plan.test, np.cumsum(plan.test), np.cumsum(~plan.test)) - 1)
    if isinstance(table, Ready):
        return _ready_task(table, plan, place)
    refuse_too_wide(table, data, plan)
    preprocessors = [_fitted(table, data, parts.train) for parts in plan.all]
    cut, last = len(plan.splits), len(plan.splits) + len(plan.refits)
    means = [each for kind in (plan.splits, plan.refits, plan.pairs) for each in [_held_means(table, kind)] * len(kind)]
    built = [_split(table, *each, place) for each in zip(plan.all, preprocessors, means, strict=True)]
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
        notes=table.notes(data.rare),
        read_whole=partial(whole_table, table, data),
        groups=None if table.groups is None else Groups(table.groups[~plan.test], table.groups[plan.test]),
    )


def _ready_task(table: Ready, plan: Plan, place: Tensor) -> Task:
    """Splits that share the data: they are held once, whatever the number of splits."""
    shared = Shared(table.x, torch.from_numpy(table.targets.y))

    def rows(index: Index) -> Rows:
        ids = torch.from_numpy(index)
        return SharedRows(shared, ids, place[ids])

    splits, refits, pairs = (
        tuple(
            Split(rows(each.train), rows(each.validation), rows(each.test), repeat=each.repeat, fold=each.fold)
            for each in parts
        )
        for parts in (plan.splits, plan.refits, plan.pairs)
    )
    return Task(
        kind=table.targets.kind,
        outputs=table.targets.outputs,
        features=tuple(f"x{index}" for index in range(table.x.shape[1])) if table.x.ndim == 2 else (),
        targets=table.targets.names,
        classes=table.targets.classes,
        splits=splits,
        refits=refits,
        pairs=pairs,
        validation_rows=int((~plan.test).sum()),
        test_rows=int(plan.test.sum()),
        fingerprint=table.fingerprint(),
        notes=table.notes(),
        read_whole=lambda: Whole(rows(np.arange(len(table))), None, table.targets.labels),
    )


def whole_table(table: Table, data: TableData) -> Whole:
    """All rows of a table, with a preprocessing that is fitted on all of them."""
    every = np.arange(len(table))
    preprocessor = _fitted(table, data, every)
    rows = _rows(table, every, preprocessor, torch.from_numpy(every), _mean_weight(table, [every]))
    return Whole(rows, preprocessor, table.targets.labels)


def _fitted(table: Table, data: TableData, rows: Index) -> Preprocessor:
    fitted = fit_preprocessor(
        table.inputs.iloc[rows],
        standardize=data.standardize,
        degree=data.degree,
        clip=data.clip,
        rare=data.rare,
        weight=None if table.weight is None else table.weight[rows],
    )
    return replace(fitted, dates=table.dates)


class _Means(NamedTuple):
    """The mean weights of held-out rows, over all splits that are read together."""

    validation: float
    test: float


def _held_means(table: Table, together: Sequence[Parts]) -> _Means:
    return _Means(
        _mean_weight(table, [each.validation for each in together]),
        _mean_weight(table, [each.test for each in together]),
    )


def _mean_weight(table: Table, rows: Sequence[Index]) -> float:
    """The mean weight of these rows; 1 where rows have none, and where there are no rows."""
    every = np.concatenate(rows) if table.weight is not None and rows else ()
    return float(table.weight[every].mean()) if table.weight is not None and len(every) else 1.0


def _split(table: Table, parts: Parts, preprocessor: Preprocessor, held: _Means, place: Tensor) -> Split:
    train = _rows(table, parts.train, preprocessor, place, _mean_weight(table, [parts.train]))
    validation = _rows(table, parts.validation, preprocessor, place, held.validation)
    test = _rows(table, parts.test, preprocessor, place, held.test)
    return Split(train, validation, test, repeat=parts.repeat, fold=parts.fold, preprocessor=preprocessor)


def _rows(table: Table, index: Index, preprocessor: Preprocessor, place: Tensor, mean_weight: float) -> Rows:
    """Preprocessed rows, their weights relative to that mean."""
    ids = torch.from_numpy(index)
    x = torch.from_numpy(preprocessor.apply(table.inputs.iloc[index]))
    weight = None if table.weight is None else torch.from_numpy(table.weight[index] / mean_weight)
    return Rows(x, torch.from_numpy(table.targets.y[index]), ids=ids, place=place[ids], weight=weight)
