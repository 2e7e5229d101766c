"""A fitted linear model as a pipeline of scikit-learn's own parts, which needs nothing of this package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pandas import DataFrame
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PolynomialFeatures, StandardScaler

from search.data.preprocess import MISSING, Levels, Numbers, Preprocessor

if TYPE_CHECKING:
    from search.runs.model import FittedModel


ABSENT: Final = (np.nan, None)
NEVER: Final = 10**9  # rows of a level that is not rare, where all levels are rare


def to_sklearn(model: FittedModel) -> Pipeline:
    """A fitted Pipeline: a ColumnTransformer, and a Ridge or a LogisticRegression that has the model's coefficients.

    It takes frames whose columns have the names and kinds of training: numbers, and text as objects, with NaN or
    None where a value is missing. Dates it takes as the numbers that they became, in columns
    "when.year" and so on. `UserError` for models that are not linear.
    """
    weight, bias = model.weights()
    last = _regression(model, weight, bias) if model.targets.kind == "regression" else _classifier(model, weight, bias)
    return make_pipeline(*([] if model.preprocessor is None else [_columns(model.preprocessor)]), last)


def _regression(model: FittedModel, weight: Any, bias: Any) -> Ridge:  # noqa: ANN401 - arrays
    single = len(model.targets.names) == 1
    fitted = Ridge(alpha=model.candidate.lambda_)
    fitted.coef_, fitted.intercept_ = (weight[0], float(bias[0])) if single else (weight, bias)
    fitted.n_features_in_ = weight.shape[1]
    return fitted


def _classifier(model: FittedModel, weight: Any, bias: Any) -> LogisticRegression:  # noqa: ANN401 - arrays
    fitted = LogisticRegression()
    fitted.coef_, fitted.intercept_ = weight, bias
    fitted.classes_, fitted.n_features_in_ = np.array(model.targets.labels), weight.shape[1]
    return fitted


def _columns(known: Preprocessor) -> ColumnTransformer:
    """The preprocessing as scikit-learn's: its parts learn from a table that is made so that they learn just this."""
    numbers, text = known.numbers, known.text
    parts: list[tuple[str, Any, list[str]]] = [("numbers", _numbers(numbers), list(numbers.names))]
    parts += [(f"text {place}", _levels(levels), [levels.name]) for place, levels in enumerate(text)]
    examples = {levels.name: _example(levels) for levels in text}
    rows = max([1, *map(len, examples.values())])
    filled: dict[str, Any] = {name: [median] * rows for name, median in zip(numbers.names, numbers.median, strict=True)}
    # A column that is shorter goes on with its first level.
    filled |= {name: values + values[:1] * (rows - len(values)) for name, values in examples.items()}
    table = DataFrame({name: filled[name] for name in known.columns})
    table = table.astype({levels.name: object for levels in text})
    transformer = ColumnTransformer([part for part in parts if part[2]], sparse_threshold=0.0).fit(table)
    if numbers.names:
        _set_scales(transformer.named_transformers_["numbers"], numbers)
    return transformer


def _numbers(numbers: Numbers) -> Pipeline:
    steps: list[tuple[str, Any]] = [("impute", SimpleImputer(strategy="median"))]
    if numbers.low is not None:
        ends = {"a_min": numbers.low, "a_max": numbers.high}
        steps.append(("clip", FunctionTransformer(np.clip, kw_args=ends, feature_names_out="one-to-one")))
    if numbers.before is not None:
        steps.append(("before", StandardScaler()))
    if numbers.degree > 1:
        steps.append(("expand", PolynomialFeatures(numbers.degree, include_bias=False)))
    if numbers.after is not None:
        steps.append(("after", StandardScaler()))
    return Pipeline(steps)


def _set_scales(pipeline: Pipeline, numbers: Numbers) -> None:
    for name, scale in (("before", numbers.before), ("after", numbers.after)):
        if scale is not None:
            fitted = pipeline.named_steps[name]
            fitted.mean_, fitted.scale_, fitted.var_ = scale.mean, scale.divisor, scale.deviation**2


def _levels(levels: Levels) -> Pipeline:
    encoder = OneHotEncoder(
        handle_unknown="infrequent_if_exist" if levels.rare else "ignore",
        min_frequency=(2 if levels.levels else NEVER) if levels.rare else None,
        sparse_output=False,
    )
    # One imputer takes NaN for missing, or None, never both.
    imputers = [SimpleImputer(missing_values=absent, strategy="constant", fill_value=MISSING) for absent in ABSENT]
    return make_pipeline(*imputers, encoder)


def _example(levels: Levels) -> list[str]:
    """A column in which the common levels come twice and the rare ones once."""
    return [level for level in levels.levels for _ in range(2)] + list(levels.rare)
