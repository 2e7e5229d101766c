"""Studies from the command line to the stored result."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from command_line import PROGRAM, call, own_process, study_file
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from search.core.results import MEASURES
from search.ledger import StudyLedger, list_studies, open_storage
from search.ledger.confirmations import Confirmations

PROMISED = (
    *("trial", "state", "penalty", "lambda", "l1_ratio", "train_loss", "validation_loss", "validation_se"),
    *("weight_norm", "nonzero", "epochs", "seconds"),
)

JOURNAL = "runs/ledger.journal"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every call works in a new folder, where the default storage is its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ledger(name: str = "small", storage: str | None = None) -> StudyLedger:
    return StudyLedger.load(open_storage(storage, create=False), name)


def run(path: Path, *options: str) -> dict[str, Any]:
    """What a run that leaves the test set sealed prints as JSON."""
    return call("run", path, "--sealed", "--json", *options).json


def states(name: str = "small", storage: str | None = None) -> dict[str, int]:
    return ledger(name, storage).trials()["state"].value_counts().to_dict()


# What a run gives


def test_json_is_one_object_with_the_promised_keys(folder):
    result = call("run", study_file(folder), "--json")
    found = result.json
    assert list(found) == ["study", "storage", "trials", "fits", "seconds", "selected", "verdict"]
    assert (found["study"], found["storage"]) == ("small", JOURNAL)
    assert found["trials"] == {"complete": 6, "pruned": 0, "failed": 0}
    assert found["fits"] >= 6
    assert found["seconds"] > 0
    assert found["verdict"]["answer"] in {"yes", "no", "cannot tell"}
    assert result.said == []
    trials = ledger().trials()
    best = trials.loc[trials["validation_loss"].idxmin()]
    assert found["selected"]["validation_loss"] == best["validation_loss"]
    assert found["selected"]["penalty"] == best["penalty"]
    assert found["selected"]["lambda"] == best["lambda"]


def test_sealed_run_opens_nothing(folder):
    path = study_file(folder)
    assert run(path)["verdict"] is None
    assert (ledger().openings, ledger().sealed) == ([], True)
    assert call("run", path, "--json").json["verdict"] == call("verdict", "small", "--json").json
    assert [opening.complete for opening in ledger().openings] == [6]


def test_a_run_that_can_seal_nothing_says_so(folder):
    path = study_file(folder)
    assert "nothing is sealed" not in call("run", path, "--sealed").err
    call("verdict", "small")
    assert "note: --sealed: nothing is sealed" in call("run", path, "--sealed").err
    assert "nothing is sealed" not in call("run", path).err
    assert "nothing is sealed" not in call("run", path, "--sealed", "--quiet").err


def test_what_the_law_knows_is_sealed_with_the_test_losses(folder):
    """The exact risk is the limit of the test loss: nobody reads it before the test set is opened."""
    path = study_file(folder)
    run(path)
    assert "true_risk" not in ledger().snapshot().results.criteria
    assert b"true_risk" not in Path(JOURNAL).read_bytes()
    call("run", path, "--json")
    results = ledger().snapshot().results
    assert len(results.criteria["true_risk"]) == len(results)
    assert min(results.criteria["true_risk"]) > 0


def test_a_grid_that_grows_is_a_whole_grid_again(folder):
    path = study_file(folder, search={"sampler": "grid", "trials": 7, "batch": 4})
    assert "grid" not in call("run", path).err
    said = call("run", path, "--trials", "13").err
    trials = ledger().trials()
    assert f"a grid of 13 has other points than the 7 that were tried: {len(trials) - 7} are left" in said
    assert f"which makes {len(trials)} trials" in said
    for penalty in ("l1", "l2"):
        lambdas = np.sort(trials.loc[trials["penalty"] == penalty, "lambda"].unique())
        for points in (3, 6):
            grid = np.geomspace(1e-3, 10.0, points)
            assert np.isclose(grid[:, None], lambdas).any(axis=1).all()
    assert trials["state"].eq("complete").all()


@pytest.mark.parametrize("last", ["exact", "grid", "facts"])
def test_a_confirmation_that_was_cut_off_is_done_again(last, folder, monkeypatch):
    """The facts are kept last: a kill before them leaves a study that is not confirmed."""
    path = study_file(folder)
    keep = Confirmations.keep_part

    def killed(self, part, results=None, **options):
        if part.startswith(last):
            raise KeyboardInterrupt
        keep(self, part, results)

    def killed_at_last(self, *facts, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(Confirmations, "keep_part", killed)
    monkeypatch.setattr(Confirmations, "keep_facts", killed_at_last)
    assert call("run", path, "--sealed", "--quiet").code == 130
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    assert not ledger().confirmed()
    run(path)
    assert ledger().confirmed()
    evidence = ledger().snapshot(open_test=True).evidence
    assert None not in (evidence.grid, evidence.exact, evidence.plain)


def test_optuna_reads_the_study(folder):
    run(study_file(folder, space={"penalty": ["none", "l2", "elastic_net"]}, search={"trials": 12}))
    study = optuna.load_study(study_name="small", storage=JournalStorage(JournalFileBackend(JOURNAL)))
    assert study.direction.name == "MINIMIZE"
    assert len(study.trials) == 12
    names = {"none": {"penalty"}, "l2": {"penalty", "lambda"}, "elastic_net": {"penalty", "lambda", "l1_ratio"}}
    assert {trial.params["penalty"] for trial in study.trials} == names.keys()
    for trial in study.trials:
        assert trial.state.name == "COMPLETE"
        assert trial.params.keys() == names[trial.params["penalty"]]
        assert trial.user_attrs.keys() >= set(MEASURES)
        assert trial.value == trial.user_attrs["validation_loss"]
    assert not [name for name in study.trials[0].user_attrs if "test" in name]


@pytest.mark.rest
def test_sqlite(folder):
    url = "sqlite:///studies.db"
    path = study_file(folder)
    assert run(path, "--storage", url)["storage"] == url
    assert run(path, "--storage", url, "--trials", "8")["trials"]["complete"] == 8
    study = optuna.load_study(study_name="small", storage=url)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 8
    assert call("list", "--storage", url, "--json").json["studies"][0]["trials"]["complete"] == 8
    assert not Path("runs").exists()


def test_table_for_people_names_the_selected_candidate(folder):
    result = call("run", study_file(folder), "--sealed")
    selected = ledger().candidate(ledger().selected())
    assert f"Selected: {selected}" in result.out
    assert (result.code, result.said) == (0, [])


def test_progress_is_a_bar_on_a_terminal_and_plain_lines_elsewhere(folder, monkeypatch):
    path = study_file(folder)
    lines = call("run", path, "--trials", "3", "--sealed").err.splitlines()
    assert re.fullmatch(r"small: searching 0/3 trials, 0 of \d+ fits", lines[0])
    assert re.fullmatch(r"small: done after [\d.]+ s, \d+ fits", lines[-1])
    assert len(lines) == 2
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich's word for: this is a terminal
    shown = call("run", path, "--trials", "6", "--sealed").err
    for each in ("small", "page", "fits"):
        assert each in shown
    assert call("run", path, "--trials", "9", "--sealed", "--quiet").err == ""


# Export and list


def test_export_has_the_promised_columns(folder):
    run(study_file(folder))
    assert call("export", "small", "-o", "trials.csv").code == 0
    table = pd.read_csv("trials.csv")
    assert tuple(table.columns) == (*PROMISED, "nonzero_groups")  # what is younger stands behind
    assert table["trial"].tolist() == list(range(6))
    assert ledger().openings == []
    np.testing.assert_allclose(table["validation_loss"], ledger().trials()["validation_loss"], rtol=1e-15)


def test_export_of_the_test_losses_is_recorded(folder):
    run(study_file(folder))
    assert call("export", "small", "--test", "-o", "trials.parquet").code == 0
    table = pd.read_parquet("trials.parquet")
    assert tuple(table.columns) == (*PROMISED, "test_loss", "test_se", "nonzero_groups")
    assert [opening.complete for opening in ledger().openings] == [6]
    losses = ledger().results(table["trial"].tolist()).test
    np.testing.assert_allclose(table["test_loss"], losses.mean(axis=(1, 2)), rtol=1e-6)
    np.testing.assert_allclose(table["test_se"], losses.mean(1).std(-1, ddof=1) / losses.shape[-1] ** 0.5, rtol=1e-6)


def test_list(folder):
    assert call("list", "--json").json == {"storage": JOURNAL, "studies": []}
    run(study_file(folder))
    run(study_file(folder, "other", search={"trials": 3}))
    studies = call("list", "--json").json["studies"]
    assert [(study["study"], study["trials"]["complete"]) for study in studies] == [("other", 3), ("small", 6)]
    table = call("list").out
    assert "small" in table
    assert "other" in table


# Resume


def test_more_trials_continue_the_study_to_exactly_that_number(folder):
    path = study_file(folder)
    run(path, "--trials", "6")
    before = ledger().trials()
    found = run(path, "--trials", "10")
    assert found["trials"] == {"complete": 10, "pruned": 0, "failed": 0}
    pd.testing.assert_frame_equal(ledger().trials()[:6], before)


def test_running_again_does_nothing(folder):
    path = study_file(folder)
    run(path)
    before = ledger().trials()
    assert run(path)["fits"] == 0
    pd.testing.assert_frame_equal(ledger().trials(), before)


def test_one_run_and_two_runs_try_the_same(folder):
    """Where a run stops between two batches makes no difference to what is tried."""
    path = study_file(folder, search={"trials": 9})
    run(path, "--storage", "one.journal")
    for trials in ("3", "9"):
        run(path, "--storage", "two.journal", "--trials", trials)
    one, two = (ledger(storage=f"{name}.journal").trials().drop(columns="seconds") for name in ("one", "two"))
    pd.testing.assert_frame_equal(one, two, check_exact=True)


# Samplers, pruners, duplicates


@pytest.mark.parametrize(
    ("sampler", "penalties"),
    [
        ("tpe", ["none", "l1", "elastic_net"]),
        ("random", ["none", "l1", "elastic_net"]),
        ("grid", ["none", "l1", "elastic_net"]),
        ("qmc", ["l1", "l2"]),
        ("gp", ["l1", "l2"]),
        ("cmaes", ["elastic_net"]),
    ],
)
def test_every_sampler_finishes(sampler, penalties, folder):
    path = study_file(folder, space={"penalty": penalties}, search={"sampler": sampler, "trials": 14, "batch": 4})
    result = call("run", path, "--sealed", "--json")
    assert result.json["trials"] == {"complete": 14, "pruned": 0, "failed": 0}
    assert result.said == []
    assert set(ledger().trials()["penalty"]) <= set(penalties)


def test_grid_tries_each_candidate_once(folder):
    search = {"sampler": "grid", "trials": 30, "batch": 4}
    strengths = [0.01, 0.1, 1.0]
    space = {"penalty": ["none", "l1", "elastic_net"], "lambda": strengths, "l1_ratio": [0.2, 0.8]}
    path = study_file(folder, space=space, search=search)
    run(path)
    trials = ledger().trials().fillna({"l1_ratio": -1.0})
    tried = sorted(zip(trials["penalty"], trials["lambda"], trials["l1_ratio"], strict=True))
    wanted = [("none", 0.0, -1.0), *(("l1", each, -1.0) for each in strengths)]
    wanted += [("elastic_net", each, ratio) for each in strengths for ratio in (0.2, 0.8)]
    assert tried == sorted(wanted)
    assert (trials["seconds"] > 0).all()
    assert run(path)["fits"] == 0


@pytest.mark.parametrize("pruner", ["median", "wilcoxon"])
def test_pruned_trials_are_told_as_pruned(pruner, folder):
    search = {"pruner": pruner, "sampler": "random", "trials": 18, "batch": 3}
    space = {"lambda": {"low": 1e-3, "high": 1e3}}
    path = study_file(folder, data={"draws": 8}, space=space, search=search, training={"epochs": 12})
    found = run(path)["trials"]
    assert found["pruned"] > 0
    assert found["failed"] == 0
    assert found["complete"] + found["pruned"] == 18
    study = optuna.load_study(study_name="small", storage=JournalStorage(JournalFileBackend(JOURNAL)))
    pruned = [trial for trial in study.trials if trial.state.name == "PRUNED"]
    assert len(pruned) == found["pruned"]
    assert all(trial.intermediate_values for trial in pruned)
    table = ledger().trials()
    assert found["complete"] == len(ledger().snapshot().complete)
    assert table.loc[table["state"] == "complete", "validation_loss"].min() == pytest.approx(
        min(trial.value for trial in study.trials if trial.state.name == "COMPLETE")
    )
    assert run(path)["fits"] == 0


def test_equal_candidates_are_told_and_not_trained_again(folder):
    path = study_file(folder, space={"penalty": ["none", "l2"]}, search={"sampler": "random", "trials": 12})
    found = run(path)
    trials = ledger().trials()
    losses = ledger().results(trials["trial"].tolist()).validation
    free = (trials["penalty"] == "none").to_numpy()
    assert free.sum() > 2
    assert found["trials"]["complete"] == len(trials) == 12
    assert trials.loc[free, "validation_loss"].nunique() == 1
    np.testing.assert_array_equal(losses[free], np.broadcast_to(losses[free][0], losses[free].shape))
    assert ((trials["seconds"] > 0) == ~(free & trials["penalty"].duplicated())).all()


# The seal


def write_rows(path: Path, classes: bool, permute: bool) -> None:
    """60 rows, every fourth a test row; `permute` shuffles the targets of the test rows among themselves."""
    draw = random.Random(3)
    rows = [[draw.gauss(0, 1) for _ in range(3)] for _ in range(60)]
    score = [a - 2 * b + draw.gauss(0, 0.5) for a, b, _ in rows]
    target = [str(value > 0) for value in score] if classes else score
    marks = [index % 4 == 0 for index in range(60)]
    places = [index for index in range(60) if marks[index]]
    moved = draw.sample(places, len(places)) if permute else places
    shown = dict(zip(places, moved, strict=True))
    lines = [f"{a},{b},{c},{marks[index]},{target[shown.get(index, index)]}" for index, (a, b, c) in enumerate(rows)]
    path.write_text("\n".join(["a,b,c,held,y", *lines]) + "\n")


@pytest.mark.parametrize("refit", [False, pytest.param(True, marks=pytest.mark.rest)])
@pytest.mark.parametrize(
    ("classes", "training"),
    [(False, {"optimizer": "sgd", "epochs": 5, "batch_size": 8, "lr": 0.05}), (True, {"optimizer": "exact"})],
    ids=["regression-sgd", "classification-exact"],
)
def test_permuted_test_targets_change_nothing_but_the_test_losses(classes, training, refit, folder):
    data = {"source": "file", "path": "rows.csv", "target": "y"}
    split = {"scheme": "kfold", "folds": 3, "test_column": "held", "refit": refit}
    space = {"penalty": ["none", "l1", "l2"], "lambda": "auto"}
    path = study_file(folder, data=data, split=split, training=training, space=space, model={"init": "default"})
    text = path.read_text().replace("lr = 0.05\nepochs = 4\nbatch_size = 0\n", "") if classes else path.read_text()
    path.write_text(text)
    kept = []
    for permute in (False, True):
        write_rows(Path("rows.csv"), classes, permute)
        storage = f"{permute}.journal"
        run(path, "--storage", storage)
        kept.append(ledger(storage=storage))
    one, two = (each.trials() for each in kept)
    pd.testing.assert_frame_equal(one.drop(columns="seconds"), two.drop(columns="seconds"), check_exact=True)
    first, second = (each.results(one["trial"].tolist()) for each in kept)
    for name in ("validation", "weights", "biases"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()
    assert first.test is None
    assert all(each.open_test() for each in kept)
    first, second = (each.results(one["trial"].tolist()) for each in kept)
    assert first.test.shape == second.test.shape
    assert not np.array_equal(first.test, second.test)


# The user's own functions


OWN = """
import torch
from sklearn.datasets import make_regression

def rows():
    return make_regression(40, 3, noise=1.0, random_state=0)

def net(features, outputs):
    return torch.nn.Sequential(torch.nn.Linear(features, 4), torch.nn.Tanh(), torch.nn.Linear(4, outputs))
"""


def test_functions_in_a_module_beside_the_study_file(folder, monkeypatch):
    beside = folder / "questions"
    beside.mkdir()
    (beside / "own_functions.py").write_text(OWN)
    data, model = {"source": "own_functions:rows"}, {"kind": "own_functions:net", "init": "default"}
    path = study_file(beside, data=data, model=model, training={"lr": 1e-4})
    assert run(path)["trials"]["complete"] == 6
    losses = ledger().snapshot().results.validation
    assert np.isfinite(losses[:, :, ~np.isnan(losses).all((0, 1))]).all()


# Ctrl-C


@pytest.mark.rest
def test_ctrl_c_tells_the_batch_and_says_how_to_go_on(folder):
    path = study_file(folder, "long one", training={"epochs": 100}, search={"trials": 60, "batch": 1})
    words = [*PROGRAM, "run", str(path), "--storage", "a.journal", "--trials", "50", "--sealed", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        wait_for_trials("a.journal", 2, process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    _, told, again = err.splitlines()
    assert told == "stopping after this batch; press Ctrl-C again to stop at once"
    assert again == f"stopped; to go on: lambda-search run '{path}' --storage a.journal --trials 50 --sealed"
    counts = states("long one", "a.journal")
    assert counts.keys() == {"complete"}
    assert 2 <= counts["complete"] < 50
    short = str(counts["complete"] + 2)
    found = run(path, "--storage", "a.journal", "--trials", short)["trials"]
    assert found == {"complete": int(short), "pruned": 0, "failed": 0}


def wait_for_trials(storage: str, count: int, process: subprocess.Popen[str]) -> None:
    """Return when the study that `process` runs has `count` complete trials."""
    while process.poll() is None:
        if Path(storage).exists():
            studies = list_studies(open_storage(storage, create=False))
            if studies and studies[0].complete >= count:
                return
        time.sleep(0.1)
    raise AssertionError(f"it ended before: {process.communicate()}")


# Help


@pytest.mark.parametrize("command", ["run", "verdict", "list", "export", "new", "schema"])
def test_help_shows_an_example(command):
    result = call(command, "--help")
    assert result.code == 0
    assert f"Example: lambda-search {command}" in result.out


def test_names_that_look_like_markup(folder):
    name = "a [red]c"
    storage = "[bold].journal"
    result = call("run", study_file(folder, name), "--sealed", "--storage", storage)
    assert (result.code, result.said) == (0, [])
    assert name in result.out
    assert storage in result.out
    assert name in call("list", "--storage", storage).out


def test_help_without_arguments():
    assert "Example: lambda-search run" in call("--help").out
    assert "Commands" in call().out


def test_completion(folder):
    """`--show-completion` prints a script for the shell that it was called from, and the script's call answers."""
    script = subprocess.run(
        ["bash", "-c", '"$@"; exit $?', "bash", *PROGRAM, "--show-completion"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "complete -o default -F _lambda_search_completion lambda-search" in script.stdout
    asked = os.environ | {
        "_LAMBDA_SEARCH_COMPLETE": "complete_bash",
        "COMP_WORDS": "lambda-search ex",
        "COMP_CWORD": "1",
    }
    assert own_process(env=asked).out.split() == ["export"]


def test_schema_is_json_schema():
    schema = json.loads(call("schema").out)
    assert schema["required"] == ["name", "data"]
    assert {"data", "split", "model", "training", "space", "search", "verdict"} <= schema["properties"].keys()
