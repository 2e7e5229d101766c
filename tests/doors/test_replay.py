"""A fitted scikit-learn search: its folds replayed in plain loops give the same losses, picks and verdict."""

from __future__ import annotations

import warnings
from collections import Counter
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_linnerud
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Lasso, LogisticRegression, Ridge, RidgeClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    KFold,
    LeaveOneOut,
    PredefinedSplit,
    RandomizedSearchCV,
    RepeatedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

import search
from search.core.errors import UserError
from search.core.evidence import Evidence
from search.core.groups import Groups
from search.core.text import number
from search.doors.row_losses import row_losses
from search.doors.tried import Tried
from search.verdict.text import describe

ALPHAS = [0.01, 0.1, 1.0, 10.0]
MSE = "neg_mean_squared_error"


@pytest.fixture(scope="module")
def table():
    """440 rows: five equal folds of 60, and 140 test rows."""
    x, y = load_diabetes(return_X_y=True)
    return (x[:300], y[:300]), (x[300:440], y[300:440])


@pytest.fixture(scope="module")
def ridge(table):
    return GridSearchCV(Ridge(), {"alpha": ALPHAS}, scoring=MSE).fit(*table[0])


def frame(alphas=ALPHAS):
    return pd.DataFrame({"penalty": "alpha", "lambda": alphas})


def plain_losses(folds, x, y, alphas=ALPHAS):
    """(candidates, folds, rows) of squared errors, NaN where a row trains."""
    losses = np.full((len(alphas), len(folds), len(y)), np.nan)
    for place, alpha in enumerate(alphas):
        for fold, (train, held) in enumerate(folds):
            losses[place, fold, held] = (Ridge(alpha=alpha).fit(x[train], y[train]).predict(x[held]) - y[held]) ** 2
    return losses


def codes(verdict):
    return {warning.code for warning in verdict.warnings}


def same(one, other):
    """The same figures; the parts that only a replay knows, its candidates' label included, are left out."""
    assert one.regret == other.regret
    assert one.answer == other.answer
    assert one.confidence_set == other.confidence_set
    assert one.does_it_matter == other.does_it_matter
    assert one.selected == other.selected
    assert one.optimism == other.optimism
    assert one.rows_needed == other.rows_needed


def test_the_validation_loss_is_the_search_s_own_score(ridge, table):
    found = search.judge_cv(ridge, *table[0], test=table[1])
    assert found.selected.validation_loss == pytest.approx(-ridge.best_score_, rel=1e-10)
    for rule in found.rules:
        [place] = np.flatnonzero(np.array(ALPHAS) == rule.candidate.lambda_)
        assert rule.candidate.penalty == "alpha"
        if rule.rule == "argmin":
            assert place == ridge.best_index_ == found.selected.trial
    assert found.warnings == ()


def test_with_test_rows_the_verdict_is_that_of_plain_loops(ridge, table):
    (x, y), (x_test, y_test) = table
    validation = plain_losses(list(KFold(5).split(x)), x, y)
    test = np.array([(Ridge(alpha=alpha).fit(x, y).predict(x_test) - y_test) ** 2 for alpha in ALPHAS])
    found = search.judge_cv(ridge, x, y, test=(x_test, y_test), tolerance=0.02, confidence=0.9)
    same(found, search.judge(validation, test, frame(), tolerance=0.02, confidence=0.9))
    assert found.scores.r2 == pytest.approx(1 - found.selected.test_loss / np.mean((y_test - y.mean()) ** 2))


def test_without_test_rows_the_picks_are_those_of_nested_loops(ridge, table):
    """Each fold's pick comes from models that were fitted without it, on the four other folds in turn."""
    x, y = table[0]
    folds = list(KFold(5).split(x))
    losses, picked = plain_losses(folds, x, y), np.zeros(len(y), dtype=int)
    for _, own in folds:
        means = np.zeros(len(ALPHAS))
        for _, other in folds:
            if other is not own:
                train = np.setdiff1d(np.arange(len(y)), np.concatenate([own, other]))
                means += np.nanmean(plain_losses([(train, other)], x, y), axis=(1, 2))
        picked[own] = means.argmin()
    pooled = np.nanmean(losses, axis=1)
    found = search.judge_cv(ridge, x, y)
    expected = search.judge(pooled, pooled, frame(), selected=picked)
    assert found.selected.test_loss == pytest.approx(expected.selected.test_loss)
    assert found.rotation.agreement == pytest.approx(expected.rotation.agreement)
    for name in ("estimate", "upper", "relative_upper"):
        assert getattr(found.regret, name) == pytest.approx(getattr(expected.regret, name))
    assert found.test_rows == 300
    assert found.selected.trial == ridge.best_index_


@pytest.mark.parametrize(
    ("cv", "turns"),
    [
        (KFold(4, shuffle=True, random_state=1), 4),
        (RepeatedKFold(n_splits=3, n_repeats=2, random_state=0), 6),
        (PredefinedSplit(np.arange(300) % 3), 3),
        ([(np.arange(150, 300), np.arange(150)), (np.arange(150), np.arange(150, 300))], 0),
        (ShuffleSplit(4, random_state=0), 0),
        (TimeSeriesSplit(4), 0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_folds_that_partition_the_rows_take_turns_and_others_are_said_not_to(cv, turns, table):
    fitted = GridSearchCV(Ridge(), {"alpha": ALPHAS}, cv=cv, scoring=MSE).fit(*table[0])
    found = search.judge_cv(fitted, *table[0])
    assert (found.rotation is not None) == bool(turns)
    assert found.basis.replicates == fitted.n_splits_
    assert ("no_rotation" in codes(found)) == ("no_test_rows" in codes(found)) == (not turns)
    scores = [fitted.cv_results_[f"split{fold}_test_score"] for fold in range(fitted.n_splits_)]
    counts = [len(held) for _, held in Tried.of(fitted, None).folds(*table[0], None)]
    pooled = -np.average(scores, axis=0, weights=counts)
    assert found.selected.validation_loss == pytest.approx(pooled[fitted.best_index_], rel=1e-10)


def test_too_many_folds_do_not_take_turns():
    x, y = load_diabetes(return_X_y=True)
    fitted = GridSearchCV(Ridge(), {"alpha": ALPHAS}, cv=LeaveOneOut(), scoring=MSE).fit(x[:30], y[:30])
    found = search.judge_cv(fitted, x[:30], y[:30])
    assert "no_rotation" in codes(found)
    assert found.basis.rows == 30


# Which searches


def test_candidates_of_a_random_search(table):
    space = {"alpha": [0.1, 1.0, 10.0, np.float64(100)], "fit_intercept": [True, False], "solver": ["svd", "cholesky"]}
    fitted = RandomizedSearchCV(Ridge(), space, n_iter=6, random_state=0, cv=3, return_train_score=True).fit(*table[0])
    found = search.judge_cv(fitted, *table[0])
    best = fitted.best_params_
    assert found.selected.lambda_ == best["alpha"]
    assert found.selected.candidate["solver"] == best["solver"]
    assert found.basis.candidates == 6
    assert "other_scoring" not in codes(found)  # R² ranks as squared errors do


@pytest.mark.parametrize("kind", [HalvingGridSearchCV, HalvingRandomSearchCV])
def test_halving_is_replayed_on_all_rows(kind, table):
    few = {"n_candidates": 9} if kind is HalvingRandomSearchCV else {}
    space = {"alpha": list(np.geomspace(0.01, 10, 9))}
    fitted = kind(Ridge(), space, cv=3, random_state=0, scoring=MSE, **few).fit(*table[0])
    found = search.judge_cv(fitted, *table[0])
    tried = {params["alpha"] for params in fitted.cv_results_["params"]}
    assert found.basis.candidates == len(tried) < len(fitted.cv_results_["params"])
    assert found.selected.lambda_ == fitted.best_params_["alpha"]
    losses = plain_losses(list(KFold(3).split(table[0][0])), *table[0], [fitted.best_params_["alpha"]])
    assert found.selected.validation_loss == pytest.approx(np.nanmean(losses))


def test_halving_of_iterations_replays_with_the_last_round_s(table):
    model = HistGradientBoostingRegressor(max_leaf_nodes=4, early_stopping=False)
    space = {"l2_regularization": [0.0, 1.0, 100.0]}
    fitted = HalvingGridSearchCV(model, space, resource="max_iter", min_resources=2, max_resources=6, cv=3, factor=3)
    fitted.fit(*table[0])
    settings = Tried.of(fitted, None).settings
    assert {each["max_iter"] for each in settings} == {fitted.n_resources_[-1]} == {6}
    found = search.judge_cv(fitted, *table[0])
    assert found.basis.candidates == 3
    assert "max_iter" not in found.selected.candidate
    assert {part.penalty for part in found.confidence_set} <= {"none", "l2_regularization"}


def test_optuna_s_search(table):
    optuna_integration = pytest.importorskip("optuna_integration")
    from optuna.distributions import FloatDistribution

    space = {"alpha": FloatDistribution(1e-3, 10, log=True)}
    with warnings.catch_warnings(action="ignore"):  # it is experimental, and uses what Optuna deprecates
        fitted = optuna_integration.OptunaSearchCV(Ridge(), space, cv=3, n_trials=6, random_state=0, scoring=MSE)
        fitted.fit(*table[0])
    found = search.judge_cv(fitted, *table[0])
    assert found.selected.trial == fitted.best_index_
    assert found.selected.lambda_ == fitted.best_params_["alpha"]
    assert found.selected.validation_loss == pytest.approx(-fitted.best_score_, rel=1e-10)
    assert found.rotation is not None


def test_several_scorings_and_a_pick_of_one_s_own(table):
    both = {"squares": MSE, "absolute": "neg_mean_absolute_error"}
    one = GridSearchCV(Ridge(), {"alpha": ALPHAS}, scoring=both, refit="absolute").fit(*table[0])
    found = search.judge_cv(one, *table[0])
    assert found.selected.validation_loss == pytest.approx(-one.best_score_, rel=1e-10)
    assert found.scores.metric == "mae"
    unpicked = GridSearchCV(Ridge(), {"alpha": ALPHAS}, scoring=both, refit=False).fit(*table[0])
    found = search.judge_cv(unpicked, *table[0])
    means = -unpicked.cv_results_["mean_test_squares"]
    assert found.selected.lambda_ == ALPHAS[means.argmin()]
    [said] = [each.message for each in found.warnings if each.code == "other_rule"]
    assert said == "The search made no pick, so that of the lowest mse is taken for it."
    assert "other_scoring" not in codes(found)  # which speaks of a pick
    own = GridSearchCV(Ridge(), {"alpha": ALPHAS}, scoring=MSE, refit=lambda results: 3).fit(*table[0])
    found = search.judge_cv(own, *table[0])
    assert (found.selected.lambda_, found.selected.trial) == (10.0, 3)
    assert "other_rule" in codes(found)
    assert found.rotation.agreement < 1


def test_a_search_is_refitted_as_it_was_built_and_left_as_it_is(table):
    model = make_pipeline(StandardScaler(), Lasso())
    fitted = GridSearchCV(model, {"lasso__alpha": [0.1, 1.0, 5.0]}, cv=3, scoring=MSE).fit(*table[0])
    before = fitted.best_estimator_[-1].coef_.copy()
    found = search.judge_cv(fitted, *table[0])
    assert str(found.selected.candidate) == f"alpha {fitted.best_params_['lasso__alpha']:g}"
    np.testing.assert_array_equal(fitted.best_estimator_[-1].coef_, before)
    assert not hasattr(model[-1], "coef_")
    assert search.judge_cv(fitted, *table[0], strength="lasso__alpha") == found
    assert search.judge_cv(fitted, *table[0], strength="alpha") == found
    fitted.n_jobs = 2
    assert search.judge_cv(fitted, *table[0]) == found


# Which losses


@pytest.fixture(scope="module")
def cancer():
    x, y = load_breast_cancer(return_X_y=True, as_frame=True)
    return x.iloc[:200, :8], y[:200].map({0: "malignant", 1: "benign"})


@pytest.mark.rest
def test_classes_by_name_in_a_frame(cancer):
    model = make_pipeline(StandardScaler(), LogisticRegression())
    space = {"logisticregression__C": [0.01, 1.0, 100.0]}
    fitted = GridSearchCV(model, space, scoring="neg_log_loss").fit(*cancer)
    found = search.judge_cv(fitted, *cancer)
    assert found.selected.validation_loss == pytest.approx(-fitted.best_score_, rel=1e-8)
    assert str(found.selected.candidate) == f"1/C {1 / fitted.best_params_['logisticregression__C']:g}"
    assert found.selected.lambda_ == 1 / fitted.best_params_["logisticregression__C"]
    assert found.scores.metric == "log_loss"
    counted = GridSearchCV(model, space).fit(*cancer)
    found = search.judge_cv(counted, *cancer)
    assert found.selected.validation_loss == pytest.approx(1 - counted.best_score_, rel=1e-10)
    assert found.scores.accuracy == pytest.approx(1 - found.selected.test_loss)  # of what the turns picked
    classes = np.asarray(cancer[1])
    folds = StratifiedKFold(5).split(classes, classes)
    right = [classes[held] == Counter(classes[train]).most_common(1)[0][0] for train, held in folds]
    assert found.scores.baseline_accuracy == pytest.approx(np.concatenate(right).mean())
    assert codes(search.judge_cv(counted, *cancer, metric="log_loss")) >= {"other_scoring"}


@pytest.mark.rest
def test_a_score_within_folds_is_another_where_it_picks_another():
    """R² divides by each small fold's own variance, so its mean may pick otherwise than squared errors do."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 200))
    y = x[:, 0] + 0.5 * rng.normal(size=40)
    alphas = list(np.geomspace(0.1, 1e4, 20))
    cv = KFold(5, shuffle=True, random_state=3)
    own = GridSearchCV(Ridge(), {"alpha": alphas}, cv=cv).fit(x, y)
    squares = GridSearchCV(Ridge(), {"alpha": alphas}, cv=cv, scoring=MSE).fit(x, y)
    assert own.best_index_ != squares.best_index_
    found = search.judge_cv(own, x, y)
    assert found.selected.trial == own.best_index_
    [said] = [each.message for each in found.warnings if each.code == "other_scoring"]
    assert f"whose lowest is that of alpha {number(alphas[squares.best_index_])}." in said
    assert "other_scoring" not in codes(search.judge_cv(squares, x, y))


def test_another_scoring_is_said(cancer, table):
    fitted = GridSearchCV(LogisticRegression(max_iter=5000), {"C": [0.1, 1.0]}, scoring="roc_auc", cv=3).fit(*cancer)
    [said] = [each.message for each in search.judge_cv(fitted, *cancer).warnings if each.code == "other_scoring"]
    assert said.startswith("The search picked by roc_auc, and is judged here by the log loss of each row")
    plain = GridSearchCV(RidgeClassifier(), {"alpha": ALPHAS}, scoring="f1_macro", cv=3).fit(*cancer)
    assert search.judge_cv(plain, *cancer).scores.metric == "error_rate"
    mine = GridSearchCV(Ridge(), {"alpha": ALPHAS}, scoring=lambda model, x, y: -abs(model.predict(x) - y).max(), cv=3)
    [said] = [each for each in search.judge_cv(mine.fit(*table[0]), *table[0]).warnings if each.code == "other_scoring"]
    assert "picked by its scoring, and is judged here by the mse" in said.message


def test_the_log_loss_is_scikit_learn_s_and_an_unknown_class_costs_all():
    x, y = load_iris(return_X_y=True)
    names = np.array(["a", "b", "c"])[y]
    model = LogisticRegression(max_iter=500).fit(x, names)
    losses = row_losses(model, x, names, "log_loss")
    assert losses.mean() == pytest.approx(log_loss(names, model.predict_proba(x)))
    two = LogisticRegression(max_iter=500).fit(x[y < 2], names[y < 2])
    losses = row_losses(two, x, names, "log_loss")
    assert losses[y < 2].mean() == pytest.approx(log_loss(names[y < 2], two.predict_proba(x[y < 2])))
    np.testing.assert_allclose(losses[y == 2], -np.log(np.finfo(float).eps))


def test_several_outputs_and_sparse_inputs():
    x, y = load_linnerud(return_X_y=True)
    fitted = GridSearchCV(Ridge(), {"alpha": [0.1, 100.0]}, cv=4, scoring=MSE).fit(scipy.sparse.csr_matrix(x), y)
    found = search.judge_cv(fitted, scipy.sparse.csr_matrix(x), y, test=(scipy.sparse.csr_matrix(x[:5]), y[:5]))
    assert found.selected.validation_loss == pytest.approx(-fitted.best_score_, rel=1e-10)
    assert found.test_rows == 5


def test_a_kernel_that_was_computed_before(table):
    x, y = table[0]
    kernel = x @ x.T
    fitted = GridSearchCV(KernelRidge(kernel="precomputed"), {"alpha": ALPHAS}, cv=3, scoring=MSE).fit(kernel, y)
    found = search.judge_cv(fitted, kernel, y, test=(table[1][0] @ x.T, table[1][1]))
    assert found.selected.validation_loss == pytest.approx(-fitted.best_score_, rel=1e-8)


# Which strength


def test_no_strength_at_all(table):
    fitted = GridSearchCV(DecisionTreeRegressor(random_state=0), {"max_depth": [1, 2, None]}, cv=3).fit(*table[0])
    found = search.judge_cv(fitted, *table[0])
    assert str(found.selected.candidate) == f"max_depth {fitted.best_params_['max_depth']}"
    assert found.to_dict()["selected"]["lambda"] is None
    assert "max_depth" in describe(found)


def test_no_penalty_and_its_gain(table):
    space = [{"alpha": [0.0, 0.0, 1.0]}, {"alpha": [0.0], "fit_intercept": [True]}]
    fitted = GridSearchCV(Ridge(), space, cv=3, scoring=MSE).fit(*table[0])
    found = search.judge_cv(fitted, *table[0])
    assert found.basis.candidates == 3  # the same candidate twice is one
    assert found.does_it_matter.gain_over_none is not None


def test_which_of_several_strengths(table):
    fitted = GridSearchCV(
        HistGradientBoostingRegressor(max_iter=3), {"l2_regularization": [0.1, 1.0], "learning_rate": [0.1, 0.5]}, cv=3
    ).fit(*table[0])
    assert search.judge_cv(fitted, *table[0]).selected.candidate.penalty == "l2_regularization"
    assert search.judge_cv(fitted, *table[0], strength="learning_rate").selected.candidate.penalty == "learning_rate"
    with pytest.raises(UserError, match=r"strength.* valid is: l2_regularization, learning_rate"):
        search.judge_cv(fitted, *table[0], strength="depth")


# Groups


def test_groups_are_the_folds_and_the_sample(table):
    x, y = table[0]
    groups = np.random.default_rng(0).integers(40, size=len(y)).astype(str)
    fitted = GridSearchCV(Ridge(), {"alpha": ALPHAS}, cv=GroupKFold(4), scoring=MSE).fit(x, y, groups=groups)
    found = search.judge_cv(fitted, x, y, groups=groups)
    assert found.groups == 40
    assert found.rotation is not None
    text = describe(found)
    assert "It rests on 40 groups (300 rows)" in text
    tested = search.judge_cv(fitted, x, y, groups=groups, test=(*table[1], np.arange(140) // 2))
    assert (tested.groups, tested.test_rows) == (70, 140)
    validation = plain_losses(list(GroupKFold(4).split(x, y, groups)), x, y)
    test = np.array([(Ridge(alpha=alpha).fit(x, y).predict(table[1][0]) - table[1][1]) ** 2 for alpha in ALPHAS])
    evidence = Evidence(groups=Groups.of(groups, np.arange(140) // 2))
    same(tested, search.judge(validation, test, frame(), evidence=evidence))
    with pytest.raises(UserError, match=r"folds cannot be drawn again: .*groups"):
        search.judge_cv(fitted, x, y)


# What goes wrong


class Fussy(RegressorMixin, BaseEstimator):
    """Ridge that fails where it is asked to."""

    def __init__(self, alpha=1.0, fails=False):
        self.alpha, self.fails = alpha, fails

    def fit(self, x, y):
        if self.fails:
            raise RuntimeError("no convergence\nat all")
        self.model_ = Ridge(alpha=self.alpha).fit(x, y)
        return self

    def predict(self, x):
        return self.model_.predict(x)


def test_fits_that_failed_are_diverged(table):
    with pytest.warns(match=r"fits failed|non-finite"):
        fitted = GridSearchCV(Fussy(), {"alpha": ALPHAS, "fails": [False, True]}, cv=3, scoring=MSE).fit(*table[0])
    found = search.judge_cv(fitted, *table[0])
    assert found.basis.diverged == 4
    assert found.selected.candidate["fails"] is False
    fitted.estimator = clone(fitted.estimator)
    fitted.cv_results_["params"] = [{**params, "fails": True} for params in fitted.cv_results_["params"]]
    with pytest.raises(UserError, match="no candidate can be fitted again: RuntimeError: no convergence at all"):
        search.judge_cv(fitted, *table[0])


def test_other_data_than_the_search_s_are_refused(ridge, table):
    x, y = table[0]
    with pytest.raises(UserError, match=r"alpha 0.01 scores -\S+ on fold 0, and in the search -\S+; give the X, y"):
        search.judge_cv(ridge, x[::-1], y[::-1])
    weighted = GridSearchCV(Ridge(), {"alpha": ALPHAS}, scoring=MSE).fit(x, y, sample_weight=np.arange(300.0))
    with pytest.raises(UserError, match="sample weights cannot be replayed"):
        search.judge_cv(weighted, x, y)


def test_an_estimator_that_draws_is_said_to(table):
    forest = RandomForestRegressor(n_estimators=2, max_depth=3)
    fitted = GridSearchCV(forest, {"min_samples_leaf": [1, 20]}, cv=3).fit(*table[0])
    assert "drawn_again" in codes(search.judge_cv(fitted, *table[0]))
    fixed = GridSearchCV(clone(forest).set_params(random_state=0), {"min_samples_leaf": [1, 20]}, cv=3).fit(*table[0])
    assert "drawn_again" not in codes(search.judge_cv(fixed, *table[0]))


@pytest.mark.parametrize(
    ("cv", "line"),
    [
        (KFold(3, shuffle=True), "cv is KFold without a fixed random_state, so its folds cannot be drawn again"),
        (ShuffleSplit(3), "cv is ShuffleSplit without a fixed random_state"),
        (StratifiedKFold(3, shuffle=True, random_state=np.random.RandomState(0)), "StratifiedKFold without a fixed"),
        (iter([(np.arange(100), np.arange(100, 300))]), "cv is an iterator, which its search has used up"),
    ],
)
def test_folds_that_cannot_be_drawn_again(cv, line, table):
    y = table[0][1] > 150 if isinstance(cv, StratifiedKFold) else table[0][1]
    fitted = GridSearchCV(Ridge(), {"alpha": ALPHAS}, cv=cv, scoring=MSE).fit(table[0][0], y)
    with pytest.raises(UserError, match=line):
        search.judge_cv(fitted, *table[0])


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {"fitted": GridSearchCV(Ridge(), {"alpha": [1.0]})},
            "GridSearchCV is no fitted search; valid is a GridSearchCV after",
        ),
        ({"fitted": Ridge()}, "Ridge is no fitted search"),
        ({"test": np.zeros((3, 2))}, "test must be a pair"),
        ({"metric": "log_loss"}, 'metric is "log_loss"; valid here are mse and mae'),
        ({"y": np.zeros(299)}, "inconsistent numbers of samples"),
        ({"X": np.zeros((10, 2)), "y": np.zeros(10)}, "give the X, y and groups that it was fitted on"),
        ({"tolerance": 2}, "tolerance is 2"),
    ],
)
def test_what_is_refused_is_said_in_a_line(change, line, ridge, table):
    given = {"fitted": ridge, "X": table[0][0], "y": table[0][1]} | change
    with pytest.raises(UserError) as caught:
        search.judge_cv(given.pop("fitted"), given.pop("X"), given.pop("y"), **given)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_neither_a_regressor_nor_a_classifier(table):
    fitted = GridSearchCV(KMeans(n_init=1), {"n_clusters": [2, 3]}, cv=3).fit(table[0][0])
    with pytest.raises(UserError, match="KMeans is neither a regressor nor a classifier"):
        search.judge_cv(fitted, *table[0])


def test_pairs_are_all_of_each_round(table):
    """The number of fits: what the docstring promises."""
    count = 0

    class Counted(Ridge):
        def fit(self, x, y, sample_weight=None):
            nonlocal count
            count += 1
            return super().fit(x, y, sample_weight)

    fitted = GridSearchCV(Counted(), {"alpha": ALPHAS}, scoring=MSE).fit(*table[0])
    count = 0
    search.judge_cv(fitted, *table[0])
    assert count == len(ALPHAS) * (5 + len(list(combinations(range(5), 2)))) == len(ALPHAS) * 15
