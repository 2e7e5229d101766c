"""The callback as OptunaHub has packages: a folder with its parts, loaded from its place, run as its example says."""

from __future__ import annotations

import importlib.util
import re
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import optuna
import pytest

import search

REGISTRY = Path(search.__file__).parent / "doors" / "optunahub" / "package"
PACKAGE = REGISTRY / "callbacks" / "lambda_search"


def loaded(package):
    """What `optunahub.load_module` gives for a folder of the registry."""
    spec = importlib.util.spec_from_file_location("optunahub_lambda_search", REGISTRY / package / "__init__.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def callback():
    return loaded("callbacks/lambda_search").VerdictCallback


def objective(trial):
    alpha = trial.suggest_float("alpha", 1e-3, 1e3, log=True)
    losses = (np.log(alpha) - 1) ** 2 + np.linspace(0, 1, 50)
    return search.record(trial, validation=losses, test=losses)


def test_the_folder_has_the_parts_that_the_registry_asks_for():
    assert {"__init__.py", "README.md", "LICENSE", "example.py"} <= {path.name for path in PACKAGE.iterdir()}
    text = (PACKAGE / "README.md").read_text(encoding="utf-8")
    front = re.match(r"---\n(.*?)\n---\n", text, flags=re.DOTALL)[1]
    keys = [line.split(":")[0] for line in front.splitlines()]
    assert keys == ["author", "title", "description", "tags", "optuna_versions", "license"]


def test_it_speaks_after_every_so_many_trials_and_opens_no_test_rows(callback, capsys):
    study = optuna.create_study(study_name="plain", sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(objective, n_trials=10, callbacks=[callback(every=4)])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["plain, 4 trials", "plain, 8 trials"]
    assert "the test rows are sealed" in lines[-1]
    assert search.load(study).ledger.openings == []


def test_a_study_that_records_nothing_is_told_and_goes_on(callback, capsys):
    study = optuna.create_study()
    study.optimize(lambda trial: trial.suggest_float("alpha", 0, 1), n_trials=2, callbacks=[callback(every=1)])
    assert "add the line search.record" in capsys.readouterr().out
    assert len(study.trials) == 2
    with pytest.raises(ValueError, match="valid is a number of trials"):
        callback(every=0)


def test_its_example_runs(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "optunahub", SimpleNamespace(load_module=loaded))  # from here, not the network
    runpy.run_path(str(PACKAGE / "example.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ridge, 10 trials: ")
    assert lines[-1] in {"yes", "no", "cannot tell"}
