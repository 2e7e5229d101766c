"""A study whose network, penalised weights and loss are a file of its user's, opened from another folder."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import call
from sklearn.datasets import load_diabetes

import search
from search.core.errors import UserError

MODULE = "networks_of_this_test"
NETWORK = """
from torch import nn


def net(features, outputs):
    return nn.Sequential(nn.Linear(features, 4), nn.ReLU(), nn.Linear(4, outputs))


def chosen(name, parameter):
    return name.endswith("weight")


def loss(output, target):
    return (output - target).square().sum(-1)
"""
STUDY = f"""
name = "own"
[data]
source = "file"
path = "rows.csv"
target = "target"
[model]
kind = "{MODULE}:net"
penalised = "{MODULE}:chosen"
[training]
loss = "{MODULE}:loss"
epochs = 2
batch_size = 64
device = "cpu"
[search]
sampler = "random"
trials = 3
"""


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    """What is imported here is forgotten, as by a new process."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    sys.modules.pop(MODULE, None)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The folder of a study that has been run from it; the working folder is another one."""
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    (home / f"{MODULE}.py").write_text(NETWORK)
    (home / "own.toml").write_text(STUDY)
    load_diabetes(as_frame=True).frame.to_csv(home / "rows.csv", index=False)
    monkeypatch.chdir(home)
    assert call("run", "own.toml", "--quiet", "--sealed").code == 0
    sys.modules.pop(MODULE)
    monkeypatch.chdir(elsewhere)
    return home


def asked(home, command, study="own", *more):
    return call(command, study, *more, "--storage", home / "runs" / "ledger.journal")


def test_what_does_not_run_the_network_does_not_need_its_file(home):
    for words in (["verdict", "own", "--json"], ["export", "own", "-o", "own.csv"], ["report", "own"]):
        done = asked(home, *words)
        assert done.code == 0, done.err
    found = search.load("own", str(home / "runs" / "ledger.journal"))
    assert found.model().parameters["0.weight"].shape == (4, 10)
    assert MODULE not in sys.modules


def test_what_runs_it_says_in_one_line_where_to_have_it_from(home):
    done = asked(home, "predict", "own", home / "rows.csv")
    assert done.code == 2
    assert f'cannot import "{MODULE}:' in done.err
    assert "go to its folder, give the study file in place of the study's name, or set PYTHONPATH" in done.err
    assert len(done.err.splitlines()) == 1


def test_each_of_the_three_ways_gives_the_same_predictions(home, monkeypatch):
    by_file = asked(home, "predict", home / "own.toml", home / "rows.csv")
    assert by_file.code == 0, by_file.err
    sys.modules.pop(MODULE)
    with monkeypatch.context() as there:
        there.chdir(home)
        assert asked(home, "predict", "own", "rows.csv").out == by_file.out
    sys.modules.pop(MODULE)
    monkeypatch.syspath_prepend(home)  # as PYTHONPATH does
    assert asked(home, "predict", "own", home / "rows.csv").out == by_file.out


def test_a_module_that_the_network_needs_is_named_as_what_is_missing(home):
    Path(f"{MODULE}.py").write_text("import a_package_that_is_not_there\n" + NETWORK)
    done = asked(home, "predict", "own", home / "rows.csv")
    assert done.code == 2
    assert f"No module named 'a_package_that_is_not_there'; {MODULE} needs it: install it" in done.err


@pytest.mark.parametrize(
    ("one", "other", "change"),
    [
        ("nn.ReLU(), ", "nn.ReLU(), nn.Linear(4, 4), ", "2.bias was (1,) and is (4,)"),
        ("4", "5", "0.bias was (4,) and is (5,)"),
        (", nn.Linear(4, outputs)", ", nn.Linear(4, outputs), nn.LayerNorm(outputs)", "3.bias is new"),
        ("nn.Linear(features, 4)", "nn.Linear(features, 4, bias=False)", "0.bias is gone"),
    ],
)
def test_another_network_of_that_name_does_not_predict(home, one, other, change):
    """Numbers that it has beside the kept ones would be those of its initialisation."""
    Path(f"{MODULE}.py").write_text(NETWORK.replace(one, other))
    done = asked(home, "predict", "own", home / "rows.csv")
    assert done.code == 2
    assert change in done.err
    assert len(done.err.splitlines()) == 1


def test_in_python_it_is_the_same_error(home):
    model = search.load("own", str(home / "runs" / "ledger.journal")).model()
    with pytest.raises(UserError, match="set PYTHONPATH to its folder"):
        model.predict(np.zeros((1, 10)))
