"""A study in Python: run, interrupted, resumed, loaded, judged, and what a notebook shows."""

from __future__ import annotations

import json
import os
import signal
import threading
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from command_line import SMALL, call, study_file
from hostile_study import HOSTILE_NAME, hostile_file
from optuna_dashboard import get_note

import search
from search.core.errors import UserError
from search.doors.study import Interrupted, Study
from search.ledger import StudyLedger, open_storage
from search.report.figures import FIGURES
from search.runs.confirming import FRESH_SEEDS
from search.settings import Settings
from search.verdict import Comparison, describe, verdict_of

SPACE = {"penalty": ["none", "l1", "l2", "elastic_net"], "lambda": {"low": 1e-3, "high": 10.0}}
TABLES = {"name": "small", **SMALL, "training": {**SMALL["training"], "seeds": 2}, "space": SPACE}
BATCHES = [0, 3, 6]  # how many trials are finished when the progress is told


def run(place: Path, study=TABLES, **options) -> Study:
    return search.run(study, storage=str(place / "ledger.journal"), **({"progress": False} | options))


def same_trials(found: Study, expected: Study) -> None:
    """The same trials to the bit, however long they took."""
    pd.testing.assert_frame_equal(found.trials.drop(columns="seconds"), expected.trials.drop(columns="seconds"))
    np.testing.assert_array_equal(found.results.validation, expected.results.validation)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("doors")


@pytest.fixture(scope="module")
def storage(home):
    return str(home / "ledger.journal")


@pytest.fixture(scope="module")
def study(home):
    """A study that ran from its first trial to its verdict."""
    return run(home)


@pytest.fixture(scope="module")
def sealed(home):
    return run(home, TABLES | {"name": "sealed"}, sealed=True)


@pytest.fixture
def table():
    """Four inputs and a target, which is a sum of them with noise."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(60, 4))
    frame = pd.DataFrame(inputs, columns=["a", "b", "c", "d"])
    return frame.assign(y=inputs @ [1.0, -1.0, 0.5, 0.0] + 0.3 * rng.normal(size=60))


OWN = {key: TABLES[key] for key in ("name", "space", "search")} | {"training": {"optimizer": "exact"}}


# What is run


def test_a_mapping_a_file_and_settings_are_the_same_study(study, tmp_path):
    file = study_file(tmp_path, training=TABLES["training"], space=SPACE)
    for place, given in (("path", file), ("text", str(file)), ("settings", Settings.load(file))):
        same_trials(run(tmp_path / place, given), study)
    assert study.settings == Settings.load(file)


def test_what_ran_is_judged_and_counted(study):
    assert (study.name, len(study.trials)) == ("small", 6)
    assert study.verdict is not None
    assert [opening.complete for opening in study.ledger.openings] == [6]
    dense = len(study.snapshot.evidence.grid)
    # and the selected candidate on fresh seeds, solved exactly, and on all rows
    assert study.ran.fits == 2 * (len(study.candidates) + dense) + FRESH_SEEDS + 2
    assert study.ran.seconds > 0


def test_a_frame_and_its_arrays_and_its_file_are_the_same_data(table, tmp_path):
    target = {"data": {"target": "y"}}
    whole = run(tmp_path / "frame", OWN | target, data=table)
    pair = run(tmp_path / "pair", OWN, data=(table.drop(columns="y"), table["y"]))
    same_trials(pair, whole)
    arrays = run(tmp_path / "arrays", OWN, data=(table.drop(columns="y").to_numpy(), table["y"].to_numpy()))
    same_trials(arrays, whole)
    table.to_parquet(tmp_path / "table.parquet")
    source = {"source": "file", "path": str(tmp_path / "table.parquet"), "target": "y"}
    same_trials(run(tmp_path / "file", OWN | {"data": source}), whole)
    settings = Settings.parse(OWN | {"data": {"source": "frame", "target": "y"}})
    same_trials(run(tmp_path / "settings", settings, data=table), whole)
    assert whole.snapshot.evidence.features == ("a", "b", "c", "d")
    assert whole.verdict == pair.verdict == arrays.verdict


def test_classes_may_be_texts(table, tmp_path):
    labels = pd.Series(np.where(table["y"] > 0, "yes", "no"), name="answer")
    found = run(tmp_path, OWN, data=(table.drop(columns="y"), labels))
    assert found.verdict is not None
    assert 0 < found.results.validation_loss.min() < np.log(2)


def test_other_data_are_another_study(table, tmp_path):
    run(tmp_path, OWN | {"data": {"target": "y"}}, data=table)
    with pytest.raises(UserError, match="was run on other data"):
        run(tmp_path, OWN | {"data": {"target": "y"}}, data=table.assign(y=-table["y"]))


@pytest.mark.parametrize(
    ("changes", "data", "message"),
    [
        ({}, None, "data"),
        ({"data": {"target": "y"}}, "y.csv", "data: is str; give a pandas DataFrame, a pair"),
        ({"data": {}}, pd.DataFrame({"x": [1.0], "y": [2.0]}), r"data\.target: name the target column"),
        ({"data": {"target": "z"}}, pd.DataFrame({"x": [1.0], "y": [2.0]}), "z"),
        ({"data": {"source": "diabetes"}}, pd.DataFrame({"x": [1.0]}), 'names source = "diabetes" too'),
        ({"data": {"source": "frame"}}, None, "needs its data from Python"),
        ({"data": {"source": "diabetes"}, "serach": {}}, None, "search"),
    ],
)
def test_what_cannot_be_run_is_one_line_and_makes_nothing(tmp_path, changes, data, message):
    with pytest.raises(UserError, match=message) as refusal:
        run(tmp_path, OWN | changes, data=data)
    assert "\n" not in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [{"trials": 0}, {"device": "abacus"}])
def test_options_are_checked_as_the_file_is(tmp_path, options):
    with pytest.raises(UserError, match=next(iter(options))):
        run(tmp_path, **options)
    assert list(tmp_path.iterdir()) == []


# Resuming, sealing, judging


def test_a_run_goes_on_where_it_stopped(study, tmp_path):
    first = run(tmp_path, trials=3)
    assert (len(first.trials), first.settings.search.trials) == (3, 3)
    second = run(tmp_path)
    same_trials(second, study)
    again = run(tmp_path)
    same_trials(again, study)
    assert again.ran.fits == 0
    assert [opening.complete for opening in again.ledger.openings] == [3, 6]


def test_a_study_as_it_was_loaded_stays_until_it_is_refreshed(study, tmp_path):
    early = run(tmp_path, trials=3, sealed=True)
    assert len(early.trials) == 3
    run(tmp_path, sealed=True)
    assert (len(early.trials), len(early.refresh().trials)) == (3, 6)
    same_trials(early.refresh(), study)


def test_a_sealed_run_opens_nothing_until_it_is_judged(study, tmp_path):
    found = run(tmp_path, sealed=True)
    assert (found.verdict, found.losses.test, found.snapshot.sealed) == (None, None, True)
    assert found.to_dict()["verdict"] is None
    assert found.ledger.openings == []
    verdict = found.judge()
    assert found.verdict is verdict is found.judge()
    assert [opening.complete for opening in found.ledger.openings] == [6]
    assert verdict == study.verdict
    np.testing.assert_array_equal(found.losses.test, study.losses.test)
    assert run(tmp_path, sealed=True).verdict == verdict  # nothing is sealed any more


def test_without_test_rows_there_is_a_verdict_and_no_opening(tmp_path):
    found = run(tmp_path, TABLES | {"data": {**SMALL["data"], "test": 0}}, sealed=True)
    assert found.losses.test is None
    assert [warning.code for warning in found.verdict.warnings if warning.code == "no_test_rows"]
    assert found.judge() == found.verdict
    assert found.ledger.openings == []


def test_a_study_without_a_complete_trial_has_no_verdict(tmp_path):
    storage = str(tmp_path / "ledger.journal")
    settings = Settings.parse(TABLES).to_dict()
    StudyLedger.open(open_storage(storage), "small", settings=settings, fingerprint="", versions={})
    found = search.load("small", storage)
    assert (found.selected, found.verdict, len(found.candidates), len(found.trials)) == (None, None, 0, 0)
    assert list(found.figures) == []
    assert found.to_dict()["selected"] is None
    assert "No trial is complete" in found._repr_html_()
    with pytest.raises(UserError, match="has no complete trial yet"):
        found.judge()


def test_where_every_candidate_diverged_all_doors_still_open(tmp_path):
    found = run(tmp_path, TABLES | {"training": {**SMALL["training"], "lr": 1e9, "epochs": 12}})
    assert np.isinf(found.results.validation_loss).all()
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["selected"]["validation_loss"] is None
    assert found.verdict.answer == "cannot tell"
    assert "<table" in found._repr_html_()
    assert found.report(tmp_path / "page.html").is_file()


# Rows that take turns as test rows

ROTATION = OWN | {"data": {"target": "y"}, "split": {"test_folds": 4}}


@pytest.fixture
def rotation(table, tmp_path):
    return run(tmp_path, ROTATION, data=table)


def test_in_a_rotation_every_row_is_a_test_row(rotation, table):
    verdict = rotation.verdict
    assert verdict.test_rows == verdict.basis.rows == len(table)
    assert (verdict.basis.on_test, verdict.basis.scope) == (True, "procedure")
    picks = verdict.rotation.picks
    assert sum(pick.share for pick in picks) == pytest.approx(1)
    assert {pick.candidate for pick in picks} <= set(rotation.results.candidates)
    held = ~np.isnan(rotation.losses.test)
    assert held.sum(axis=(1, 2)).tolist() == [len(table)] * len(rotation.candidates)
    assert verdict.selected.candidate == rotation.selected
    picked = rotation.view.comparison.picked[:, 0]
    each = [np.nanmean(rotation.losses.test[place, turn]) for turn, place in enumerate(picked)]
    assert verdict.selected.test_loss == pytest.approx(np.mean(each), rel=1e-6)  # turns of equal length
    assert "no_test_rows" not in [warning.code for warning in verdict.warnings]


def test_a_rotation_is_json_text_figures_and_a_page(rotation, tmp_path):
    found = json.loads(json.dumps(rotation.to_dict(), allow_nan=False))["verdict"]
    assert found["test_rows"] == 60
    assert sum(pick["share"] for pick in found["rotation"]["picks"]) == pytest.approx(1)
    assert {"agreement", "same_penalty", "shipped"} <= found["rotation"].keys()
    assert found["scores"]["metric"] == "mse"
    assert "each of them a test row of a search that had not seen it" in describe(rotation.verdict)
    assert {"losses", "regret", "rules"} <= set(rotation.figures)
    assert rotation.report(tmp_path / "page.html").is_file()
    assert "<table" in rotation._repr_html_()


def test_a_rotation_goes_on_without_having_opened_anything(rotation, table, tmp_path):
    """Its picks are made anew for each turn, so more trials after a verdict fit no row that judged them."""
    more = run(tmp_path, ROTATION, data=table, trials=12)
    assert len(more.trials) == 12 > len(rotation.trials)
    assert more.verdict.rotation is not None
    assert "test_opened_before" not in [warning.code for warning in more.verdict.warnings]
    assert (more.ledger.openings, more.verdict.opened) == ([], ())


def test_a_rotation_says_the_same_when_it_is_loaded_and_when_it_ran_sealed(rotation, table, tmp_path):
    """Nothing in it is sealed: its rows are judged by searches that had not seen them."""
    loaded = search.load("small", str(tmp_path / "ledger.journal"))
    assert loaded.verdict == rotation.verdict
    closed = run(tmp_path / "sealed", ROTATION, data=table, sealed=True)
    assert closed.verdict == rotation.verdict
    assert closed.judge() == rotation.verdict


def test_several_rotations_judge_every_row_in_each(table, tmp_path):
    found = run(tmp_path, ROTATION | {"split": {"test_folds": 3, "test_repeats": 2}}, data=table)
    assert found.verdict.test_rows == len(table)
    assert found.verdict.basis.replicates == 6
    assert (~np.isnan(found.losses.test[0])).sum(axis=0).tolist() == [2] * len(table)
    assert found.verdict.rotation is not None


def test_a_rotation_of_classes_counts_what_is_right(table, tmp_path):
    labels = pd.Series(np.where(table["y"] > 0, "yes", "no"), name="answer")
    found = run(tmp_path, OWN | {"split": {"test_folds": 4}}, data=(table.drop(columns="y"), labels))
    scores = found.verdict.scores
    assert (scores.metric, found.verdict.test_rows) == ("log_loss", len(table))
    assert scores.baseline_accuracy == pytest.approx(max((labels == "yes").mean(), (labels == "no").mean()))
    assert scores.baseline_accuracy < scores.accuracy <= 1
    json.dumps(found.to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"split": {"test_folds": 2}}, r"split\.test_folds: must be 0 or at least 3 .*, found 2"),
        (
            {"split": {"test_folds": 4}, "training": {"patience": 3}},
            r"training\.patience: would choose the epochs on the rows of test_folds",
        ),
        ({"split": {"test_folds": 4, "test_column": "a"}}, r"split\.test_folds: excludes split\.test_column"),
        ({"split": {"test_folds": 61}}, r"split\.test_folds = 61 needs as many rows .*, found 60"),
    ],
)
def test_a_rotation_that_cannot_be_is_one_line_and_makes_nothing(table, tmp_path, changes, message):
    with pytest.raises(UserError, match=message) as refusal:
        run(tmp_path, ROTATION | changes, data=table)
    assert "\n" not in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


# Confidence, tolerance and scope


def test_the_scope_of_the_study_file_reaches_the_comparison(study, tmp_path):
    file = study_file(tmp_path, training=TABLES["training"], space=SPACE, verdict={"scope": "procedure"})
    found = run(tmp_path, file)
    same_trials(found, study)
    assert found.view.comparison.scope == found.verdict.basis.scope == "procedure"
    assert study.view.comparison.scope == study.verdict.basis.scope == "models"
    expected = Comparison.from_snapshot(found.snapshot, confidence=0.95, tolerance=0.01, scope="procedure")
    assert found.verdict == verdict_of(expected)
    assert "for new rows and for training again" in describe(found.verdict)


def test_a_judgement_may_ask_otherwise_and_what_it_asked_stays(study, storage):
    found = search.load("small", storage)
    asked = found.judge(confidence=0.8, tolerance=0.5, scope="procedure")
    assert (asked.regret.confidence, asked.tolerance, asked.basis.scope) == (0.8, 0.5, "procedure")
    assert found.verdict is asked is found.judge()
    assert found.judge(scope="models").basis.scope == "models"
    assert found.verdict.tolerance == 0.5
    with pytest.raises(UserError, match=r"verdict\.scope"):
        found.judge(scope="model")
    assert search.load("small", storage).verdict == study.verdict
    assert [opening.complete for opening in found.ledger.openings] == [6]


def test_the_command_asks_otherwise_too(study, storage):
    options = ("--tolerance", "0.5", "--confidence", "0.8", "--scope", "procedure")
    found = call("verdict", "small", "--json", "--storage", storage, *options).json
    assert (found["tolerance"], found["regret"]["confidence"]) == (0.5, 0.8)
    refused = call("verdict", "small", "--storage", storage, "--scope", "model")
    assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1)
    assert "verdict.scope" in refused.err


# Progress and Ctrl-C


def changes(values) -> list[int]:
    """The values as they follow each other, none twice in a row."""
    values = list(values)
    return [each for place, each in enumerate(values) if place == 0 or values[place - 1] != each]


def test_progress_is_told_before_the_first_batch_after_every_one_and_to_the_end(tmp_path):
    told = []
    found = run(tmp_path, progress=told.append)
    assert changes(each.finished for each in told) == BATCHES
    assert {each.wanted for each in told} == {6}
    assert told[0].best is told[0].best_loss is None
    fits = [each.fits for each in told]
    assert fits == sorted(fits)
    assert {0, 2 * 3, 2 * len(found.candidates)} <= set(fits)  # a repeated `none` is not trained
    losses = [each.best_loss for each in told if each.best is not None]
    assert losses == sorted(losses, reverse=True)
    assert (told[-1].best, told[-1].best_loss) == (found.selected, found.results.validation_loss.min())
    assert [each.seconds for each in told] == sorted(each.seconds for each in told)
    assert changes(each.stage for each in told) == ["search", "exact", "grid", "seeds", "model", "verdict"]
    assert told[-1].fits == told[-1].fits_wanted == found.ran.fits
    assert all(each.fits <= each.fits_wanted for each in told)
    told.clear()
    run(tmp_path, progress=told.append)
    assert changes((each.finished, each.stage, each.fits_wanted) for each in told) == [
        (6, "search", 0),
        (6, "verdict", 0),
    ]


def test_progress_is_told_within_a_batch(tmp_path, monkeypatch):
    """Here after every epoch: the one batch of three candidates on two replicates moves by half a fit at a time."""
    monkeypatch.setattr("search.runs.tracker.OFTEN", 0.0)
    told = []
    run(tmp_path, progress=told.append, trials=3)
    first = [each.fits for each in told if each.stage == "search" and each.finished == 0]
    assert set(first) > {0, 1, 3, 4}


def test_without_progress_nothing_is_shown(tmp_path, capfd):
    run(tmp_path, progress=False)
    assert capfd.readouterr() == ("", "")


def test_where_no_bar_can_move_there_is_a_line_at_once_and_one_in_the_end(tmp_path, capfd):
    found = run(tmp_path, progress=True)
    shown = capfd.readouterr()
    first, last = shown.err.splitlines()
    assert shown.out == ""
    assert first.startswith("small: searching 0/6 trials, 0 of ")
    assert last.startswith("small: done after")
    assert last.endswith(f"{found.ran.fits} fits")


class Impatient:
    """Presses Ctrl-C when so many trials are finished, and notes what it is told."""

    def __init__(self, finished: int, times: int = 1) -> None:
        self.finished, self.times = finished, times
        self.told = []

    def __call__(self, reached) -> None:
        self.told.append(reached.finished)
        if reached.finished == self.finished and self.told.count(self.finished) == 1:
            for _ in range(self.times):
                os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("finished", BATCHES)
def test_ctrl_c_ends_a_run_after_its_batch_and_the_same_call_goes_on(study, tmp_path, finished):
    before = signal.getsignal(signal.SIGINT)
    impatient = Impatient(finished)
    with pytest.raises(Interrupted, match=f"'small' was stopped: {finished} of 6 trials are finished"):
        run(tmp_path, progress=impatient)
    assert signal.getsignal(signal.SIGINT) is before
    assert changes(impatient.told) == [each for each in BATCHES if each <= finished]
    stopped = search.load("small", str(tmp_path / "ledger.journal"))
    assert stopped.trials["state"].tolist() == ["complete"] * finished
    assert stopped.ledger.openings == []
    same_trials(run(tmp_path), study)


def test_a_second_ctrl_c_ends_at_once_and_loses_nothing_that_was_told(study, tmp_path):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt) as stopped:
        run(tmp_path, progress=Impatient(3, times=2))
    assert not isinstance(stopped.value, Interrupted)
    assert signal.getsignal(signal.SIGINT) is before
    same_trials(run(tmp_path), study)


def test_an_error_in_the_callback_is_the_callers_and_the_study_goes_on(study, tmp_path):
    def broken(reached) -> None:
        if reached.finished:
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        run(tmp_path, progress=broken)
    same_trials(run(tmp_path), study)


def test_an_error_in_the_callback_within_a_batch_is_no_failure_of_its_trials(study, tmp_path, monkeypatch):
    monkeypatch.setattr("search.runs.tracker.OFTEN", 0.0)

    def broken(reached) -> None:
        if reached.fits == 1:
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        run(tmp_path, progress=broken)
    found = run(tmp_path)
    states = found.trials["state"]
    assert not found.trials.loc[states == "complete", "penalty"].isna().any()
    assert states.tolist() == ["failed"] * 3 + ["complete"] * 6
    assert set(found.results.candidates) >= set(study.results.candidates[:1])


def test_a_thread_runs_it_as_well(study, tmp_path):
    done, told = [], []
    thread = threading.Thread(target=lambda: done.append(run(tmp_path, progress=told.append)))
    thread.start()
    thread.join(timeout=60)
    same_trials(done[0], study)
    assert changes(each.finished for each in told) == BATCHES


# Loading


def test_a_study_is_loaded_by_its_name_and_by_its_file(study, storage, tmp_path):
    file = study_file(tmp_path, verdict={"confidence": 0.9, "tolerance": 0.5})
    for given, confidence in (("small", 0.95), (str(file), 0.9), (file, 0.9)):
        found = search.load(given, storage)
        same_trials(found, study)
        assert found.verdict.regret.confidence == confidence
        assert found.ran == (0, 0.0, None)
    assert search.load("small", storage).verdict == study.verdict


def test_trials_losses_and_verdict_are_those_of_the_ledger(study, storage):
    ledger = StudyLedger.load(open_storage(storage), "small")
    assert study.trials.equals(ledger.trials())
    numbers = study.candidates["trial"].tolist()
    np.testing.assert_array_equal(study.losses.test, ledger.results(numbers).test)
    for number, losses in zip(numbers, study.losses.validation, strict=True):
        np.testing.assert_array_equal(losses, ledger.results([number]).validation[0])
    assert study.results.trials[study.snapshot.selected] == ledger.selected() == study.verdict.selected.trial
    assert study.selected == ledger.candidate(ledger.selected())
    assert study.verdict == verdict_of(Comparison.from_snapshot(ledger.snapshot(), confidence=0.95, tolerance=0.01))


def test_candidates_are_the_complete_trials_each_once(study):
    losses = study.candidates.set_index("trial")["validation_loss"]
    trials = study.trials.set_index("trial")["validation_loss"]
    assert losses.tolist() == trials[losses.index].tolist()
    assert len(study.candidates) == len(set(study.results.candidates)) == len(study.losses.validation)


def test_a_sealed_study_is_loaded_without_test_losses_and_stays_sealed(sealed, storage):
    found = search.load("sealed", storage)
    for each in (sealed, found):
        assert each.losses.test is None
        assert each.verdict is None
        assert each.snapshot.evidence.grid.test is None
        assert each.snapshot.evidence.plain is None
        assert "true_risk" not in each.results.criteria
        assert not {"test_loss", "test_se"} & {*each.trials, *each.candidates}
        assert list(each.figures)
        assert "test_loss" not in each._repr_html_()
    assert StudyLedger.load(open_storage(storage), "sealed").openings == []


def test_unknown_studies_and_storages_are_named(study, storage, tmp_path):
    with pytest.raises(UserError, match=r"'smal' is not in .*did you mean 'small'"):
        search.load("smal", storage)
    with pytest.raises(UserError, match="no such storage"):
        search.load("small", str(tmp_path / "none.journal"))


# What it shows


def test_figures_are_drawn_when_asked_for(study):
    assert set(study.figures) <= set(FIGURES)
    assert list(study.figures) == [name for name in FIGURES if name in study.figures]
    assert isinstance(study.figures["losses"], go.Figure)
    assert study.figures.left_out().keys() | set(study.figures) == set(FIGURES)
    with pytest.raises(KeyError, match="no figure 'nonsense'; there are: losses"):
        study.figures["nonsense"]


def test_a_figure_that_does_not_apply_says_what_it_needs(sealed):
    assert "regret" not in sealed.figures
    with pytest.raises(KeyError, match=r"does not apply to this study\. It needs"):
        sealed.figures["regret"]


def test_a_notebook_shows_the_verdict_and_a_table_and_says_how_to_have_figures(study, sealed):
    shown = study._repr_html_()
    first = describe(study.verdict).split("\n")[0]
    assert shown.index("small") < shown.index(escape(first)) < shown.index("<table") < shown.index("study.figures")
    assert len(shown) < 20_000
    assert str(study).split("\n", 1)[0] == "Study small"
    assert str(study).replace("\n", " ").endswith(describe(study.verdict).replace("\n", " "))
    assert "test rows are sealed" in str(sealed)
    assert "test_loss" in shown
    assert "test rows are sealed" in sealed._repr_html_()
    assert repr(study) == "<study 'small': 6 trials>"
    for each, text in ((study, str(study)), (study.verdict, describe(study.verdict))):
        written = Written()
        each._repr_pretty_(written, cycle=False)
        assert written.texts == [text]


class Written:
    """IPython's printer, as far as a display of text needs it."""

    def __init__(self):
        self.texts = []

    def text(self, text):
        self.texts.append(text)


def test_nothing_of_a_study_fills_a_screen_when_it_is_shown(study):
    for each in (study.model(), study.losses, study.results, study.snapshot, study.view, study.figures):
        assert len(repr(each)) < 400, type(each)
        assert "\n" not in repr(each)
    assert repr(study.model()) == f"<linear model of y: {study.selected}, 4 inputs>"
    assert str(study.results.validation.shape) in repr(study.losses)
    assert study.figures._ipython_key_completions_() == list(study.figures)


def test_a_notebook_shows_a_hostile_study_as_text(tmp_path):
    found = run(tmp_path, hostile_file(tmp_path))
    assert found.name == HOSTILE_NAME
    assert HOSTILE_NAME not in found._repr_html_()


def test_its_summary_is_what_the_command_line_prints(study, storage, home):
    file = study_file(home, training=TABLES["training"], space=SPACE)
    printed = call("run", file, "--json", "--quiet", "--storage", storage).json
    expected = json.loads(json.dumps(study.to_dict(), allow_nan=False))
    assert printed.keys() == expected.keys() >= {"study", "storage", "trials", "fits", "seconds", "selected", "verdict"}
    for key in printed.keys() - {"fits", "seconds"}:
        assert printed[key] == expected[key], key
    assert (printed["fits"], expected["fits"]) == (0, study.ran.fits)
    assert expected["trials"] == {"complete": 6, "pruned": 0, "failed": 0}


def test_its_page_is_written_where_it_is_asked_for(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert study.report() == Path("small.html")
    assert study.report(tmp_path / "other.html").read_text() == Path("small.html").read_text()


def test_publishing_leaves_the_verdict_as_the_note_of_the_dashboard(study):
    study.publish()
    assert "It rests on" in get_note(study.ledger.study())
