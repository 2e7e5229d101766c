"""A study file for the user's own data: valid whatever the names, runnable, and never in the place of another."""

from __future__ import annotations

import os
import string
from pathlib import Path

import pandas as pd
import pytest
from command_line import call
from hypothesis import given, settings
from hypothesis import strategies as st

from search.core.errors import UserError
from search.data import load_task
from search.doors.new_study import write_study
from search.settings import Settings


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
    assert result.out == ""
    guessed, next_step = result.err.splitlines()
    assert (
        guessed == 'note: "b" taken as a number to predict, regression (--task classification makes its values classes)'
    )
    assert next_step == "studies/first.toml written; next: lambda-search run studies/first.toml"
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
    assert len((tmp_path / "rows.toml").read_text().splitlines()) < 40


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
