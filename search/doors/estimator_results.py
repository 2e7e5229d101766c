"""`cv_results_` as GridSearchCV has it, and coefficients in the places of the user's own columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.stats import rankdata

from search.core.arrays import Array
from search.core.means import fit_means
from search.core.results import Results

if TYPE_CHECKING:
    from search.runs.model import FittedModel


def cv_results(results: Results) -> dict[str, Any]:
    """One entry a candidate; a split's score is minus its loss, as everywhere in scikit-learn more is better.

    `mean_test_score` counts every held-out row once, also where splits differ in size. Candidates train together:
    `mean_fit_time` is a candidate's share, the time of scoring included.
    """
    scores = -fit_means(results.validation)  # (candidates, splits)
    own = [candidate.params() for candidate in results.candidates]
    seconds = np.zeros(len(own)) if results.seconds is None else results.seconds / scores.shape[1]
    mean = -results.validation_loss
    return {
        "mean_fit_time": seconds,
        "std_fit_time": np.zeros(len(own)),
        "mean_score_time": np.zeros(len(own)),
        "std_score_time": np.zeros(len(own)),
        **{
            f"param_{name}": _masked([each.get(name) for each in own])
            for name in dict.fromkeys(name for each in own for name in each)
        },
        "params": own,
        **{f"split{index}_test_score": column for index, column in enumerate(scores.T)},
        "mean_test_score": mean,
        "std_test_score": np.where(np.isfinite(mean), np.where(np.isfinite(scores), scores, 0.0).std(axis=1), np.nan),
        "rank_test_score": rankdata(-mean, method="min").astype(np.int32),
    }


def _masked(values: list[Any]) -> Any:  # noqa: ANN401 - a masked array
    masked = np.ma.MaskedArray(np.empty(len(values)), mask=True, dtype=object)
    for place, value in enumerate(values):
        if value is not None:
            masked[place] = value
    return masked


class Coefficients(NamedTuple):
    """Weights (outputs, columns), intercepts (outputs,), and the columns' names."""

    weight: Array
    intercept: Array
    names: tuple[str, ...]


def coefficients(model: FittedModel, columns: list[str]) -> Coefficients:
    """A linear model's coefficients on the inputs as the user has them.

    Of numeric inputs one for each of `columns`, 0 for a column without values. Where there are text or dates, one for
    each number, each level of the text and each part of the dates; with powers and products one for each
    preprocessed feature.
    """
    assert model.preprocessor is not None, "an estimator is fitted on a table"
    numbers = model.preprocessor.numbers
    powers = numbers.degree > 1
    weight, intercept = model.weights(original=not powers)
    if model.preprocessor.text or model.preprocessor.dates or powers:
        return Coefficients(weight, intercept, model.features)
    placed = np.zeros((len(weight), len(columns)))
    placed[:, [columns.index(name) for name in numbers.names]] = weight
    return Coefficients(placed, intercept, tuple(columns))
