"""What the user gets wrong: exit code 2, one line that names the file or the key, nothing else, never a traceback."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from command_line import call, own_process, refused, study_file


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every call works in a new folder, where the default storage is its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def houses(rows: int = 30, **columns: list[object]) -> Path:
    """A csv file with two inputs and a price; `columns` replace or add columns."""
    draw = random.Random(1)
    table: dict[str, list[object]] = {
        name: [round(draw.gauss(0, 1), 4) for _ in range(rows)] for name in ("size", "age", "price")
    }
    table |= columns
    lines = [",".join(table), *(",".join(map(str, row)) for row in zip(*table.values(), strict=True))]
    path = Path("houses.csv")
    path.write_text("\n".join(lines) + "\n")
    return path


def file_study(target: str = "price", **tables: dict[str, object]) -> Path:
    return study_file(Path(), data={"source": "file", "path": "houses.csv", "target": target}, **tables)


# The study file


def test_missing_study_file():
    refused(call("run", "nowhere.toml"), "nowhere.toml", "no such file")


def test_folder_in_place_of_a_study_file():
    refused(call("run", "."), ".: is a folder")


def test_bad_toml():
    Path("bad.toml").write_text('name = "x\n[data')
    refused(call("run", "bad.toml"), "bad.toml", "not valid TOML")


def test_study_file_that_is_no_text():
    Path("bad.toml").write_bytes(b"\xff\xfe\x00")
    refused(call("run", "bad.toml"), "bad.toml", "UTF-8")


@pytest.mark.parametrize(
    ("tables", "names"),
    [
        ({"training": {"epoch": 3}}, ["training.epoch", "did you mean epochs?"]),
        ({"trainin": {"epochs": 3}}, ["trainin", "did you mean training?"]),
        ({"space": {"lambda": [-1.0]}}, ["space.lambda", "above 0"]),
        ({"space": {"lambda": -1.0}}, ["space.lambda", "negative penalty"]),
        ({"space": {"lambda": {"low": 1.0, "high": 0.1}}}, ["space.lambda", "low = 1.0 must be below high = 0.1"]),
        ({"space": {"penalty": ["l3"]}}, ["space.penalty[0]", '"l1"']),
        ({"data": {"source": "diabetis"}}, ["data.source", "diabetes"]),
        ({"data": {"train": 0}}, ["data.train", "at least 1"]),
        ({"search": {"metric": "log_loss"}}, ["search.metric", "mse"]),
        ({"search": {"pruner": "median"}, "training": {"optimizer": "exact"}}, ["search.pruner", "wilcoxon"]),
        ({"data": {"source": "no_such_module:rows"}}, ["data.source", "no_such_module"]),
        ({"data": {"source": "json:no_such_function"}}, ["data.source", "no_such_function"]),
        ({"data": {"source": "os:getcwd"}}, ["data.source", "returned str", "(X, y)"]),
        ({"model": {"kind": "no_such_module:net", "init": "default"}}, ["model.kind", "no_such_module"]),
        ({"search": {"sampler": "grid"}, "space": {"lambda": [0.1, 0.2, 0.3, 0.4]}}, ["search.trials", "trials = 9"]),
    ],
)
def test_wrong_key(tables, names, folder):
    refused(call("run", study_file(folder, **tables)), *names)


def test_model_function_that_returns_something_else(folder):
    Path("wrong_model.py").write_text("def net(features, outputs):\n    return outputs\n")
    path = study_file(folder, model={"kind": "wrong_model:net", "init": "default"})
    refused(call("run", path), "model.kind", "returned int", "torch.nn.Module")


# The data file


def test_missing_data_file():
    refused(call("run", file_study()), "houses.csv", "no such file")


def test_text_in_a_numeric_column():
    houses(size=[*range(28), "big", 7])
    refused(call("run", file_study()), "houses.csv", '"size"', '"big"', "row 29")


def test_empty_csv():
    Path("houses.csv").write_text("")
    refused(call("run", file_study()), "houses.csv", "empty")


def test_header_only():
    Path("houses.csv").write_text("size,age,price\n")
    refused(call("run", file_study()), "houses.csv", "no rows")


def test_unknown_target():
    houses()
    refused(call("run", file_study("prize")), "houses.csv", 'data.target = "prize"', '"price"')


def test_one_class_only():
    houses(price=["cheap"] * 30)
    refused(call("run", file_study()), "houses.csv", '"price"', "two classes")


def test_fewer_rows_than_folds():
    houses(5)
    refused(call("run", file_study(split={"scheme": "kfold", "folds": 5})), "houses.csv", "split.folds = 5")


def test_text_target_in_regression():
    houses(price=["cheap", "dear"] * 15)
    data = {"source": "file", "path": "houses.csv", "target": "price", "task": "regression"}
    refused(call("run", study_file(Path(), data=data)), "houses.csv", '"price"', '"cheap"')


def test_unknown_kind_of_file():
    Path("houses.xlsx").write_text("")
    data = {"source": "file", "path": "houses.xlsx", "target": "price"}
    refused(call("run", study_file(Path(), data=data)), "houses.xlsx", ".csv")


# The storage


@pytest.mark.parametrize(
    ("storage", "names"),
    [
        ("nosuchdb://host/name", ["nosuchdb", "driver"]),
        ("postgresql+nosuchdriver://host/name", ["nosuchdriver", "driver"]),
        ("sqlite://", ["names no file"]),
        ("://", ["not a database URL"]),
        (".", ["Is a directory"]),
        ("sqlite:///.", ["folder"]),
        ("small.toml", ["small.toml", "not a journal"]),
        ("small.toml/deep/ledger.journal", ["small.toml", "Not a directory"]),
        ("sqlite:///small.toml", ["small.toml", "not a database"]),
    ],
)
def test_storage(storage, names, folder):
    refused(call("run", study_file(folder), "--storage", storage), *names)


def test_list_of_a_missing_storage():
    refused(call("list", "--storage", "nowhere.journal"), "nowhere.journal")
    refused(call("list", "--storage", "sqlite:///nowhere.db"), "nowhere.db")
    assert not list(Path().iterdir())


def test_verdict_on_what_is_not_there():
    refused(call("verdict", "nobody"), "'nobody'", "no studies")
    refused(call("verdict", "nowhere.toml"), "nowhere.toml", "no such file")


# A study that stands


@pytest.fixture
def small(folder):
    path = study_file(folder)
    assert call("run", path, "--sealed").code == 0
    return path


def test_export_of_an_unknown_study(small):
    refused(call("export", "smal", "-o", "trials.csv"), "'smal'", "did you mean 'small'?")


def test_export_of_a_study_before_there_are_any():
    refused(call("export", "small", "-o", "trials.csv"), "'small'", "no studies")


@pytest.mark.parametrize(
    ("output", "names"),
    [
        ("trials.xlsx", ["trials.xlsx", ".parquet"]),
        ("trials", ["trials", ".csv"]),
        ("nowhere/trials.csv", ["nowhere", "does not exist"]),
        ("folder.csv", ["folder.csv", "Is a directory"]),
        ("folder.parquet", ["folder.parquet", "irectory"]),
    ],
)
def test_export_to_a_wrong_place(output, names, small):
    for each in ("folder.csv", "folder.parquet"):
        Path(each).mkdir()
    refused(call("export", "small", "-o", output), "--output", *names)


def test_export_of_test_losses_that_are_not_there(folder):
    call("run", study_file(folder, data={"test": 0}), "--sealed")
    refused(call("export", "small", "--test", "-o", "trials.csv"), "--test", "no test rows")


def test_changed_study_file(small, folder):
    refused(call("run", study_file(folder, training={"lr": 0.01})), "'small'", "training.lr was 0.05 and is 0.01")


def test_changed_data():
    houses()
    path = file_study()
    assert call("run", path, "--sealed").code == 0
    houses(size=list(range(30)))
    refused(call("run", path), "'small'", "other data")


# The words on the command line


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["rum", "small.toml"], ["rum"]),
        (["run", "small.toml", "--trails", "3"], ["--trails"]),
        (["run"], ["STUDY.toml"]),
        (["export", "small"], ["--output"]),
        (["new", "houses.csv"], ["--target"]),
        (["run", "small.toml", "more.toml"], ["more.toml"]),
        (["run", "small.toml", "--trials", "0"], ["--trials"]),
        (["run", "small.toml", "--trials", "many"], ["--trials", "integer"]),
        (["run", "small.toml", "--device", "gpu"], ["training.device", '"cuda"']),
    ],
)
def test_wrong_words(words, names, folder):
    study_file(folder)
    refused(call(*words), *names)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_device_that_is_not_there(folder):
    refused(call("run", study_file(folder), "--device", "cuda"), "training.device", "valid here: auto")
    assert not Path("runs").exists(), "a refused run leaves no study behind"


# A new study file


def test_new_over_an_existing_file(small):
    houses()
    before = small.read_bytes()
    refused(call("new", "houses.csv", "--target", "price", "-o", small), "--output", "small.toml", "exists")
    assert small.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["nowhere.csv", "--target", "price"], ["nowhere.csv"]),
        (["houses.csv", "--target", "prize"], ["houses.csv", "prize", '"price"']),
        (["houses.csv", "--target", "price", "--target", "price"], ["data.target", "twice"]),
        (["houses.csv", "--target", "price", "-o", "nowhere/houses.toml"], ["--output", "nowhere"]),
    ],
)
def test_new_from_wrong_data(arguments, names):
    houses()
    refused(call("new", *arguments), *names)
    assert [path.name for path in Path().iterdir()] == ["houses.csv"]


def test_new_from_too_few_rows():
    houses(4, price=["cheap", "cheap", "cheap", "dear"])
    refused(call("new", "houses.csv", "--target", "price"), "houses.csv", '"dear"')


# The same in a process of its own


def test_in_its_own_process():
    Path("bad.toml").write_text("[data")
    refused(own_process("run", "bad.toml"), "bad.toml")
