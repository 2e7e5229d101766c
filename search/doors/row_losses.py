"""The loss of every row by a fitted scikit-learn model, and which loss a search stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import numpy as np

from search.core.arrays import Array, Index
from search.core.errors import UserError

Metric = Literal["mse", "mae", "log_loss", "error_rate"]
REGRESSION: Final = ("mse", "mae")
CLASSES: Final = ("log_loss", "error_rate")
# By (classes, scoring) the loss whose mean a scoring is, or ranks by within a fold; None: the estimator's own scoring.
OF_SCORING: Final[Mapping[tuple[bool, str | None], Metric]] = {
    (False, None): "mse",
    (False, "r2"): "mse",
    (False, "neg_mean_squared_error"): "mse",
    (False, "neg_root_mean_squared_error"): "mse",
    (False, "neg_mean_absolute_error"): "mae",
    (True, None): "error_rate",
    (True, "accuracy"): "error_rate",
    (True, "neg_log_loss"): "log_loss",
}
IN_A_FOLD: Final = ("r2", "neg_root_mean_squared_error")  # the mean over folds of these may rank otherwise


def scoring_of(search: Any) -> Any:  # noqa: ANN401 - a name, a function, or None
    """What the search picked by: of several scorings the one that `refit` names."""
    scoring, refit = search.scoring, search.refit
    if isinstance(scoring, Mapping) and isinstance(refit, str):
        return scoring[refit]
    return refit if isinstance(scoring, list | tuple | set) and isinstance(refit, str) else scoring


def metric_of(search: Any, asked: str | None) -> Metric:  # noqa: ANN401 - any fitted search
    """The loss to judge by: the asked one, that of the search's scoring, or a proper one of the estimator's kind.

    Raises `UserError` for an estimator that is neither a regressor nor a classifier, and for a metric of another kind.
    """
    from sklearn.base import is_classifier, is_regressor

    estimator = search.estimator
    classes = bool(is_classifier(estimator))
    if not classes and not is_regressor(estimator):
        raise UserError(
            f"judge_cv: {type(estimator).__name__} is neither a regressor nor a classifier; valid is a search over one"
        )
    valid = CLASSES if classes else REGRESSION
    if asked is not None and asked not in valid:
        raise UserError(f'judge_cv: metric is "{asked}"; valid here are {" and ".join(valid)}')
    proper: Metric = "mse" if not classes else "log_loss" if hasattr(estimator, "predict_proba") else "error_rate"
    scoring = scoring_of(search)
    known = OF_SCORING.get((classes, scoring)) if scoring is None or isinstance(scoring, str) else None
    return asked or known or proper  # type: ignore[return-value]


def stands_for(search: Any, metric: Metric, *, picked_lowest: bool) -> bool:  # noqa: ANN401 - any fitted search
    """Whether the search's scoring is the metric, or one within a fold that picked the lowest loss as well."""
    scoring = scoring_of(search)
    if not isinstance(scoring, str | None) or OF_SCORING.get((metric in CLASSES, scoring)) != metric:
        return False
    return picked_lowest or not (scoring in IN_A_FOLD or (scoring is None and metric in REGRESSION))


def row_losses(model: Any, x: Any, y: Any, metric: Metric) -> Array:  # noqa: ANN401 - whatever the model takes
    """The loss of every row, (rows,); the mean over outputs where there are several, infinite where it is no number."""
    losses = LOSSES[metric](model, x, np.asarray(y))
    return np.where(np.isnan(losses), np.inf, losses)


def _squared(model: Any, x: Any, y: Any) -> Array:  # noqa: ANN401
    return np.asarray(np.square(_errors(model, x, y)).mean(axis=1))


def _absolute(model: Any, x: Any, y: Any) -> Array:  # noqa: ANN401
    return np.asarray(np.abs(_errors(model, x, y)).mean(axis=1))


def _errors(model: Any, x: Any, y: Any) -> Array:  # noqa: ANN401
    """Prediction minus truth, (rows, outputs)."""
    predicted = np.asarray(model.predict(x), dtype=np.float64)
    return predicted.reshape(len(y), -1) - np.asarray(y, dtype=np.float64).reshape(len(y), -1)


def _wrong(model: Any, x: Any, y: Any) -> Array:  # noqa: ANN401
    return np.asarray(np.asarray(model.predict(x)).reshape(-1) != y.reshape(-1), dtype=np.float64)


def _log_loss(model: Any, x: Any, y: Any) -> Array:  # noqa: ANN401
    """Minus the logarithm of the true class's probability, which is kept off 0 as scikit-learn's `log_loss` does.

    A class that the model was not trained on has probability 0.
    """
    given = np.asarray(model.predict_proba(x))
    labels, place = np.unique(y.reshape(-1), return_inverse=True)
    column: dict[Any, int] = {label: index for index, label in enumerate(model.classes_)}
    columns: Index = np.array([column.get(label, -1) for label in labels], dtype=np.intp)[place]
    own = np.where(columns < 0, 0.0, given[np.arange(len(given)), columns])
    return np.asarray(-np.log(np.clip(own, np.finfo(given.dtype).eps, 1.0)))


LOSSES: Final[Mapping[str, Callable[[Any, Any, Any], Array]]] = {
    "mse": _squared,
    "mae": _absolute,
    "log_loss": _log_loss,
    "error_rate": _wrong,
}
