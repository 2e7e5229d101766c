import numpy as np
import pandas as pd
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

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


splits_settings = st.builds(
    Split,
    scheme=st.sampled_from(["holdout", "kfold"]),
    validation=st.sampled_from([0.2, 0.5]),
    folds=st.integers(2, 5),
    repeats=st.integers(1, 3),
    refit=st.sampled_from([None, True, False]),
    test=st.sampled_from([0.0, 0.25]),
    seed=st.integers(0, 2**32 - 1),
)


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
