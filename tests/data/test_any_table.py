"""Whatever a table holds: a task that loses no row and whose numbers are finite, or one line that names the file."""

from __future__ import annotations

import datetime
import decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import examples, made_or_refused

from search.core.errors import UserError
from search.data import load_task
from search.settings import Settings

VALUES = {
    "numbers": st.floats(-1e6, 1e6),
    "any number": st.floats() | st.integers(-(10**30), 10**30),
    "whole": st.integers(0, 3),
    "text": st.text(max_size=4),
    "levels": st.sampled_from(["a", "b", "", "nan", "(rare)", "NA", "1"]),
    "true or false": st.booleans(),
    "dates": st.dates(datetime.date(1900, 1, 1), datetime.date(2200, 1, 1)),
    "times": st.datetimes(),
    "spans": st.timedeltas(),
    "decimals": st.decimals(allow_nan=True, allow_infinity=True),
    "bytes": st.binary(max_size=3),
    "lists": st.lists(st.integers(0, 3), max_size=2),
    "tables": st.dictionaries(st.sampled_from("ab"), st.integers(0, 3), min_size=1, max_size=1),
    "complex": st.complex_numbers(max_magnitude=9),
    "nothing": st.none(),
}
ANY = st.one_of(*VALUES.values())


@st.composite
def frames(draw):
    """Up to 30 rows of columns of one kind each, or of mixed ones, some values missing."""
    rows = draw(st.integers(0, 30))
    columns = {}
    for name in draw(st.lists(st.sampled_from(["a", "b", "y", "g", "a.year", "A", "", "x" * 300]), unique=True)):
        kind = draw(st.sampled_from([*VALUES, "numbers", "whole", "mixed"]))
        values = ANY if kind == "mixed" else VALUES[kind]
        if draw(st.booleans()):
            values = values | st.none()
        columns[name] = pd.Series(draw(st.lists(values, min_size=rows, max_size=rows)), dtype=object)
    frame = pd.DataFrame(columns)
    return frame.infer_objects() if draw(st.booleans()) else frame


SPLITS = st.fixed_dictionaries(
    {},
    optional={
        "scheme": st.sampled_from(["holdout", "kfold"]),
        "validation": st.sampled_from([0.1, 0.5]),
        "folds": st.integers(2, 4),
        "test": st.sampled_from([0.0, 0.3]),
        "test_column": st.sampled_from(["g", "y", "a"]),
        "group_column": st.sampled_from(["g", "a"]),
        "time_column": st.sampled_from(["g", "a"]),
    },
)
DATA = st.fixed_dictionaries(
    {"target": st.sampled_from(["y", ["y", "a"], "a"])},
    optional={
        "task": st.sampled_from(["regression", "classification"]),
        "drop": st.sampled_from(["b", ["b", "A"]]),
        "rare": st.integers(1, 6),
        "degree": st.integers(1, 3),
        "standardize": st.booleans(),
        "clip": st.booleans(),
    },
)


def check(task, split=None) -> None:
    """What must hold of a task, whatever it was made of."""
    tested = {int(each) for one in (*task.splits, *task.refits) for each in one.test.ids}
    assert len(tested) == task.test_rows
    for one in (*task.splits, *task.refits, *task.pairs):
        parts = (one.train, one.validation, one.test)
        ids = [int(each) for part in parts for each in part.ids]
        assert len(set(ids)) == len(ids)
        assert not tested & {int(each) for part in parts[:2] for each in part.ids}
        assert all(part.x.isfinite().all() and part.y.isfinite().all() for part in parts)
        assert len(one.train)
        if split is None or "time_column" not in split:
            assert len(one.train) + len(one.validation) == task.validation_rows


@examples(120)
@given(frame=frames(), data=DATA, split=SPLITS, suffix=st.sampled_from([".csv", ".parquet", ""]))
@pytest.mark.filterwarnings("ignore")
def test_any_table_is_a_task_or_refused_in_one_line(frame, data, split, suffix, tmp_path_factory):
    path = tmp_path_factory.mktemp("any") / f"data{suffix}"
    source = {"source": "file", "path": str(path)} if suffix else {"source": "frame"}
    try:
        if suffix == ".csv":
            frame.to_csv(path, index=False)
        elif suffix:
            frame.to_parquet(path)
    except Exception:
        return
    settings = made_or_refused(lambda: Settings.parse({"name": "a", "data": source | data, "split": split}))
    if settings is None:
        return
    task = made_or_refused(lambda: load_task(settings, None if suffix else frame))
    if task is not None:
        check(task, split)


@examples(80)
@given(body=st.binary(max_size=400) | st.text(alphabet='ay,1 \n"e.-;\t\0é', max_size=200).map(str.encode))
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_any_bytes_are_a_task_or_refused_in_one_line(body, suffix, tmp_path_factory):
    path = tmp_path_factory.mktemp("any") / f"data{suffix}"
    path.write_bytes(body)
    data = {"source": "file", "path": str(path), "target": "y"}
    task = made_or_refused(lambda: load_task(Settings.parse({"name": "a", "data": data})))
    if task is not None:
        check(task)


@pytest.mark.parametrize("role", ["target", "input", "group_column", "time_column", "test_column"])
@pytest.mark.parametrize("value", [[1, 2], {"a": 1}], ids=["lists", "tables"])
def test_a_column_of_lists_or_tables_is_refused_by_name(role, value, tmp_path):
    path = tmp_path / "data.parquet"
    frame = pd.DataFrame({"a": np.arange(12.0), "y": np.arange(12.0), "odd": [value] * 12})
    frame.to_parquet(path)
    data = {"source": "file", "path": str(path), "target": "odd" if role == "target" else "y"}
    split = {role: "odd"} if role.endswith("column") else {}
    with pytest.raises(UserError, match=rf'{path}: column "odd" holds (ndarray|dict|list) values'):
        load_task(Settings.parse({"name": "a", "data": data, "split": split}))
    if role == "input":
        assert load_task(Settings.parse({"name": "a", "data": data | {"drop": "odd"}})).features == ("a",)


@pytest.mark.parametrize("target", ["y", "odd"])
@pytest.mark.parametrize("suffix", [".parquet", ""])
def test_bytes_are_no_text_and_are_refused_by_name(target, suffix, tmp_path):
    """As classes they would be named "b'red'"."""
    frame = pd.DataFrame({"a": np.arange(12.0), "y": np.arange(12.0), "odd": [b"red", b"\xff"] * 6})
    path = tmp_path / "data.parquet"
    frame.to_parquet(path)
    data = {"source": "file", "path": str(path)} if suffix else {"source": "frame"}
    with pytest.raises(UserError, match='column "odd" holds bytes values; only numbers, true/false and text'):
        load_task(Settings.parse({"name": "a", "data": data | {"target": target}}), None if suffix else frame)


def test_a_signalling_nan_is_a_missing_value():
    """It raises where it is compared."""
    columns = [[*map(decimal.Decimal, range(11)), decimal.Decimal(kind)] for kind in ("sNaN", "NaN")]
    made = [
        load_task(
            Settings.parse({"name": "a", "data": {"source": "frame", "target": "y"}}),
            pd.DataFrame({"a": pd.Series(column, dtype=object), "y": np.arange(12.0)}),
        )
        for column in columns
    ]
    assert made[0].fingerprint == made[1].fingerprint
    frame = pd.DataFrame({"a": np.arange(12.0), "y": pd.Series(columns[0], dtype=object)})
    with pytest.raises(UserError, match='target "y" is missing in 1 rows'):
        load_task(Settings.parse({"name": "a", "data": {"source": "frame", "target": "y"}}), frame)


def test_a_named_index_of_a_parquet_file_is_a_column(tmp_path):
    path = tmp_path / "data.parquet"
    frame = pd.DataFrame(
        {"age": [3.0, 1.0, 2.0] * 4, "y": np.arange(12.0)}, index=pd.Index(np.arange(17, 5, -1), name="since")
    )
    data = {"source": "file", "path": str(path), "target": "y"}
    frame.to_parquet(path)
    assert set(load_task(Settings.parse({"name": "a", "data": data})).features) == {"age", "since"}
    frame.rename_axis(None).set_index(pd.Index(list("abcdefghijkl"))).to_parquet(path)  # an index that has no name
    assert load_task(Settings.parse({"name": "a", "data": data})).features == ("age",)


@pytest.mark.parametrize("note", [b"{", b"[]", b"null", b'{"index_columns": ["nowhere"]}', b"\xff"])
def test_what_pandas_noted_in_a_parquet_file_may_be_damaged(note, tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    path = tmp_path / "data.parquet"
    table = pa.table({"a": np.arange(12.0), "y": np.arange(12.0)}).replace_schema_metadata({b"pandas": note})
    parquet.write_table(table, path)
    data = {"source": "file", "path": str(path), "target": "y"}
    assert load_task(Settings.parse({"name": "a", "data": data})).features == ("a",)


def test_numbers_of_every_kind_of_parquet_are_the_same_numbers(tmp_path):
    data = {"source": "file", "path": str(tmp_path / "data.parquet"), "target": "y"}
    y = np.arange(12.0)
    found = []
    for kind in ("float64", "Int64", "int32[pyarrow]", "object"):
        column = pd.Series(range(12)).astype(kind)
        if kind == "object":
            column = column.map(decimal.Decimal)
        pd.DataFrame({"a": column, "y": y}).to_parquet(data["path"])
        found.append(load_task(Settings.parse({"name": "a", "data": data})))
    assert len({task.fingerprint for task in found}) == 1


# What was guessed of a target of whole numbers


@pytest.mark.parametrize(("levels", "noted"), [(2, True), (3, True), (9, False)])
def test_whole_numbers_that_are_taken_for_classes_are_said(levels, noted):
    frame = pd.DataFrame({"a": np.arange(60.0), "y": np.arange(60) % levels})
    for task in (None, "regression", "classification"):
        data = {"source": "frame", "target": "y", "task": task}
        notes = load_task(Settings.parse({"name": "a", "data": data}), frame).notes
        said = [note for note in notes if "taken as classes" in note]
        assert len(said) == (noted and task is None)
        assert all('target "y" holds whole numbers' in note and 'data.task = "regression"' in note for note in said)


def test_text_is_classes_and_nobody_needs_to_say_so():
    frame = pd.DataFrame({"a": np.arange(60.0), "y": ["u", "v"] * 30})
    data = {"source": "frame", "target": "y"}
    assert not [
        note for note in load_task(Settings.parse({"name": "a", "data": data}), frame).notes if "target" in note
    ]


# Tables that would become too wide


def test_levels_behind_the_most_frequent_are_one_and_that_is_said():
    rng = np.random.default_rng(0)
    names = np.repeat([f"n{number:04}" for number in range(1500)], 6)
    frame = pd.DataFrame({"name": rng.permutation(names), "y": rng.normal(size=len(names))})
    task = load_task(Settings.parse({"name": "a", "data": {"source": "frame", "target": "y", "rare": 1}}), frame)
    assert len(task.features) == 1001
    assert (
        'column "name" has 1,500 levels: the 1,000 most frequent become inputs, the others one together' in task.notes
    )


def test_more_levels_than_the_limit_keep_the_most_frequent():
    from search.data.preprocess import Levels

    column = pd.Series([f"often {number:03}" for number in range(999)] * 3 + ["b", "a", "c"], name="name")
    found = Levels.fit(column, 1)
    assert len(found.levels) == 1000
    assert {"a"} == {level for level in found.levels if not level.startswith("often")}  # of equals the first
    assert found.rare == ("b", "c")


@pytest.mark.parametrize(
    ("columns", "data", "words"),
    [
        (
            60,
            {"degree": 8},
            r"make 7,392,009,767 features, and valid are at most 1,000,000; use a smaller data\.degree",
        ),
        (20, {"degree": 20}, r"use a smaller data\.degree than 20"),
    ],
)
def test_too_many_products_are_refused_before_they_are_made(columns, data, words):
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(30, columns))).rename(columns=lambda each: f"x{each}")
    data = {"source": "frame", "target": "y"} | data
    with pytest.raises(UserError, match=words):
        load_task(Settings.parse({"name": "a", "data": data}), frame.assign(y=np.arange(30.0)))


def test_more_than_the_memory_holds_is_refused_before_it_is_made(monkeypatch):
    from search.core import memory

    monkeypatch.setattr(memory, "usable_memory", lambda: 10**5)
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 100))).rename(columns=lambda each: f"x{each}")
    data = {"source": "frame", "target": "y"}
    for more, words in (({}, "use fewer folds"), ({"degree": 2}, "smaller data.degree")):
        with pytest.raises(UserError, match=rf"^data: the 100 input columns .* GiB may be used; .*{words}"):
            load_task(Settings.parse({"name": "a", "data": data | more}), frame.assign(y=np.arange(300.0)))
    drawn = {"source": "synthetic_linear", "train": 1000, "features": 1000}
    with pytest.raises(UserError, match=r"^data: 1,000 features of 2,100 rows of all draws need 0\.0 GiB"):
        load_task(Settings.parse({"name": "a", "data": drawn}))


@pytest.mark.parametrize("key", ["noise", "weight", "bias", "input_std"])
def test_drawn_numbers_too_large_to_compute_with_are_refused(key):
    with pytest.raises(UserError, match=r"^data: numbers above 1e\+\d+ cannot be computed with; use a smaller"):
        load_task(Settings.parse({"name": "a", "data": {"source": "synthetic_linear", key: 1e300}}))
