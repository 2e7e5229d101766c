"""Which rows train, validate and test: indices only, drawn before any value of an input is looked at."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.random import SeedSequence
from numpy.typing import NDArray

from search.core.arrays import Flags
from search.core.errors import UserError
from search.core.folds import Fold, in_pairs
from search.data.drawn import drawn_folds, drawn_share
from search.data.grouped import group_folds, group_share
from search.data.timed import expanding_folds, last_share

if TYPE_CHECKING:
    from search.data.ready import Ready
    from search.data.tables import Table
    from search.settings import Split as SplitSettings

Index = NDArray[np.int64]
NO_ROWS: Index = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Parts:
    """The row numbers of one split, each part in ascending order."""

    train: Index
    validation: Index
    test: Index
    repeat: int = 0
    fold: int = 0


@dataclass(frozen=True, eq=False)
class Plan:
    """All splits of a table, its refits (one or none), in a rotation its pairs, and its test rows."""

    splits: tuple[Parts, ...]
    refits: tuple[Parts, ...]
    test: Flags
    pairs: tuple[Parts, ...] = ()

    @property
    def all(self) -> tuple[Parts, ...]:
        """The splits, the refits, the pairs."""
        return self.splits + self.refits + self.pairs


def plan_splits(table: Table | Ready, split: SplitSettings) -> Plan:
    """Set the test rows aside, then split the others as the settings say, stratified where there are classes.

    With a refit, only the refit sees the test rows. Groups of rows stay whole in every cut; with times, rows that
    validate come after those that train, and test rows after both. Raises `UserError`, naming the table and the key,
    where there are too few rows, or too few of one class.
    """
    if split.rotates:
        return _rotation(table, split)
    test = _test_rows(table, split)
    rest, shown = np.flatnonzero(~test), np.flatnonzero(test)
    if not len(rest):
        raise UserError(f"{table.where}: split.test_column marks every row as a test row; leave rows to train on")
    seen = NO_ROWS if split.refits else shown
    splits = tuple(
        Parts(rest[train], rest[validation], seen, repeat, fold)
        for repeat in range(split.repeats)
        for fold, (train, validation) in enumerate(_cut(table, rest, split, repeat))
    )
    return _checked(table, Plan(splits, (Parts(rest, NO_ROWS, shown),) if split.refits else (), test))


def _rotation(table: Table | Ready, split: SplitSettings) -> Plan:
    """Folds of all rows: each is held out once by itself, and once together with each of the others.

    A split's validation rows are the test rows of its turn. The pairs are what a turn's pick may see: with both folds
    held out, one of them validates for the turn of the other.
    """
    every = np.arange(len(table))
    cuts = [
        list(_folds(table, every, split.test_folds, _random_state(split.seed, repeat + 1), "split.test_folds"))
        for repeat in range(split.test_repeats)
    ]
    return _checked(table, rotation_of(cuts))


def rotation_of(cuts: Sequence[Sequence[Fold]]) -> Plan:
    """The rotations of some cuts of all rows into folds, each a list of (other rows, the fold's rows)."""
    rows = sum(map(len, cuts[0][0]))
    splits, pairs = [], []
    for repeat, cut in enumerate(cuts):
        splits += [Parts(train, held, NO_ROWS, repeat, fold) for fold, (train, held) in enumerate(cut)]
        both = in_pairs(cut, np.arange(rows))
        pairs += [Parts(train, held, NO_ROWS, repeat, number) for number, (train, held) in enumerate(both)]
    return Plan(tuple(splits), (), np.zeros(rows, dtype=np.bool_), tuple(pairs))


def _checked(table: Table | Ready, plan: Plan) -> Plan:
    """The plan, where no cut of groups or in time leaves a class without a row to train on."""
    key = "group_column" if table.groups is not None else "time_column"
    if (table.groups is None and table.times is None) or table.targets.kind == "regression":
        return plan
    for parts in plan.all:
        counts = np.bincount(table.targets.y[parts.train], minlength=len(table.targets.classes))
        if not counts.all():
            raise UserError(
                f"{table.where}: split.{key} leaves a split without a training row of "
                f'"{table.targets.classes[int(counts.argmin())]}"; use fewer folds, or leave that class out'
            )
    return plan


def _test_rows(table: Table | Ready, split: SplitSettings) -> Flags:
    if table.test is not None:
        return table.test
    test = np.zeros(len(table), dtype=np.bool_)
    if split.test > 0:
        # Not stratified: which rows are test rows must not depend on their targets. The stream of the test rows is that
        # of no repeat, so that more repeats leave them as they are.
        every, state = np.arange(len(table)), _random_state(split.seed, 0)
        test[_hold_out(table, every, ("split.test", split.test), None, state)] = True
    return test


def _cut(table: Table | Ready, rest: Index, split: SplitSettings, repeat: int) -> Iterator[tuple[Index, Index]]:
    """(train, validation) pairs of positions in `rest`."""
    state = _random_state(split.seed, repeat + 1)
    if split.scheme == "kfold":
        yield from _folds(table, rest, split.folds, state, "split.folds")
        return
    share = ("split.validation", split.validation)
    held = np.sort(_hold_out(table, rest, share, _classes(table, rest), state))
    yield np.setdiff1d(np.arange(len(rest)), held), held


def _hold_out(table: Table | Ready, rows: Index, share: tuple[str, float], classes: Index | None, state: int) -> Index:
    """Positions in `rows` of a random share (key, size) of them, the same share of each class where there are any."""
    key, size = share
    count, where = math.ceil(size * len(rows)), f"{table.where}: {key} = {size:g}"
    if table.times is not None:
        return last_share(table.times[rows], count, where)
    if table.groups is not None:
        return group_share(table.groups[rows], classes, size, state, where)
    kinds = 1 if classes is None else len(np.unique(classes))
    if min(count, len(rows) - count) < kinds:
        need = "at least one row" if kinds == 1 else f"a row of each of {kinds} classes"
        raise UserError(f"{where} cuts {len(rows)} rows into {count} and {len(rows) - count}; both parts need {need}")
    if classes is not None:
        _need_rows(table, classes, 2, f"{key} = {size:g}")
    return drawn_share(len(rows), count, classes, state)


def _folds(table: Table | Ready, rest: Index, folds: int, state: int, key: str) -> Iterator[tuple[Index, Index]]:
    where = f"{table.where}: {key} = {folds}"
    if len(rest) < folds:
        raise UserError(f"{where} needs as many rows that are not test rows, found {len(rest)}")
    if table.times is not None:
        return expanding_folds(table.times[rest], folds, where)
    classes = _classes(table, rest)
    if classes is not None:
        _need_rows(table, classes, folds, f"{key} = {folds}")
    if table.groups is not None:
        return group_folds(table.groups[rest], classes, folds, state, where)
    return drawn_folds(len(rest), folds, classes, state)


def _classes(table: Table | Ready, rows: Index) -> Index | None:
    return None if table.targets.kind == "regression" else table.targets.y[rows]


def _need_rows(table: Table | Ready, classes: Index, least: int, key: str) -> None:
    counts = np.bincount(classes, minlength=len(table.targets.classes))
    rarest = int(counts.argmin())
    if counts[rarest] < least:
        raise UserError(
            f"{table.where}: {key} needs {least} rows of every class, found {counts[rarest]} of "
            f'"{table.targets.classes[rarest]}" among the {len(classes)} rows to split'
        )


def _random_state(seed: int, stream: int) -> int:
    return int(SeedSequence((seed, stream)).generate_state(1)[0])
