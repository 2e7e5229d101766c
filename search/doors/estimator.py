"""The door for scikit-learn's users: estimators that search lambda, fit with it, and judge it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import _safe_indexing, check_consistent_length
from sklearn.utils.validation import check_is_fitted

from search.core.arrays import Array
from search.core.errors import UserError
from search.core.groups import numbered
from search.doors.estimator_inputs import (
    as_value_errors,
    checked_inputs,
    class_targets,
    cuts_of,
    number_targets,
    row_weights,
    seed_of,
    within,
)
from search.doors.estimator_results import coefficients, cv_results
from search.doors.estimator_settings import fingerprint_of, settings_of, study_name, with_range
from search.doors.progress import display_for
from search.doors.refused import in_one_line
from search.doors.study import RunCounts, Study, quiet_optuna
from search.ledger import memory_storage, open_storage
from search.settings import Settings

if TYPE_CHECKING:
    from search.data.splits import Plan
    from search.data.targets import Targets
    from search.data.task import Task
    from search.ledger import Storage
    from search.settings import FrameData


class _LambdaSearch(BaseEstimator):  # type: ignore[misc]
    """What both estimators share."""

    task: ClassVar[str]

    def __init__(  # noqa: PLR0913 - what scikit-learn's users expect, one by one
        self,
        *,
        penalty: str | Sequence[str] = ("none", "l1", "l2"),
        lambdas: str | Sequence[float] | Mapping[str, float] = "auto",
        l1_ratio: Sequence[float] | Mapping[str, float] | None = None,
        trials: int = 100,
        sampler: str = "grid",
        cv: Any = 5,  # noqa: ANN401 - whatever scikit-learn takes
        metric: str | None = None,
        tolerance: float = 0.01,
        confidence: float = 0.95,
        standardize: bool = True,
        settings: Mapping[str, Any] | None = None,
        storage: str | None = None,
        n_jobs: int | None = None,
        random_state: Any = 0,  # noqa: ANN401
        verbose: int = 0,
    ) -> None:
        self.penalty = penalty
        self.lambdas = lambdas
        self.l1_ratio = l1_ratio
        self.trials = trials
        self.sampler = sampler
        self.cv = cv
        self.metric = metric
        self.tolerance = tolerance
        self.confidence = confidence
        self.standardize = standardize
        self.settings = settings
        self.storage = storage
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:  # noqa: ANN401
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.multi_output = self.task == "regression"
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:  # noqa: ANN401
        """Search, judge what was selected, and fit it on all rows.

        Parameters
        ----------
        X
            (rows, columns): an array of numbers, or a frame of pandas or polars, which may hold text. NaN is a missing
            value.
        y
            Numbers (rows,) or (rows, targets); of a classifier classes (rows,), numbers or text.
        sample_weight
            (rows,): how much each row counts, in training, preprocessing and held-out losses. A row of weight 0 is as
            if it were not there, one of weight 2 as if it were there twice (only folds are cut by rows, and rare levels
            counted by rows).
        groups
            (rows,) for `cv`; with a number of folds, rows of one group are in one fold. The verdict counts groups, as
            rows of one are not independent.
        """
        from joblib import effective_n_jobs

        from search.training import threads

        jobs = None if self.n_jobs is None else effective_n_jobs(self.n_jobs)
        with as_value_errors(), in_one_line(), quiet_optuna(), threads(jobs):
            self._fit(X, y, sample_weight, groups)
        return self

    def _fit(self, X: Any, y: Any, sample_weight: Any, groups: Any) -> None:  # noqa: ANN401
        from search.data.build import planned_task
        from search.data.given import given_plan
        from search.data.tables import Table, tidy_inputs

        frame = checked_inputs(self, X, reset=True)
        if y is None:
            raise UserError(f"y: {type(self).__name__} requires y to be passed, but the target y is None")
        check_consistent_length(frame, y, groups)
        weight = row_weights(sample_weight, frame)
        kept = np.ones(len(frame), bool) if weight is None else weight > 0
        seed = seed_of(self.random_state)
        targets = self._targets(y if kept.all() else _safe_indexing(y, np.flatnonzero(kept)))
        y = np.asarray(y)
        cuts = within(cuts_of(self.cv, y, groups, classes=self.task == "classification", seed=seed), kept)
        plan = given_plan(cuts, int(kept.sum()))
        settings = settings_of(self, self.task, plan, seed)
        data = cast("FrameData", settings.data)
        inputs, dates = tidy_inputs(frame[kept], data, "X")
        if not inputs.shape[1]:
            raise UserError("X: has no column with a value")
        table = Table(
            "X",
            inputs,
            targets,
            None,
            weight=None if weight is None else weight[kept],
            groups=None if groups is None else numbered(groups)[kept],
            dates=dates,
        )
        self._search(settings, planned_task(table, data, plan), plan)
        self._note_coefficients(list(frame.columns))

    def _search(self, settings: Settings, task: Task, plan: Plan) -> None:
        from search.runs import Run

        task = replace(task, fingerprint=fingerprint_of(task, plan))
        settings = with_range(settings, task)
        storage: Storage = memory_storage()
        if self.storage is not None:
            storage = open_storage(self.storage)
            settings = settings.replace("name", study_name(settings, task))
        with display_for(settings.name, bool(self.verbose)) as display:
            for note in task.notes:
                display.note(f"note: {note}")
            run = Run.on(settings, task, storage)
            run.then = ("verdict",)
            run.search(report=display.update, stop=lambda: False)
            run.confirm()
            run.keep_model()
            self.study_ = Study(run.ledger, settings, RunCounts(run.fits, run.seconds))
            with run.after("verdict"):
                self.verdict_ = self.study_.judge()
        results = self.study_.results
        self.best_index_ = results.lowest(results.validation_loss)
        selected = results.candidates[self.best_index_]
        self.model_ = self.study_.model()
        self.cv_results_ = cv_results(results)
        self.n_splits_ = len(task.splits)
        self.best_params_ = selected.params()
        self.best_score_ = float(self.cv_results_["mean_test_score"][self.best_index_])
        self.penalty_, self.lambda_ = selected.penalty, selected.lambda_

    def _note_coefficients(self, columns: list[str]) -> None:
        for name in ("coef_", "intercept_", "coef_names_"):
            self.__dict__.pop(name, None)  # of an earlier fit
        if not self.model_.linear:
            return
        found = coefficients(self.model_, columns)
        self.coef_, self.intercept_ = self._shaped(found.weight), self._shaped(found.intercept)
        self.coef_names_ = np.array(found.names, dtype=object)

    def _targets(self, y: Any) -> Targets:  # noqa: ANN401
        raise NotImplementedError

    def _shaped(self, values: Array) -> Any:  # noqa: ANN401
        """Values with one entry an output, (outputs, ...), as scikit-learn has them."""
        return values

    def _of_model(self, method: str, X: object) -> Any:  # noqa: ANN401 - what the method returns
        """What a method of the fitted model says of checked rows."""
        check_is_fitted(self)
        rows = checked_inputs(self, X, reset=False)
        with as_value_errors():
            return getattr(self.model_, method)(rows)


class LambdaSearchRegressor(RegressorMixin, _LambdaSearch):  # type: ignore[misc]
    """Linear regression whose penalty and lambda are searched by cross-validation, with a verdict on them.

    The fits are the exact optima of mean 1/2 squared error + lambda * penalty (or of what `settings` say), on inputs
    with mean 0 and standard deviation 1. So lambda is the `alpha` of Lasso and ElasticNet, and that of Ridge divided by
    the rows.

    Parameters
    ----------
    penalty
        One or several of none, l1, l2, elastic_net, group_lasso, sparse_group_lasso.
    lambdas
        "auto": a range from the data; {"low": 1e-4, "high": 1e2}: this range; or a list of values.
    l1_ratio
        Of elastic_net and sparse_group_lasso: a list of values, or a range as above.
    trials
        Candidates that are tried; the grid spreads them evenly over the penalties and their ranges.
    sampler
        grid, or another of Optuna's: tpe, random, qmc, gp, cmaes.
    cv
        A number of folds (shuffled; stratified for classes; apart by `groups` where `fit` gets them), a splitter or an
        iterable of splits. Where the splits are 3 to 10 folds of all rows, the verdict is that of a rotation: every row
        tests a pick that has not seen it. Others, such as TimeSeriesSplit, are judged on the held-out rows alone.
    metric
        mse or mae; of classes log_loss or error_rate.
    tolerance, confidence
        Of the verdict.
    standardize
        Whether inputs are brought to mean 0 and standard deviation 1.
    settings
        Any other key of a study file by its dotted name, such as {"training.optimizer": "sgd", "training.lr": 0.01}.
    storage
        Where the study is kept, a path or a URL; None: in memory. The same data and settings go on with their study.
    n_jobs
        Threads; None: as torch is set, -1: all cores.
    random_state
        Seed of the folds, and of whatever else is random.
    verbose
        1: a progress bar, or where none can move a line a minute.

    Attributes
    ----------
    coef_, intercept_
        On the inputs as given: `X @ coef_.T + intercept_` is the prediction of numeric X. `coef_names_` says what each
        coefficient is of: with text in X, of the numbers and then of every level. Shapes are those of scikit-learn.
    penalty_, lambda_, best_params_, best_score_, best_index_, cv_results_, n_splits_
        What was selected and what was tried; scores are losses times -1, and `cv_results_` is that of GridSearchCV.
    verdict_, study_, model_
        Whether that lambda is really the best, and matters; the `search.Study` behind it; the fitted model.

    Raises `InputError`, a `UserError` that is a `ValueError` too.

    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> found = LambdaSearchRegressor(penalty="l2", trials=12, cv=3).fit(X, y)
    >>> found.penalty_, found.coef_.shape, bool(np.allclose(X @ found.coef_ + found.intercept_, found.predict(X)))
    ('l2', (10,), True)
    """

    task = "regression"

    def predict(self, X: Any) -> Array:  # noqa: ANN401
        """The predicted numbers, in the shape of the y that was fitted."""
        found: Array = self._of_model("predict", X)
        return found if self._flat or found.ndim == 2 else found[:, None]

    def _targets(self, y: Any) -> Targets:  # noqa: ANN401
        self._flat = np.asarray(y).ndim == 1
        return number_targets(y)

    def _shaped(self, values: Array) -> Any:  # noqa: ANN401
        return values[0] if self._flat else values


class LambdaSearchClassifier(ClassifierMixin, _LambdaSearch):  # type: ignore[misc]
    """Logistic regression whose penalty and lambda are searched by cross-validation, with a verdict on them.

    The fits are the exact optima of mean cross-entropy + lambda * penalty (or of what `settings` say): lambda is
    1 / (n C) of LogisticRegression with n rows. Two classes have one row of coefficients, more of them one each.
    Parameters and attributes are those of `LambdaSearchRegressor`, and `classes_`.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> found = LambdaSearchClassifier(penalty="l2", trials=8, cv=3).fit(X, y)
    >>> found.coef_.shape, found.predict_proba(X).shape, found.score(X, y) > 0.9
    ((3, 4), (150, 3), True)
    """

    task = "classification"

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: ANN401
        """The likeliest class of every row, (rows,)."""
        logits = self.decision_function(X)
        found: NDArray[Any] = self.classes_[(logits > 0).astype(int) if logits.ndim == 1 else logits.argmax(axis=1)]
        return found

    def predict_proba(self, X: Any) -> Array:  # noqa: ANN401
        """The probability of every class, (rows, classes), in the order of `classes_`."""
        found: Array = self._of_model("predict_proba", X)
        return found

    def predict_log_proba(self, X: Any) -> Array:  # noqa: ANN401
        """The logarithm of `predict_proba`."""
        found: Array = np.log(self.predict_proba(X))
        return found

    def decision_function(self, X: Any) -> Array:  # noqa: ANN401
        """The logits: of two classes (rows,), that of the second; of more (rows, classes)."""
        found: Array = self._of_model("decision_function", X)
        return found

    def _targets(self, y: Any) -> Targets:  # noqa: ANN401
        targets, self.classes_ = class_targets(y)
        return targets
