"""The estimators beside scikit-learn's own, and in its manners."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris, load_linnerud
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    RepeatedKFold,
    ShuffleSplit,
    TimeSeriesSplit,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import search
from search import LambdaSearchClassifier, LambdaSearchRegressor

QUICK = {"trials": 7, "cv": 3}


@pytest.fixture(scope="module")
def diabetes():
    x, y = load_diabetes(return_X_y=True)
    return 3 + 100 * x[:150], y[:150]


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def houses():
    """Numbers with holes, text with holes, a column without values, and prices."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"area": random.normal(100, 20, 90), "town": random.choice(["a", "b", "c"], 90)})
    frame["empty"] = np.nan
    price = frame["area"] + 30 * (frame["town"] == "a") + random.normal(0, 5, 90)
    frame.loc[::9, "area"], frame.loc[::7, "town"] = np.nan, None
    return frame, price.to_numpy()


@pytest.mark.parametrize(
    ("penalty", "extra", "reference"),
    [
        ("l1", {}, Lasso(alpha=0.5, tol=1e-9)),
        ("l2", {}, Ridge(alpha=0.5 * 150)),
        ("elastic_net", {"l1_ratio": [0.3]}, ElasticNet(alpha=0.5, l1_ratio=0.3, tol=1e-9)),
    ],
)
def test_one_lambda_gives_the_fit_of_scikit_learn(diabetes, penalty, extra, reference):
    x, y = diabetes
    found = LambdaSearchRegressor(penalty=penalty, lambdas=[0.5], cv=3, **extra).fit(x, y)
    pipeline = make_pipeline(StandardScaler(), reference).fit(x, y)
    assert found.lambda_ == 0.5
    assert_allclose(found.predict(x), pipeline.predict(x), rtol=1e-5)
    assert found.score(x, y) == pytest.approx(pipeline.score(x, y), abs=1e-6)


def test_one_lambda_of_a_classifier_gives_the_fit_of_scikit_learn(iris):
    x, y = iris
    found = LambdaSearchClassifier(penalty="l2", lambdas=[0.01], cv=3).fit(x, y)
    logistic = LogisticRegression(C=1 / (0.01 * len(x)), tol=1e-9, max_iter=1000)
    pipeline = make_pipeline(StandardScaler(), logistic).fit(x, y)
    assert_allclose(found.predict_proba(x), pipeline.predict_proba(x), atol=1e-5)
    assert (found.predict(x) == pipeline.predict(x)).all()


def test_results_are_those_of_a_grid_search(diabetes):
    x, y = diabetes
    alphas, cv = [0.1, 1.0, 10.0], KFold(3)
    grid = GridSearchCV(
        make_pipeline(StandardScaler(), Lasso(tol=1e-8, max_iter=10**6)),
        {"lasso__alpha": alphas},
        cv=cv,
        scoring="neg_mean_squared_error",
    ).fit(x, y)
    found = LambdaSearchRegressor(penalty="l1", lambdas=alphas, cv=cv).fit(x, y)
    ours, theirs = found.cv_results_, grid.cv_results_
    assert theirs.keys() - {"param_lasso__alpha"} <= ours.keys()
    order = np.argsort([each["lambda"] for each in ours["params"]])
    for name in ("split0_test_score", "split2_test_score", "mean_test_score", "std_test_score", "rank_test_score"):
        assert_allclose(ours[name][order], theirs[name], rtol=1e-4)
    assert found.best_params_ == {"penalty": "l1", "lambda": grid.best_params_["lasso__alpha"]}
    assert found.best_score_ == ours["mean_test_score"][found.best_index_] == ours["mean_test_score"].max()
    assert ours["params"][found.best_index_] == found.best_params_
    assert found.n_splits_ == 3


def test_parameters_that_a_candidate_does_not_have_are_masked(diabetes):
    found = LambdaSearchRegressor(penalty=["none", "elastic_net"], trials=4, cv=3).fit(*diabetes)
    own = found.cv_results_
    assert own["param_lambda"].mask.tolist() == [name == "none" for name in own["param_penalty"]]
    assert own["param_l1_ratio"].mask.sum() == 1


@pytest.mark.rest
@pytest.mark.parametrize("standardize", [True, False])
def test_coefficients_predict(diabetes, iris, standardize):
    x, y = diabetes
    x = np.column_stack([x, np.ones(len(x))])  # a constant column
    pairs = [(x, y), (x, np.column_stack([y, -y])), (load_linnerud().data, load_linnerud().target)]
    for inputs, target in pairs:
        found = LambdaSearchRegressor(**QUICK, standardize=standardize).fit(inputs, target)
        assert_allclose(inputs @ found.coef_.T + found.intercept_, found.predict(inputs), rtol=1e-9)
        assert found.coef_.shape == (*np.shape(target)[1:], inputs.shape[1])
    x, y = iris
    for rows in (slice(0, 100), slice(None)):
        found = LambdaSearchClassifier(**QUICK, penalty="l2", standardize=standardize).fit(x[rows], y[rows])
        logits = x @ found.coef_.T + found.intercept_
        assert_allclose(np.squeeze(logits), found.decision_function(x), atol=1e-9)
        assert_allclose(np.log(found.predict_proba(x)), found.predict_log_proba(x))


def test_a_frame_of_any_kind_with_text_and_holes(houses):
    frame, price = houses
    found = LambdaSearchRegressor(**QUICK).fit(frame, price)
    assert found.feature_names_in_.tolist() == ["area", "town", "empty"]
    assert found.coef_names_.tolist() == ["area", "town=(missing)", "town=a", "town=b", "town=c"]
    assert found.coef_.shape == (5,)
    assert found.score(frame, price) > 0.6
    polar = pl.from_pandas(frame)
    assert_allclose(LambdaSearchRegressor(**QUICK).fit(polar, pl.Series(price)).predict(polar), found.predict(frame))
    assert_allclose(found.predict(polar), found.predict(frame))
    with pytest.raises(ValueError, match="feature names"):
        found.predict(frame[["town", "area", "empty"]])
    numbers = LambdaSearchRegressor(**QUICK).fit(frame[["empty", "area"]], price)
    assert numbers.coef_names_.tolist() == ["empty", "area"]
    assert numbers.coef_[0] == 0
    whole = frame[["empty", "area"]].fillna(0.0)
    assert_allclose(whole.to_numpy() @ numbers.coef_ + numbers.intercept_, numbers.predict(whole))


def test_labels_come_back_as_they_were_given(iris):
    x, y = iris
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    by_name = LambdaSearchClassifier(**QUICK, penalty="l2").fit(x, pd.Series(names))
    by_number = LambdaSearchClassifier(**QUICK, penalty="l2").fit(x, y)
    assert by_name.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert (by_name.predict(x) == np.array(by_name.classes_)[by_number.predict(x)]).all()
    assert by_name.predict_proba(x).argmax(1).tolist() == by_number.predict(x).tolist()


# Rows that count more or less


@pytest.mark.rest
@pytest.mark.parametrize("estimator", [LambdaSearchRegressor, LambdaSearchClassifier])
def test_weights_are_repetitions_and_absences(diabetes, estimator):
    x, y = diabetes
    x, y = x[:90], y[:90] if estimator is LambdaSearchRegressor else y[:90] > 130
    weight = np.random.default_rng(0).integers(0, 3, 90)
    fold = np.arange(90) % 3
    splits = [(np.flatnonzero(fold != each), np.flatnonzero(fold == each)) for each in range(3)]
    again = np.repeat(np.arange(90), weight)
    repeated = [(np.flatnonzero(fold[again] != each), np.flatnonzero(fold[again] == each)) for each in range(3)]
    own = {"penalty": ["l1", "l2"], "trials": 10}
    one = estimator(**own, cv=splits).fit(x, y, weight)
    other = estimator(**own, cv=repeated).fit(x[again], y[again])
    assert one.best_params_ == pytest.approx(other.best_params_)
    assert one.best_score_ == pytest.approx(other.best_score_, rel=1e-6)
    assert_allclose(one.coef_, other.coef_, atol=1e-5)
    assert one.score(x, y, weight) == pytest.approx(other.score(x[again], y[again]))
    present = weight > 0
    place = np.cumsum(present) - 1
    left = [(place[t[present[t]]], place[h[present[h]]]) for t, h in splits]
    absent = estimator(**own, cv=left).fit(x[present], y[present], weight[present])
    assert_allclose(absent.coef_, one.coef_, atol=1e-12)


# Splits


def test_a_partition_rotates_and_other_splits_validate(diabetes):
    x, y = diabetes
    rotated = LambdaSearchRegressor(**QUICK).fit(x, y)
    assert rotated.verdict_.test_rows == len(x)
    assert rotated.study_.view.verdict is rotated.verdict_
    repeated = LambdaSearchRegressor(trials=7, cv=RepeatedKFold(n_splits=3, n_repeats=2, random_state=0)).fit(x, y)
    assert (repeated.n_splits_, repeated.verdict_.test_rows) == (6, len(x))
    for cv in (TimeSeriesSplit(3), ShuffleSplit(3, random_state=0), 2):
        found = LambdaSearchRegressor(trials=7, cv=cv).fit(x, y)
        assert "no_test_rows" in {each.code for each in found.verdict_.warnings}
        assert found.predict(x).shape == y.shape


def test_groups_stay_apart(diabetes):
    x, y = diabetes
    groups = np.arange(len(x)) // 3
    by_splitter = LambdaSearchRegressor(trials=7, cv=GroupKFold(3)).fit(x, y, groups=groups)
    assert by_splitter.verdict_.test_rows == len(x)
    assert by_splitter.verdict_.groups == len(np.unique(groups))  # the verdict's sample
    found = LambdaSearchRegressor(**QUICK).fit(x, y, groups=groups)
    held = ~np.isnan(found.study_.results.validation[0])
    assert (held.reshape(3, -1, 3) == held.reshape(3, -1, 3)[:, :, :1]).all()
    with pytest.raises(ValueError, match="inconsistent"):
        LambdaSearchRegressor(**QUICK).fit(x, y, groups=groups[1:])


def test_metadata_are_routed(diabetes):
    x, y = diabetes
    groups = np.arange(len(x)) // 3
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = LambdaSearchRegressor(trials=7, cv=GroupKFold(3)).set_fit_request(groups=True, sample_weight=False)
        scores = cross_validate(
            make_pipeline(StandardScaler(), estimator), x, y, cv=GroupKFold(2), params={"groups": groups}
        )
    assert len(scores["test_score"]) == 2
    pipeline = make_pipeline(StandardScaler(), LambdaSearchRegressor(trials=7, cv=GroupKFold(3)))
    assert pipeline.fit(x, y, lambdasearchregressor__groups=groups).predict(x).shape == y.shape


# Manners


def test_clone_pickle_pipeline_and_a_search_around_it(diabetes):
    x, y = diabetes
    estimator = LambdaSearchRegressor(**QUICK, penalty=["l1", "l2"], random_state=np.random.RandomState(3))
    assert clone(estimator).get_params().keys() == estimator.get_params().keys()
    found = clone(estimator).set_params(n_jobs=1, random_state=3).fit(x, y)
    back = pickle.loads(pickle.dumps(found))
    assert_allclose(back.predict(x), found.predict(x))
    assert back.verdict_.to_dict() == found.verdict_.to_dict()
    assert len(back.study_.trials) == len(found.cv_results_["params"])
    around = GridSearchCV(
        make_pipeline(StandardScaler(), LambdaSearchRegressor(**QUICK)),
        {"lambdasearchregressor__penalty": ["l1", "l2"]},
        cv=2,
    )
    assert around.fit(x, y).predict(x).shape == y.shape
    with pytest.raises(NotFittedError):
        estimator.predict(x)


def test_a_seed_decides_the_folds(diabetes):
    x, y = diabetes
    fits = [LambdaSearchRegressor(**QUICK, random_state=seed).fit(x, y) for seed in (1, 1, 2)]
    scores = [each.cv_results_["split0_test_score"] for each in fits]
    assert_allclose(scores[0], scores[1])
    assert not np.allclose(scores[0], scores[2])


def test_nothing_is_written_unless_asked(diabetes, tmp_path, monkeypatch):
    x, y = diabetes
    monkeypatch.chdir(tmp_path)
    in_memory = LambdaSearchRegressor(**QUICK).fit(x, y)
    assert list(tmp_path.iterdir()) == []
    kept = LambdaSearchRegressor(**QUICK, storage="ledger.journal").fit(x, y)
    study = search.load(kept.study_.name, storage="ledger.journal")
    frame = pd.DataFrame(x, columns=[f"x{index}" for index in range(x.shape[1])])
    assert_allclose(study.model().predict(frame), kept.predict(x), rtol=0)
    assert_allclose(in_memory.predict(x), kept.predict(x), rtol=0)
    assert study.verdict.to_dict() == kept.verdict_.to_dict()
    again = LambdaSearchRegressor(**QUICK, storage="ledger.journal").fit(x, y)
    assert (again.study_.ran.fits, again.study_.name) == (0, kept.study_.name)
    other = LambdaSearchRegressor(**QUICK, storage="ledger.journal").fit(x[1:], y[1:])
    assert other.study_.name != kept.study_.name


def test_other_settings_of_a_study_reach_it(diabetes):
    x, y = diabetes
    sgd = {"training.optimizer": "sgd", "training.lr": 0.05, "training.epochs": 60, "training.batch_size": 0}
    descended = LambdaSearchRegressor(penalty="l2", lambdas=[0.1], cv=3, settings=sgd).fit(x, y)
    exact = LambdaSearchRegressor(penalty="l2", lambdas=[0.1], cv=3).fit(x, y)
    assert np.corrcoef(descended.predict(x), exact.predict(x))[0, 1] > 0.98
    mlp = sgd | {"model.kind": "mlp", "model.hidden": [4], "training.epochs": 3}
    deep = LambdaSearchRegressor(penalty="l2", lambdas=[0.1], cv=3, settings=mlp).fit(x, y)
    assert not hasattr(deep, "coef_")
    assert np.isfinite(deep.predict(x)).all()
    squares = LambdaSearchRegressor(penalty="l2", trials=5, cv=3, settings={"data.degree": 2}).fit(x[:, :2], y)
    assert squares.coef_names_.tolist() == ["x0", "x1", "x0^2", "x0 x1", "x1^2"]


def test_a_range_and_another_sampler(diabetes):
    found = LambdaSearchRegressor(lambdas={"low": 0.01, "high": 1.0}, sampler="random", **QUICK).fit(*diabetes)
    strengths = [each["lambda"] for each in found.cv_results_["params"] if "lambda" in each]
    assert 0.01 <= min(strengths) < max(strengths) <= 1.0


def test_targets_that_no_input_is_related_to(diabetes):
    x, _ = diabetes
    constant = LambdaSearchRegressor(**QUICK).fit(x, np.full(len(x), 4.0))
    assert_allclose(constant.predict(x), 4.0)
    assert_allclose(constant.coef_, 0.0, atol=1e-12)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"penalty": "l3"}, "l3"),
        ({"metric": "log_loss"}, "log_loss"),
        ({"penalty": "mcp"}, "not convex"),
        ({"settings": {"training.speed": 1}}, "speed"),
        ({"lambdas": [-1.0]}, "above 0"),
    ],
)
def test_what_is_not_valid_is_said_in_one_line(diabetes, changes, says):
    with pytest.raises(search.UserError, match=says) as caught:
        LambdaSearchRegressor(**QUICK | changes).fit(*diabetes)
    assert isinstance(caught.value, ValueError)
    assert "\n" not in str(caught.value)


def test_folds_and_targets_that_scikit_learn_refuses_are_user_errors_too(diabetes):
    x, y = diabetes
    for given, says in (
        (lambda: LambdaSearchRegressor(cv=1).fit(x, y), "cv: .*n_splits=1"),
        (lambda: LambdaSearchRegressor(cv=5).fit(x[:4], y[:4]), "cv: .*n_samples=4"),
        (lambda: LambdaSearchRegressor().fit(x, np.where(y > 100, np.nan, y)), "y: .*NaN"),
        (lambda: LambdaSearchRegressor().fit(x, np.char.add(y.astype(str), "a")), "y: "),
        (lambda: LambdaSearchClassifier().fit(x, y + 0.5), "y: Unknown label type"),
    ):
        with pytest.raises(search.UserError, match=says) as caught:
            given()
        assert isinstance(caught.value, ValueError)
        assert "\n" not in str(caught.value)


def test_classes_need_to_be_two(iris):
    with pytest.raises(ValueError, match="1 class"):
        LambdaSearchClassifier(**QUICK).fit(iris[0][:50], iris[1][:50])
    with pytest.raises(ValueError, match="NaN"):
        LambdaSearchClassifier(**QUICK).fit(iris[0], np.where(iris[1] == 0, None, "a"))
