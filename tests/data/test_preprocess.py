import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from search.data.build import table_task
from search.data.columns import tidy_frame
from search.data.preprocess import fit_preprocessor
from search.data.tables import Table
from search.data.targets import Targets
from search.settings import FunctionData, Split


def mixed(rows=40, seed=0):
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "size": random.normal(5, 2, rows),
            "rooms": random.integers(1, 6, rows),
            "city": random.choice(["Rome", "Oslo", "Lima"], rows),
            "new": random.random(rows) < 0.5,
        }
    )
    frame.loc[::7, "size"] = np.nan
    frame.loc[::9, "city"] = None
    return tidy_frame(frame, "frame")


def fitted(frame, *, standardize=True, degree=1, clip=True, rare=1):
    preprocessor = fit_preprocessor(frame, standardize=standardize, degree=degree, clip=clip, rare=rare)
    return preprocessor, preprocessor.apply(frame)


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_numbers_have_mean_0_and_deviation_1_after_expansion(degree):
    x = fitted(mixed()[["size", "rooms"]], degree=degree)[1]
    np.testing.assert_allclose(x.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(x.std(0), 1, rtol=1e-12)


def test_diabetes_of_degree_3_has_285_features_spanning_scikit_learns():
    raw = load_diabetes(as_frame=True).data
    x = fitted(tidy_frame(raw, "diabetes"), degree=3)[1]
    expanded = PolynomialFeatures(3, include_bias=False).fit_transform(StandardScaler().fit_transform(raw))
    assert x.shape == (442, 285)
    np.testing.assert_allclose(x, StandardScaler().fit_transform(expanded), atol=1e-10)


def test_without_standardisation_numbers_stay_as_they_are():
    frame = mixed()[["rooms"]]
    preprocessor, x = fitted(frame, standardize=False, degree=2)
    np.testing.assert_array_equal(x, np.column_stack([frame["rooms"], frame["rooms"] ** 2]))
    assert preprocessor.features == ("rooms", "rooms^2")


def test_categories_become_one_column_each_and_missing_is_one_of_them():
    frame = mixed()[["city"]]
    preprocessor, x = fitted(frame)
    assert preprocessor.features == ("city=(missing)", "city=Lima", "city=Oslo", "city=Rome")
    np.testing.assert_array_equal(x.sum(1), 1)
    np.testing.assert_array_equal(x[:, 0] == 1, frame["city"].isna())


def test_an_unseen_category_is_all_zeros():
    preprocessor, _ = fitted(mixed()[["city"]])
    assert not preprocessor.apply(pd.DataFrame({"city": ["Atlantis"]}, dtype=object)).any()


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20), st.integers(1, 3), st.booleans())
def test_clipped_numbers_stay_in_the_range_of_the_training_rows(values, degree, standardize):
    train = pd.DataFrame({"a": values})
    preprocessor, x = fitted(train, degree=degree, standardize=standardize)
    far = preprocessor.apply(pd.DataFrame({"a": [-1e12, 1e12]}))
    ends = preprocessor.apply(pd.DataFrame({"a": [min(values), max(values)]}))
    np.testing.assert_array_equal(far, ends)
    np.testing.assert_array_equal(x, fitted(train, degree=degree, standardize=standardize, clip=False)[1])


def test_rare_levels_are_one_and_those_not_met_in_training_are_among_them():
    levels = ["a"] * 9 + ["b"] * 5 + ["c"] * 4 + ["d"]
    preprocessor, x = fitted(pd.DataFrame({"x": np.array(levels, dtype=object)}), rare=5)
    assert preprocessor.features == ("x=a", "x=b", "x=(rare)")
    np.testing.assert_array_equal(x.sum(0), [9, 5, 5])
    unseen = preprocessor.apply(pd.DataFrame({"x": ["Atlantis"]}, dtype=object))
    np.testing.assert_array_equal(unseen, [[0, 0, 1]])


def test_missing_numbers_become_the_training_median():
    frame = mixed()[["size"]]
    x = fitted(frame, standardize=False)[1][:, 0]
    np.testing.assert_array_equal(x[frame["size"].isna()], frame["size"].median())


@pytest.mark.parametrize("degree", [1, 3])
@pytest.mark.parametrize("value", [0.1, np.nan, 1e9])
def test_a_constant_column_is_zero_for_every_row(value, degree):
    train = pd.DataFrame({"constant": np.full(7, value), "a": np.arange(7.0)})
    preprocessor = fit_preprocessor(train, standardize=True, degree=degree, clip=False, rare=1)
    x = preprocessor.apply(pd.DataFrame({"constant": [value, 5.0], "a": [1.0, 9.0]}))
    touched = ["constant" in name for name in preprocessor.features]
    assert not x[:, touched].any()
    assert np.isfinite(x).all()


def test_a_number_and_a_category_may_share_a_feature_name():
    frame = pd.DataFrame({"city=Rome": [1.0, 2.0], "city": np.array(["Rome", "Oslo"], dtype=object)})
    assert fitted(frame)[0].features == ("city=Rome", "city=Oslo", "city=Rome")


def test_no_rows_give_no_rows():
    preprocessor, x = fitted(mixed())
    assert preprocessor.apply(mixed().iloc[:0]).shape == (0, x.shape[1])


def absurd(table, rows):
    inputs, y = table.inputs.copy(), table.targets.y.copy()
    for name in inputs.columns:
        inputs.loc[rows, name] = "nonsense" if inputs[name].dtype == object else 1e12
    y[rows] = -1e12
    return Table(table.where, inputs, Targets("regression", ("y",), (), y), table.test)


@pytest.mark.parametrize("scheme", ["holdout", "kfold"])
@pytest.mark.parametrize(("seed", "degree"), [(0, 1), (1, 2), (2, 3)])
def test_no_held_out_value_reaches_a_training_tensor(seed, degree, scheme):
    split = Split(scheme=scheme, folds=2, refit=True, seed=seed)
    random = np.random.default_rng(seed)
    table = Table("t", mixed(seed=seed), Targets("regression", ("y",), (), random.normal(size=(40, 1))), None)
    data = FunctionData(source="m:f", degree=degree)
    clean = table_task(table, data, split)
    for index, before in enumerate(clean.splits + clean.refits):
        outside = np.setdiff1d(np.arange(40), before.train.ids)
        task = table_task(absurd(table, outside), data, split)
        after = (task.splits + task.refits)[index]
        assert torch.equal(before.train.x, after.train.x)
        assert torch.equal(before.train.y, after.train.y)
        held = torch.cat([after.validation.y, after.test.y])
        assert torch.equal(held, torch.full_like(held, -1e12))
