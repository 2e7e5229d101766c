"""The model that is taken home: what it was trained on, what it predicts from raw rows, and how it is written down."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import torch
from sklearn import datasets
from sklearn.linear_model import LogisticRegression, Ridge
from torch import nn

from search.core.candidate import Candidate
from search.core.errors import UserError
from search.data import load_task
from search.data.columns import tidy_frame
from search.models import make_model
from search.runs.model import Targets, kept_epochs, refit
from search.runs.model_file import decode, encode
from search.settings import Settings
from search.training import train

EXACT = {"training": {"optimizer": "exact"}}
SGD = {"training": {"lr": 0.05, "epochs": 4, "batch_size": 16, "device": "cpu"}}


def houses(rows=80):
    """Numbers and text with missing values; a price, a grade of three, and whether it sold."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": random.normal(100, 20, rows),
            "city": random.choice(["Rome", "Oslo", "Lima"], rows),
            "rooms": random.integers(1, 6, rows),
            "garden": random.random(rows) < 0.5,
            "door": random.choice(["3", "4", "rotary"], rows),
        }
    )
    price = frame["size"] + 10 * frame["rooms"] + 20 * (frame["city"] == "Rome") + random.normal(0, 5, rows)
    frame.loc[::7, "size"] = np.nan
    frame.loc[::9, "city"] = None
    grade = pd.qcut(price, 3, labels=["low", "middle", "high"]).astype(str)
    return frame.assign(price=price, grade=grade, sold=(price > price.median()).astype(int), tax=price / 3)


TARGETS = ("price", "grade", "sold", "tax")


def fitted(target="price", candidate=None, frame=None, *, data=None, **tables):
    targets = [target] if isinstance(target, str) else list(target)
    frame = houses() if frame is None else frame
    frame = frame.drop(columns=[name for name in TARGETS if name in frame and name not in targets])
    data = {"source": "frame", "target": targets, **(data or {})}
    settings = Settings.parse({"name": "houses", "data": data, **(tables or EXACT)})
    return refit(settings, load_task(settings, frame), candidate or Candidate("l2", 0.1))


ALL = {
    "numbers": {"target": "price"},
    "two targets": {"target": ["price", "tax"]},
    "two classes": {"target": "sold"},
    "three classes": {"target": "grade"},
    "powers": {"target": "price", "data": {"degree": 3}},
    "as they are": {"target": "price", "data": {"standardize": False, "clip": False}},
    "all levels are rare": {"target": "price", "data": {"rare": 60}},
    "mlp": {"target": "grade", **SGD, "model": {"kind": "mlp", "hidden": [5, 4], "dropout": 0.2}},
    "own module": {"target": "grade", **SGD, "model": {"kind": "test_model:own_module"}},
}


def own_module(features, outputs):
    return nn.Sequential(nn.Linear(features, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, outputs))


def new_rows():
    """Rows that were not met in training: far numbers, unknown and missing levels."""
    frame = houses(120).iloc[80:].drop(columns=list(TARGETS)).reset_index(drop=True)
    frame.loc[0, ["size", "city"]] = [1e6, "Atlantis"]
    frame.loc[1, "size"] = np.nan
    return frame


# What it is trained on


def test_it_is_the_ridge_of_all_rows():
    model, frame = fitted(), houses()
    x = model.preprocessor.apply(tidy_frame(frame.drop(columns=list(TARGETS)), "frame"))
    ridge = Ridge(alpha=0.1 * len(frame)).fit(x, frame["price"])
    np.testing.assert_allclose(model.predict(frame), ridge.predict(x), rtol=1e-9)
    np.testing.assert_allclose(model.weights()[0][0], ridge.coef_, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("target", ["sold", "grade"])
def test_it_is_the_logistic_regression_of_all_rows(target):
    model, frame = fitted(target), houses()
    x = model.preprocessor.apply(tidy_frame(frame.drop(columns=list(TARGETS)), "frame"))
    logistic = LogisticRegression(C=1 / (0.1 * len(frame)), tol=1e-10, max_iter=5000).fit(x, frame[target])
    np.testing.assert_allclose(model.predict_proba(frame), logistic.predict_proba(x), atol=1e-5)
    np.testing.assert_array_equal(model.predict(frame), logistic.predict(x))
    assert model.predict(frame).dtype.kind == {"sold": "i", "grade": "U"}[target]


@pytest.mark.parametrize("kind", ["linear", "mlp", "test_model:own_module"])
def test_it_is_the_refit_of_a_study_without_test_rows(kind):
    """The same training: with no test rows a study's own refit sees all rows, from the same seed."""
    tables = {
        "name": "a",
        "data": {"source": "linnerud"},
        "split": {"test": 0, "scheme": "kfold"},
        "model": {"kind": kind},
    }
    settings = Settings.parse(tables | SGD)
    task = load_task(settings)
    candidate = Candidate("l1", 0.03)
    whole, model = task.whole(), refit(settings, task, candidate)
    assert torch.equal(whole.rows.x, task.refits[0].train.x)
    if kind == "linear":
        np.testing.assert_allclose(
            model.parameters["0.weight"], train(task, settings, [candidate]).weights[0, -1], rtol=1e-6, atol=1e-7
        )
    x = whole.rows.x.float()
    stacked, buffers = (
        {name: value[None, None] for name, value in each.items()} for each in (model.parameters, model.buffers)
    )
    output = make_model(settings, candidate, x.shape[1], task.outputs).forward(stacked, buffers, x[None], None)[0, 0]
    raw = load_bundled("linnerud")
    np.testing.assert_allclose(model.predict(raw), output, rtol=1e-4, atol=1e-4)


def load_bundled(name):
    return getattr(datasets, f"load_{name}")(as_frame=True).data


def test_early_stopping_trains_the_mean_of_the_kept_epochs():
    tables = {"name": "a", "data": {"source": "diabetes"}, "split": {"scheme": "kfold", "folds": 3}}
    stops = Settings.parse(tables | {"training": SGD["training"] | {"patience": 2, "epochs": 30}})
    candidate = Candidate("l2", 0.01)
    results = train(load_task(stops), stops, [candidate])
    epochs = kept_epochs(stops, results)
    assert epochs == round(results.epochs.mean()) < 30
    fixed = stops.replace({"training.epochs": epochs, "training.patience": 0})
    assert kept_epochs(fixed, results) is None
    one = refit(stops, load_task(stops), candidate, epochs=epochs)
    two = refit(fixed, load_task(fixed), candidate)
    assert torch.equal(one.parameters["0.weight"], two.parameters["0.weight"])


# Its coefficients


@pytest.mark.parametrize("name", ["numbers", "two targets", "two classes", "three classes", "as they are"])
def test_original_coefficients_predict_from_the_raw_numbers(name):
    frame = houses().drop(columns=["city", "door"]).dropna()
    model = fitted(**({"frame": frame} | ALL[name]))
    weight, bias = model.weights(original=True)
    raw = frame[list(model.preprocessor.columns)].to_numpy(float)
    output = raw @ weight.T + bias
    expected = model.predict(frame) if model.targets.kind == "regression" else model.decision_function(frame)
    np.testing.assert_allclose(output.reshape(expected.shape), expected, rtol=1e-9, atol=1e-9)


def test_only_linear_models_have_coefficients():
    for name in ("mlp", "own module"):
        with pytest.raises(UserError, match="has no coefficients; a linear model has") as refusal:
            fitted(**ALL[name]).coefficients()
        assert "\n" not in str(refusal.value)


# New rows


def test_columns_are_found_by_name_and_others_are_left_out():
    model, new = fitted(), new_rows()
    shuffled = new.iloc[:, ::-1].assign(price=1.0, note="?")
    np.testing.assert_array_equal(model.predict(shuffled), model.predict(new))


def test_an_array_has_the_columns_in_the_order_of_training():
    frame = houses()[["size", "rooms", "price"]].dropna()
    model = fitted(frame=frame)
    np.testing.assert_array_equal(model.predict(frame[["size", "rooms"]].to_numpy()), model.predict(frame))
    with pytest.raises(UserError, match='has 3 columns; the model takes 2: "size", "rooms"'):
        model.predict(np.zeros((4, 3)))


def test_a_polars_frame_is_a_frame():
    polars = pytest.importorskip("polars")
    model, new = fitted(), new_rows()
    np.testing.assert_array_equal(model.predict(polars.from_pandas(new)), model.predict(new))


def test_each_row_is_predicted_by_itself():
    model, new = fitted("grade"), new_rows()
    alone = np.concatenate([model.predict_proba(new.iloc[[row]]) for row in range(len(new))])
    np.testing.assert_allclose(alone, model.predict_proba(new), rtol=1e-12)
    assert model.predict(new.set_index(new["rooms"])).tolist() == model.predict(new).tolist()


@pytest.mark.parametrize("value", [3, 3.0, "3"])
def test_a_level_that_looks_like_a_number_is_found_again(value):
    model, new = fitted(), new_rows()
    expected = model.predict(new.assign(door=np.array(["3"] * len(new), dtype=object)))
    np.testing.assert_array_equal(model.predict(new.assign(door=value)), expected)
    some = pd.Series([value] * len(new), dtype=object if isinstance(value, str) else float).where(new.index > 0)
    np.testing.assert_array_equal(model.predict(new.assign(door=some))[1:], expected[1:])


def test_missing_and_unknown_are_as_in_training():
    model, new = fitted(data={"rare": 30}), new_rows().iloc[:1]
    assert "city=(rare)" in model.preprocessor.features
    (rare,) = (levels.rare for levels in model.preprocessor.text if levels.name == "city")
    unknown, known = model.predict(new.assign(city="Atlantis")), model.predict(new.assign(city=rare[0]))
    assert unknown == known
    median = houses()["size"].median()
    np.testing.assert_array_equal(model.predict(new.assign(size=np.nan)), model.predict(new.assign(size=median)))
    far, end = new.assign(size=1e9), new.assign(size=houses()["size"].max())
    np.testing.assert_array_equal(model.predict(far), model.predict(end))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda new: new.drop(columns=["city", "size"]), 'lacks "size", "city" of the 5 columns'),
        (lambda new: new.assign(size="big"), 'column "size" holds text, the first "big" in row 1'),
        (lambda new: new.assign(size=np.inf), 'column "size" is infinite'),
        (lambda new: new.assign(size=pd.Timestamp("2020-01-01")), 'column "size" holds datetime64'),
        (lambda new: new.assign(city=pd.Timestamp("2020-01-01")), 'column "city" holds datetime64'),
        (lambda new: new.iloc[:0], "has no rows"),
        (lambda new: new.to_numpy()[:, :3], "has 3 columns; the model takes 5"),
        (lambda new: new.to_numpy()[0], "with shape"),
    ],
)
def test_what_cannot_be_predicted_is_one_line(change, message):
    with pytest.raises(UserError, match=message) as refusal:
        fitted().predict(change(new_rows()))
    assert "\n" not in str(refusal.value)


def test_probabilities_need_classes():
    for name in ("predict_proba", "decision_function"):
        with pytest.raises(UserError, match=f"{name}: needs classes"):
            getattr(fitted(), name)(new_rows())


@pytest.mark.parametrize("name", ["two classes", "three classes", "mlp", "own module"])
def test_probabilities_logits_and_labels_agree(name):
    model, new = fitted(**ALL[name]), new_rows()
    shares, logits = model.predict_proba(new), model.decision_function(new)
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-6)
    assert model.predict(new).tolist() == np.array(model.targets.labels)[shares.argmax(1)].tolist()
    if logits.ndim == 1:
        np.testing.assert_allclose(shares[:, 1], 1 / (1 + np.exp(-logits)), rtol=1e-12)
    else:
        np.testing.assert_allclose(np.log(shares[:, :1] / shares), logits[:, :1] - logits, rtol=1e-5, atol=1e-5)


# Data that are no table


def test_drawn_data_are_known_by_the_names_of_their_columns():
    settings = Settings.parse({"name": "a", "data": {"source": "synthetic_linear", "features": 3}, **SGD})
    task = load_task(settings)
    model, whole = refit(settings, task, Candidate("l2", 0.1)), task.whole()
    assert torch.equal(whole.rows.x, task.splits[0].train.x)
    x = whole.rows.x.numpy()
    frame = pd.DataFrame(x, columns=["x0", "x1", "x2"])
    np.testing.assert_array_equal(model.predict(frame[["x2", "x0", "x1"]]), model.predict(x))
    np.testing.assert_allclose(model.predict(x), x @ model.weights()[0][0] + model.weights()[1], rtol=1e-9)


# As a file, as a pipeline


@pytest.mark.parametrize("name", ALL)
def test_bytes_and_back_predict_the_same(name):
    model, new = fitted(**ALL[name]), new_rows()
    again = decode(encode(model))
    np.testing.assert_array_equal(again.predict(new), model.predict(new))
    assert (again.candidate, again.settings, again.targets) == (model.candidate, model.settings, model.targets)
    assert encode(again) == encode(model)


def test_a_file_of_another_format_is_refused():
    body = encode(fitted()).replace(b"lambda-search model 1", b"lambda-search model 9")
    with pytest.raises(UserError, match='is of the format "lambda-search model 9"'):
        decode(body)


@pytest.mark.parametrize("name", [name for name in ALL if name not in ("mlp", "own module")])
def test_scikit_learns_pipeline_predicts_the_same(name):
    model, new = fitted(**ALL[name]), tidy_frame(new_rows(), "new")
    body = pickle.dumps(model.to_sklearn())
    assert b"search.runs" not in body, "it needs nothing of ours"
    assert b"search.data" not in body
    pipeline = pickle.loads(body)
    if model.targets.kind == "regression":
        np.testing.assert_allclose(pipeline.predict(new), model.predict(new), rtol=1e-10)
        return
    np.testing.assert_array_equal(pipeline.predict(new), model.predict(new))
    np.testing.assert_allclose(pipeline.predict_proba(new), model.predict_proba(new), atol=1e-12)
    np.testing.assert_allclose(pipeline.decision_function(new), model.decision_function(new), rtol=1e-10, atol=1e-12)


def test_scikit_learns_pipeline_takes_none_for_missing_text():
    model, new = fitted(), tidy_frame(new_rows(), "new")
    mixed = new.assign(city=pd.Series([None, np.nan, "Rome", "Oslo"] * len(new), dtype=object)[: len(new)])
    np.testing.assert_allclose(model.to_sklearn().predict(mixed), model.predict(mixed), rtol=1e-10)


def test_an_mlp_is_no_scikit_learn_pipeline():
    with pytest.raises(UserError, match="mlp has no coefficients"):
        fitted(**ALL["mlp"]).to_sklearn()


@pytest.fixture
def ready(make_task):
    """A task of one's own with two classes, and settings for it."""
    settings = Settings.parse({"name": "a", "data": {"source": "m:f"}, **EXACT})
    return make_task("binary", features=3, draws=1, refit=True), settings


def test_a_ready_task_is_trained_on_every_row_that_it_holds(ready):
    task, settings = ready
    model, whole = refit(settings, task, Candidate("l2", 0.1)), task.whole()
    assert len(whole.rows) == 20 + 30 + 40
    logistic = LogisticRegression(C=1 / (0.1 * 90), tol=1e-10, max_iter=5000).fit(whole.rows.x, whole.rows.y)
    np.testing.assert_allclose(model.weights()[0], logistic.coef_, rtol=1e-5)
    assert model.predict(whole.rows.x.numpy()).tolist() == logistic.predict(whole.rows.x).tolist()


class Tokens(nn.Module):
    """Looks integers up and averages."""

    def __init__(self, outputs):
        super().__init__()
        self.table, self.head = nn.Embedding(5, 3), nn.Linear(3, outputs)

    def forward(self, x):
        return self.head(self.table(x).mean(1))


def tokens(module=None, kind="int64"):
    """A model of rows that are no table: four token ids."""
    of_rows = {"preprocessor": None, "inputs": (4,), "input_type": kind, "targets": Targets("regression", ("a", "b"))}
    own = replace(fitted(), **of_rows)
    own.__dict__["module"] = Tokens(2) if module is None else module
    return own


def test_rows_that_are_no_table_are_arrays_of_their_shape_and_type():
    """No preprocessing, integers stay integers, and another shape is refused."""
    own, x = tokens(), np.random.default_rng(0).integers(0, 5, (7, 4))
    np.testing.assert_array_equal(own.predict(x), own.module(torch.from_numpy(x)).detach().numpy())
    with pytest.raises(UserError, match=r"has the shape \(7, 3\); the model takes \('rows', 4\)"):
        own.predict(x[:, :3])


def said_by_onnx(model, x):
    return onnxruntime.InferenceSession(model.to_onnx()).run(None, model.raw_inputs(x))


@pytest.mark.rest
def test_onnx_of_own_modules_says_the_same():
    """One behind a preprocessing, in single precision; one of token ids."""
    model, new = fitted(**ALL["own module"]), new_rows()
    np.testing.assert_allclose(said_by_onnx(model, new)[1], model.predict_proba(new), rtol=1e-4, atol=1e-6)
    x = np.random.default_rng(0).integers(0, 5, (7, 4))
    own = tokens()
    np.testing.assert_allclose(said_by_onnx(own, x)[0], own.predict(x), rtol=1e-5, atol=1e-6)


@pytest.mark.rest
def test_a_module_that_torch_cannot_export_is_one_line():
    class Stubborn(nn.Module):
        def forward(self, x):
            return x.sum(1, keepdim=True) if float(x.sum()) > 0 else x[:, :1]

    with pytest.raises(UserError, match="--onnx: torch cannot export this model") as refusal:
        tokens(Stubborn(), "float64").to_onnx()
    assert "\n" not in str(refusal.value)
