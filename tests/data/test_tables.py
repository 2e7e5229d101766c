import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import torch

from search.data.columns import tidy_column
from search.data.tables import read_table
from search.data.targets import encode_targets, infer_task
from search.data.task import Task
from search.settings import Bundled, FileData


def frame(rows=60):
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "size": random.normal(size=rows).round(3),
            "city": random.choice(["Rome", "Oslo"], rows),
            "garden": random.random(rows) < 0.5,
            "price": random.normal(100, 9, rows).round(2),
            "held": np.arange(rows) % 4 == 0,
        }
    )


@pytest.fixture
def houses(tmp_path):
    path = tmp_path / "houses.csv"
    frame().to_csv(path, index=False)
    return path


@pytest.fixture
def function(tmp_path, monkeypatch):
    def written(body):
        (tmp_path / "own_data_for_test.py").write_text(f"import numpy as np, pandas as pd\n\ndef make():\n    {body}\n")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "own_data_for_test", raising=False)
        return "own_data_for_test:make"

    return written


@pytest.mark.parametrize(
    ("source", "kind", "shape", "outputs"),
    [
        ("diabetes", "regression", (442, 10), 1),
        ("breast_cancer", "binary", (569, 30), 1),
        ("digits", "multiclass", (1797, 64), 10),
        ("linnerud", "regression", (20, 3), 3),
    ],
)
def test_bundled_data(load, source, kind, shape, outputs):
    task, (rows, features) = load({"source": source}), shape
    assert (task.kind, task.outputs, len(task.features)) == (kind, outputs, features)
    assert task.validation_rows + task.test_rows == rows
    assert len(task.classes) == {"regression": 0, "binary": 2, "multiclass": 10}[kind]
    split = task.splits[0]
    for part in (split.train, split.validation, split.test):
        assert part.x.shape == (len(part), features)
        assert part.x.dtype == torch.float64
        assert part.x.isfinite().all()
        assert part.y.dtype == (torch.float64 if kind == "regression" else torch.int64)


def test_bundled_classes_are_scikit_learns():
    table = read_table(Bundled(source="breast_cancer"))
    assert table.targets.classes == ("malignant", "benign")
    assert table.targets.y[:5].tolist() == [0] * 5


def test_a_file_becomes_a_task(load, houses):
    task = load({"source": "file", "path": str(houses), "target": "price"}, test_column="held", scheme="kfold")
    assert task.features == ("size", "garden", "city=Oslo", "city=Rome")
    assert (task.kind, task.targets, task.validation_rows, task.test_rows) == ("regression", ("price",), 45, 15)
    assert task.refits[0].test.ids.tolist() == list(range(0, 60, 4))
    assert all(len(split.test) == 0 for split in task.splits)


def test_several_targets(load, houses):
    task = load({"source": "file", "path": str(houses), "target": ["price", "size"]})
    assert (task.outputs, task.targets) == (2, ("price", "size"))
    train = task.splits[0].train
    np.testing.assert_array_equal(train.y, frame()[["price", "size"]].to_numpy()[train.ids])


def test_text_labels_are_sorted_classes(load, houses):
    task = load({"source": "file", "path": str(houses), "target": "city"})
    assert (task.kind, task.classes) == ("binary", ("Oslo", "Rome"))
    train = task.splits[0].train
    np.testing.assert_array_equal(train.y, (frame()["city"] == "Rome").to_numpy()[train.ids])


def test_permuted_test_targets_change_the_test_targets_alone(load, houses, tmp_path):
    data = frame()
    order = np.random.default_rng(1).permutation(15)
    data.loc[data["held"], "price"] = data.loc[data["held"], "price"].to_numpy()[order]
    data.to_csv(tmp_path / "permuted.csv", index=False)
    one, two = (
        load({"source": "file", "path": str(path), "target": "price"}, test_column="held", refit=True)
        for path in (houses, tmp_path / "permuted.csv")
    )
    for a, b in zip(one.splits + one.refits, two.splits + two.refits, strict=True):
        for part in ("train", "validation"):
            assert torch.equal(getattr(a, part).x, getattr(b, part).x)
            assert torch.equal(getattr(a, part).y, getattr(b, part).y)
    assert torch.equal(one.refits[0].test.x, two.refits[0].test.x)
    assert torch.equal(one.refits[0].test.y[order], two.refits[0].test.y)
    assert one.fingerprint != two.fingerprint


def test_csv_and_parquet_are_the_same_table(houses, tmp_path):
    frame().to_parquet(tmp_path / "houses.parquet", index=False)
    tables = [
        read_table(FileData(source="file", path=path, target=("price",)), named={"test_column": "held"})
        for path in (houses, tmp_path / "houses.parquet")
    ]
    pd.testing.assert_frame_equal(tables[0].inputs, tables[1].inputs)
    assert tables[0].fingerprint() == tables[1].fingerprint()


@pytest.mark.parametrize("column", ["size", "city", "garden", "price", "held"])
def test_every_value_and_name_is_in_the_fingerprint(tmp_path, column):
    def fingerprint(data):
        data.to_csv(tmp_path / "data.csv", index=False)
        return read_table(
            FileData(source="file", path=tmp_path / "data.csv", target=("price",)), named={"test_column": "held"}
        ).fingerprint()

    changed = frame()
    changed.loc[31, column] = changed[column][changed[column] != changed.loc[31, column]].iloc[0]
    assert fingerprint(frame()) != fingerprint(changed)
    assert fingerprint(frame()) != fingerprint(frame().rename(columns={"size": "sizes"}))


@pytest.mark.parametrize("marks", [["true", "FALSE"], ["1", "0"], ["True ", "false"]])
def test_marks_of_the_test_rows(tmp_path, marks):
    values = np.where(frame()["held"], *marks)
    frame().assign(held=values).to_csv(tmp_path / "data.csv", index=False)
    table = read_table(
        FileData(source="file", path=tmp_path / "data.csv", target=("price",)), named={"test_column": "held"}
    )
    np.testing.assert_array_equal(table.test, frame()["held"])


def test_byte_order_mark_and_spaces_are_read_away(tmp_path):
    (tmp_path / "data.csv").write_text("a, b, y\n1, , 2.5\n3, 4, 3.5\n", encoding="utf-8-sig")
    table = read_table(FileData(source="file", path=tmp_path / "data.csv", target=("y",)))
    np.testing.assert_array_equal(table.inputs, [[1, np.nan], [3, 4]])
    assert table.inputs.columns.tolist() == ["a", "b"]


def test_a_column_without_values_is_left_out(tmp_path):
    (tmp_path / "data.csv").write_text("a,empty,y\n1,,2.5\n3,,3.5\n")
    table = read_table(FileData(source="file", path=tmp_path / "data.csv", target=("y",)))
    assert table.inputs.columns.tolist() == ["a"]


@pytest.mark.parametrize(
    ("body", "shape", "names"),
    [
        ("return np.eye(20), np.arange(20.0)", (20, 20), ("y",)),
        (
            "return pd.DataFrame({'a': range(20)}, index=range(5, 25)), pd.Series(np.ones(20), name='t')",
            (20, 1),
            ("t",),
        ),
        ("return np.ones((20, 2)), np.ones((20, 2)) * 0.5", (20, 2), ("y0", "y1")),
    ],
)
def test_a_users_function(load, function, body, shape, names):
    task = load({"source": function(body)})
    assert task.targets == names
    assert (task.validation_rows + task.test_rows, len(task.features)) == shape


def test_a_users_ready_task_is_taken_as_it_is(load, function):
    body = (
        "from search.data import load_task; from search.settings import Settings; "
        "return load_task(Settings.parse({'name': 'n', 'data': {'source': 'linnerud'}}))"
    )
    task = load({"source": function(body)})
    assert isinstance(task, Task)
    assert task.fingerprint == load({"source": "linnerud"}).fingerprint


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b"] * 9, "classification"),
        ([True, False] * 9, "classification"),
        ([0, 1] * 2, "classification"),
        (list(range(3)) * 5, "classification"),
        (list(range(3)) * 4, "regression"),
        (list(range(13)) * 9, "regression"),
        (list(range(21)) * 9, "regression"),
        ([0.5, 1.5] * 9, "regression"),
        ([0.0, 1.0] * 9, "regression"),
        ([Decimal("1.5"), Decimal("2")] * 9, "regression"),
        (pd.array([0, 1] * 9, dtype="Int64"), "classification"),
        (pd.array(range(30), dtype="int64[pyarrow]"), "regression"),
        (pd.array([0.5, 1.5] * 9, dtype="Float64"), "regression"),
        (pd.Categorical(["a", "b"] * 9), "classification"),
    ],
)
def test_what_a_target_is_taken_for(values, task):
    assert infer_task(pd.DataFrame({"y": values})).task == task


def test_several_columns_are_regression():
    assert infer_task(pd.DataFrame({"a": [0, 1], "b": [0, 1]})).task == "regression"


def test_the_named_task_wins():
    targets = pd.DataFrame({"y": [3, 1, 1, 3, 2, 2]})
    assert encode_targets(targets, "regression", "t").y.tolist() == [[3], [1], [1], [3], [2], [2]]
    classes = encode_targets(targets, "classification", "t")
    assert (classes.classes, classes.y.tolist(), classes.outputs) == (("1", "2", "3"), [2, 0, 0, 2, 1, 1], 3)


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([1, 2, 3]),
        pd.Series([1, 2, 3], dtype="Int64"),
        pd.Series(["1", "2", "3"]),
        pd.Series([1, 2.0, 3], dtype=object),
        pd.Series([1, 2, 3], dtype="float32"),
        pd.Series([1, 2, 3], dtype="int64[pyarrow]"),
    ],
)
def test_every_kind_of_number_becomes_float64(values):
    tidy = tidy_column(values.rename("a"), "t")
    assert tidy.dtype == np.float64
    assert tidy.tolist() == [1, 2, 3]


@pytest.mark.parametrize("dtype", [object, "boolean"])
def test_true_false_and_missing_become_numbers(dtype):
    tidy = tidy_column(pd.Series([True, None, False], dtype=dtype, name="a"), "t")
    np.testing.assert_array_equal(tidy, [1, np.nan, 0])


@pytest.mark.parametrize("dtype", [object, "str", "category", "string"])
def test_text_becomes_objects_with_nan(dtype):
    tidy = tidy_column(pd.Series(["u", None, "v"], dtype=dtype, name="a"), "t")
    assert tidy.dtype == object
    assert tidy.isna().tolist() == [False, True, False]
    assert tidy.dropna().tolist() == ["u", "v"]
