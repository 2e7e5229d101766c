from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from split_strategies import split_settings

from search.core.errors import UserError
from search.data.build import table_task
from search.data.splits import plan_splits
from search.data.tables import Table
from search.data.targets import encode_targets
from search.settings import FunctionData, Split


@st.composite
def tables(draw):
    rows = draw(st.integers(30, 60))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    inputs = pd.DataFrame({"a": random.normal(size=rows), "b": random.choice(["u", "v", None], rows)})
    inputs.loc[random.random(rows) < 0.1, "a"] = np.nan
    target = random.permutation(np.arange(rows) % 3) if draw(st.booleans()) else random.normal(size=rows)
    test = random.random(rows) < 0.3 if draw(st.booleans()) else None
    if test is not None and np.bincount(target[~test].astype(int).clip(0, 2), minlength=3).min() < 5:
        test = None
    return Table("table", inputs, encode_targets(pd.DataFrame({"y": target}), None, "table"), test)


splits_settings = split_settings()


def row_set(*parts):
    return set(np.concatenate(parts).tolist())


@settings(max_examples=60, deadline=None)
@given(table=tables(), split=splits_settings)
def test_rows_are_disjoint_and_complete(table, split):
    plan = plan_splits(table, split)
    rest, test = row_set(np.flatnonzero(~plan.test)), row_set(np.flatnonzero(plan.test))
    for parts in plan.splits:
        assert row_set(parts.train, parts.validation) == rest
        assert len(parts.train) + len(parts.validation) == len(rest)
        assert row_set(parts.test) == (set() if split.refits else test)
    assert len(plan.refits) == split.refits
    for parts in plan.refits:
        assert (row_set(parts.train), row_set(parts.validation), row_set(parts.test)) == (rest, set(), test)


@settings(max_examples=40, deadline=None)
@given(table=tables(), split=splits_settings)
def test_every_row_is_held_out_once_per_repeat_of_kfold(table, split):
    plan = plan_splits(table, split)
    for repeat in range(split.repeats):
        held = [parts.validation for parts in plan.splits if parts.repeat == repeat]
        together = np.sort(np.concatenate(held))
        assert len(held) == (split.folds if split.scheme == "kfold" else 1)
        if split.scheme == "kfold":
            assert np.array_equal(together, np.flatnonzero(~plan.test))
            assert max(map(len, held)) - min(map(len, held)) <= 1


@settings(max_examples=40, deadline=None)
@given(table=tables(), split=splits_settings)
def test_classes_keep_their_shares_in_every_part(table, split):
    if table.targets.kind == "regression":
        return
    plan = plan_splits(table, split)
    y, rest = table.targets.y, np.flatnonzero(~plan.test)
    for parts in plan.splits:
        share = 1 / split.folds if split.scheme == "kfold" else len(parts.validation) / len(rest)
        expected = np.bincount(y[rest], minlength=3) * share
        assert np.abs(np.bincount(y[parts.validation], minlength=3) - expected).max() <= 1


@settings(max_examples=8, deadline=None)
@given(table=tables(), split=splits_settings)
def test_place_and_ids_name_each_row_of_the_file(table, split):
    task = table_task(table, FunctionData(source="m:f"), split)
    test = plan_splits(table, split).test
    assert (task.validation_rows, task.test_rows) == ((~test).sum(), test.sum())
    for one in task.splits + task.refits:
        for part, among in ((one.train, ~test), (one.validation, ~test), (one.test, test)):
            assert np.array_equal(np.flatnonzero(among)[part.place], part.ids)
            assert np.array_equal(table.targets.y[part.ids], part.y)


@settings(max_examples=3, deadline=None)
@given(table=tables(), split=splits_settings)
def test_the_same_settings_give_the_same_task(table, split):
    one, two = (table_task(table, FunctionData(source="m:f", degree=2), split) for _ in range(2))
    assert one.fingerprint == two.fingerprint
    for a, b in zip(one.splits + one.refits, two.splits + two.refits, strict=True):
        assert torch.equal(a.train.x, b.train.x)
        assert torch.equal(a.validation.x, b.validation.x)
        assert torch.equal(a.test.x, b.test.x)


def regression_table(rows):
    inputs = pd.DataFrame({"a": np.arange(float(rows))})
    return Table("table", inputs, encode_targets(pd.DataFrame({"y": np.arange(float(rows))}), None, "table"), None)


def test_more_repeats_keep_the_test_rows_and_the_repeats_before():
    table = regression_table(40)
    few, many = (plan_splits(table, Split(scheme="kfold", repeats=repeats)) for repeats in (1, 3))
    assert np.array_equal(few.test, many.test)
    assert all(np.array_equal(a.validation, b.validation) for a, b in zip(few.splits, many.splits, strict=False))
    assert not np.array_equal(many.splits[0].validation, many.splits[5].validation)


def test_another_seed_sets_other_rows_aside():
    table = regression_table(40)
    assert not np.array_equal(plan_splits(table, Split(seed=0)).test, plan_splits(table, Split(seed=1)).test)


def test_shares_are_shares_of_all_rows_and_of_the_rest():
    plan = plan_splits(regression_table(100), Split(test=0.2, validation=0.5))
    assert (plan.test.sum(), len(plan.splits[0].validation), len(plan.splits[0].train)) == (20, 40, 40)


# Rotations

rotations = st.builds(
    Split, test_folds=st.integers(3, 5), test_repeats=st.integers(1, 3), seed=st.integers(0, 2**32 - 1)
)


def of_repeat(parts, repeat):
    return [each for each in parts if each.repeat == repeat]


@settings(max_examples=40, deadline=None)
@given(table=tables(), split=rotations)
def test_every_row_is_held_out_once_per_repeat_of_a_rotation(table, split):
    plan = plan_splits(table, split)
    every = np.arange(len(table))
    assert (len(plan.splits), plan.refits) == (split.test_folds * split.test_repeats, ())
    assert not plan.test.any()
    for repeat in range(split.test_repeats):
        turns = of_repeat(plan.splits, repeat)
        assert [each.fold for each in turns] == list(range(split.test_folds))
        assert np.array_equal(np.sort(np.concatenate([each.validation for each in turns])), every)
        sizes = [len(each.validation) for each in turns]
        assert max(sizes) - min(sizes) <= 1
    for each in plan.splits:
        assert np.array_equal(each.train, np.setdiff1d(every, each.validation))
        assert len(each.test) == 0


@settings(max_examples=40, deadline=None)
@given(table=tables(), split=rotations)
def test_the_pairs_of_a_rotation_hold_out_each_two_of_its_folds_once(table, split):
    plan = plan_splits(table, split)
    for repeat in range(split.test_repeats):
        folds = [each.validation for each in of_repeat(plan.splits, repeat)]
        pairs = of_repeat(plan.pairs, repeat)
        unions = {frozenset(row_set(one, other)) for one, other in combinations(folds, 2)}
        assert len(pairs) == len(unions) == split.test_folds * (split.test_folds - 1) // 2
        assert {frozenset(each.validation.tolist()) for each in pairs} == unions
        assert [each.fold for each in pairs] == list(range(len(pairs)))
    for each in plan.pairs:
        assert len(row_set(each.validation)) == len(each.validation)
        assert np.array_equal(each.train, np.setdiff1d(np.arange(len(table)), each.validation))
        assert len(each.test) == 0


@settings(max_examples=40, deadline=None)
@given(table=tables(), split=rotations)
def test_classes_keep_their_shares_in_every_turn_and_pair(table, split):
    if table.targets.kind == "regression":
        return
    plan = plan_splits(table, split)
    expected = np.bincount(table.targets.y, minlength=3) / split.test_folds
    for parts, folds in ((plan.splits, 1), (plan.pairs, 2)):
        for each in parts:
            counts = np.bincount(table.targets.y[each.validation], minlength=3)
            assert np.abs(counts - folds * expected).max() <= folds


@settings(max_examples=8, deadline=None)
@given(table=tables(), split=rotations)
def test_the_task_of_a_rotation_names_each_row_of_the_file_in_turns_and_pairs(table, split):
    task = table_task(table, FunctionData(source="m:f"), split)
    plan = plan_splits(table, split)
    assert (task.validation_rows, task.test_rows, task.refits) == (len(table), 0, ())
    in_pairs = task.in_pairs()
    assert (in_pairs.splits, in_pairs.pairs, in_pairs.validation_rows) == (task.pairs, (), len(table))
    for built, planned in ((task.splits, plan.splits), (task.pairs, plan.pairs)):
        for one, parts in zip(built, planned, strict=True):
            for part, rows in ((one.train, parts.train), (one.validation, parts.validation)):
                assert np.array_equal(part.ids, rows)
                assert np.array_equal(part.place, rows)
                assert np.array_equal(table.targets.y[part.ids], part.y)
            assert len(one.test) == 0


def test_more_rotations_keep_those_before_and_cut_anew():
    table = regression_table(40)
    few, many = (plan_splits(table, Split(test_folds=4, test_repeats=repeats)) for repeats in (1, 3))
    for one, three in ((few.splits, many.splits), (few.pairs, many.pairs)):
        assert len(three) == 3 * len(one)
        assert all(np.array_equal(a.validation, b.validation) for a, b in zip(one, three, strict=False))
    assert not np.array_equal(many.splits[0].validation, many.splits[4].validation)


def test_no_preprocessing_of_a_turn_or_a_pair_has_seen_the_rows_that_it_holds_out():
    """One row's input is far away: had it been seen, the others would no longer spread by 1 around 0."""
    table = regression_table(12)
    table.inputs.loc[5, "a"] = 1e9
    task = table_task(table, FunctionData(source="m:f"), Split(test_folds=3))
    without = [one for one in task.splits + task.pairs if 5 not in one.train.ids]
    assert len(without) == 3  # its own turn, and the pairs of its fold
    for one in without:
        x = one.train.x[:, 0]
        assert (x.mean().item(), x.std(correction=0).item()) == pytest.approx((0, 1), abs=1e-9)


def test_too_few_rows_for_a_rotation_name_its_key():
    table = regression_table(4)
    assert len(plan_splits(table, Split(test_folds=4)).splits) == 4
    with pytest.raises(UserError, match=r"^table: split\.test_folds = 5 needs as many rows .*, found 4$"):
        plan_splits(table, Split(test_folds=5))


def test_too_few_rows_of_a_class_for_a_rotation_name_its_key():
    inputs = pd.DataFrame({"a": np.arange(20.0)})
    words = pd.DataFrame({"y": ["often"] * 16 + ["rare"] * 4})
    table = Table("table", inputs, encode_targets(words, None, "table"), None)
    assert len(plan_splits(table, Split(test_folds=4)).splits) == 4
    with pytest.raises(
        UserError, match=r'^table: split\.test_folds = 5 needs 5 rows of every class, found 4 of "rare"'
    ):
        plan_splits(table, Split(test_folds=5))
