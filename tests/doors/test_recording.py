"""`search.record` and the doors to what it kept: forms of losses, refusals, several processes, the command line."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest
import torch
from command_line import call
from postgresql import LEFT_OPEN

import search
from search.core.errors import UserError
from search.doors.export import export_trials
from search.doors.publishing import publish_recorded, shown
from search.ledger import open_storage
from search.verdict import describe

ROOT = Path(search.__file__).parents[1]
LOSSES = np.array([[1.0, np.nan, 3.0], [np.nan, 5.0, np.nan]])


def recording(given, test=None, trials=1):
    """A study whose trials recorded this."""
    study = optuna.create_study()
    study.optimize(lambda trial: search.record(trial, given, test), n_trials=trials)
    return study


@pytest.mark.parametrize(
    "given",
    [
        LOSSES,
        LOSSES.astype(np.float32),
        LOSSES.astype(np.float16),
        LOSSES.tolist(),
        pd.DataFrame(LOSSES),
        pd.DataFrame(LOSSES).astype(object),
        torch.tensor(LOSSES),
        torch.tensor(LOSSES, dtype=torch.bfloat16, requires_grad=True),
    ],
    ids=lambda given: type(given).__name__,
)
def test_losses_of_any_framework_are_taken_and_their_mean_over_what_is_held_out_returned(given):
    study = recording(given)
    assert study.best_value == 3.0  # of 1, 3 and 5, not of the two folds' means
    assert np.array_equal(search.load(study).results.validation[0], LOSSES, equal_nan=True)


def test_a_single_replicate_needs_no_axis_and_zero_one_losses_may_be_flags():
    assert recording([True, False, False, False]).best_value == 0.25
    assert recording(pd.Series([1, 2, 3])).best_value == 2.0
    assert recording([1.0, np.inf]).trials[0].value == np.inf


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], r"holds no loss"),
        (np.full((2, 3), np.nan), r"holds no loss"),
        (1.5, r"shape \(\); valid are losses of shape \(rows,\) or \(replicates, rows\)"),
        (np.ones((2, 2, 2)), r"shape \(2, 2, 2\)"),
        (["good", "bad"], r"holds str\d+"),
        ([[1.0], [1.0, 2.0]], r"not an array of numbers"),
        ([1.0, -np.inf], r"minus infinity"),
        ([1j], r"holds complex128"),
        (object(), r"not an array of numbers"),
    ],
)
@pytest.mark.parametrize("part", ["validation", "test"])
def test_what_is_not_of_this_form_is_refused_in_one_line(given, message, part):
    study = optuna.create_study()
    losses = {"validation": [1.0], "test": [1.0], part: given}
    with pytest.raises(UserError, match=f"record: {part} .*{message}") as refusal:
        search.record(study.ask(), **losses)
    assert "\n" not in str(refusal.value)


def test_trials_that_cannot_keep_anything():
    trial = optuna.trial.FixedTrial({"alpha": 1.0})
    assert search.record(trial, [1.0, 2.0]) == 1.5  # an objective can be tried by hand
    study = optuna.create_study()
    asked = study.ask()
    study.tell(asked, 1.0)
    with pytest.raises(UserError, match="trial 0 is finished; record it before the objective returns"):
        search.record(asked, [1.0])
    for wrong in (study, 7, study.trials[0]):
        with pytest.raises(UserError, match="valid is the trial that Optuna hands to an objective"):
            search.record(wrong, [1.0])


def test_a_pruned_trial_keeps_its_record_and_is_no_candidate():
    def objective(trial):
        loss = search.record(trial, [1.0 + trial.number])
        if trial.number == 0:
            raise optuna.TrialPruned
        return loss

    study = optuna.create_study()
    study.optimize(objective, n_trials=2)
    found = search.load(study)
    assert found.trials["validation_loss"].tolist() == [1.0, 2.0]
    assert found.results.trials.tolist() == [1]


WORKER = """
import numpy as np, optuna, sys
import search
optuna.logging.set_verbosity(optuna.logging.ERROR)
def objective(trial):
    decay = trial.suggest_float("weight_decay", 1e-6, 1, log=True)
    return search.record(trial, np.random.default_rng(trial.number).normal(size=500) ** 2, np.full(300, decay))
optuna.load_study(study_name="many", storage=sys.argv[1]).optimize(objective, n_trials=int(sys.argv[2]))
"""


def run_workers(storage, workers, trials):
    """As many processes, each recording its trials into the study `many`; the study as it is then."""
    optuna.create_study(study_name="many", storage=storage)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", WORKER, storage, str(trials)]
    running = [subprocess.Popen(command, env=environment) for _ in range(workers)]
    assert [each.wait() for each in running] == [0] * workers
    found = search.load("many", storage)
    assert found.trials["state"].tolist() == ["complete"] * workers * trials
    for number, losses in zip(found.results.trials, found.results.validation, strict=True):
        assert np.array_equal(losses[0], np.random.default_rng(number).normal(size=500) ** 2)
    return found


@pytest.mark.slow
def test_several_processes_record_into_one_study_and_none_is_lost(tmp_path):
    assert run_workers(f"sqlite:///{tmp_path}/optuna.db", 4, 50).judge().test_rows == 300


@pytest.mark.filterwarnings(LEFT_OPEN)
def test_every_door_opens_a_study_that_processes_recorded_on_a_server(postgresql, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = run_workers(postgresql, 2, 5)
    assert found.verdict is None  # the test losses are sealed, on a server too
    judged = call("verdict", "many", "--storage", postgresql, "--json").json
    assert (judged["test_rows"], judged["selected"]["penalty"]) == (300, "weight_decay")
    assert found.refresh().verdict.to_dict() == judged
    assert search.load(optuna.load_study(study_name="many", storage=postgresql)).verdict.to_dict() == judged
    for words in (["export", "many", "--test", "-o", "many.csv"], ["report", "many", "-o", "many.html"], ["list"]):
        done = call(*words, "--storage", postgresql)
        assert done.code == 0, done.err
    kept = pd.read_csv("many.csv")
    assert kept["lambda"].tolist() == [each.params["weight_decay"] for each in found.ledger.study().trials]
    assert publish_recorded(found.ledger.storage) == []
    assert {path.name for path in tmp_path.iterdir()} == {"many.csv", "many.html"}  # all else is in the database


def two_strengths(trial):
    first, second = (trial.suggest_float(name, 1e-3, 1e3, log=True) for name in ("lambda", "alpha"))
    curve = 1 + 0.1 * np.log(first) ** 2 + 0.3 * np.log(second) ** 2
    noise = np.random.default_rng(0).normal(size=(2, 200)) ** 2
    return search.record(trial, curve * noise[0], curve * noise[1])


@pytest.fixture
def storage(tmp_path, monkeypatch):
    """A storage with a study of which two parameters could be the strength."""
    monkeypatch.chdir(tmp_path)
    name = str(tmp_path / "optuna.journal")
    backend = optuna.storages.journal.JournalFileBackend(name)
    sampler = optuna.samplers.RandomSampler(seed=0)
    optuna.create_study(study_name="two", storage=optuna.storages.JournalStorage(backend), sampler=sampler).optimize(
        two_strengths, n_trials=20
    )
    return name


@pytest.mark.parametrize("command", ["verdict", "report", "export"])
def test_each_command_asks_which_strength_is_meant_and_takes_the_answer(storage, command):
    words = [command, "two", "--storage", storage, *(["-o", "two.csv"] if command == "export" else [])]
    asked = call(*words)
    assert asked.code == 2
    assert "several parameters may be the strength: lambda, alpha" in asked.err
    done = call(*words, "--strength", "alpha")
    assert done.code == 0, done.err
    output = done.out
    if command == "verdict":
        assert output.startswith("Use alpha ")
        assert "settings between those that were tried, fresh seeds" in output
    if command == "export":
        trials = pd.read_csv("two.csv")
        assert (trials["penalty"] == "alpha").all()
        assert (trials["alpha"] == trials["lambda"]).all()
    if command == "report":
        assert "Loss against alpha" in Path("two.html").read_text(encoding="utf-8")


def test_parameters_of_any_kind_and_name_reach_a_file(tmp_path):
    """Choices of several types, and names that our own columns have."""

    def objective(trial):
        trial.suggest_float("alpha", 1e-3, 1e3, log=True)
        for name, choices in {
            "state": ["on", "off"],
            "trial": [1, 2],
            "lambda": ["x", 3],
            "seconds": [0.5, None],
            "layers": [(16,), (16, 8)],
            "mixed": ["sqrt", 0.5, None],
            "epochs": [5, 10],
        }.items():
            trial.suggest_categorical(name, choices)
        return search.record(trial, np.random.default_rng(trial.number).gamma(2.0, size=30))

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Choices for a categorical distribution")
        study.optimize(objective, n_trials=12)
    found = search.load(study, strength="alpha")
    for name in ("a.csv", "a.parquet"):
        export_trials(found.ledger, tmp_path / name, with_test=False)
    kept = pd.read_parquet(tmp_path / "a.parquet")
    assert kept["trial"].tolist() == list(range(12))
    assert set(kept["state"]) == {"complete"}
    for name in ("state", "trial", "lambda"):
        assert kept[f"{name}_"].astype(str).tolist() == [str(each.params[name]) for each in study.trials]
    assert kept["mixed"].isna().tolist() == [each.params["mixed"] is None for each in study.trials]
    assert kept["lambda"].tolist() == [each.params["alpha"] for each in study.trials]
    assert found.candidates["epochs"].tolist() == [each.params["epochs"] for each in study.trials]
    assert found.report(tmp_path / "page.html").stat().st_size > 1000


def test_the_dashboard_has_the_studies_that_were_recorded(storage):
    opened = open_storage(storage)
    assert publish_recorded(opened) == [
        "study 'two': several parameters may be the strength: lambda, alpha; name one with --strength (strength=)"
    ]
    assert publish_recorded(opened, "alpha") == []
    study = optuna.load_study(study_name="two", storage=opened.optuna)
    kept = str(opened.optuna.get_study_system_attrs(study._study_id))
    assert "the test rows are sealed" in kept
    assert "metric_names" not in kept  # the objective has a name of its own


def test_no_page_of_a_study_without_a_strength_speaks_of_one(tmp_path):
    def objective(trial):
        depth, kind = trial.suggest_int("depth", 1, 9), trial.suggest_categorical("kind", ["a", "b"])
        noise = np.random.default_rng(trial.number).normal(size=(2, 200)) ** 2
        return search.record(trial, (1 + 0.1 * (depth - 4) ** 2 + (kind == "b")) * noise, noise[0])

    study = optuna.create_study(study_name="plain", sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(objective, n_trials=25)
    found = search.load(study)
    text = describe(found.judge())
    page = found.report(tmp_path / "plain.html").read_text(encoding="utf-8")
    shown = page.partition('<script type="application/gzip"')[0]
    for spoken in (text, shown.partition("Figures that do not apply")[0].partition("<body>")[2]):
        assert "lambda " not in spoken.replace("lambda-search", "")
        assert "without a strength" not in spoken
        assert "no penalty" not in spoken
    assert list(found.figures) == ["losses", "regret", "stability", "rules", "history", "agreement"]
    drawn = found.figures["losses"]
    assert drawn.layout.xaxis2.title.text == "candidates, the lowest validation loss first"
    assert "lambda" not in found._repr_html_().partition("<div>")[0].replace("lambda-search", "")
    assert found.trials[["penalty", "lambda"]].isna().all(axis=None)
    assert found.verdict.to_dict()["selected"]["penalty"] is None
    assert found.verdict.to_dict()["does_it_matter"]["gain_over_none"] is None


def test_a_study_of_ours_has_its_strength(tmp_path):
    settings = {"name": "ours", "data": {"source": "synthetic_linear", "features": 3}, "search": {"trials": 2}}
    storage = str(tmp_path / "ledger.journal")
    search.run(settings, storage=storage, progress=False)
    with pytest.raises(UserError, match="its strength is lambda: leave it out"):
        search.load("ours", storage, strength="lr")
    beside_others = shown(open_storage(storage), "ours", "alpha")  # the dashboard's --strength is of other studies
    assert len(beside_others.trials) == 2
    with pytest.raises(UserError, match="valid are a journal's path, a database's URL, or Optuna's own"):
        search.load("ours", 7)
