"""The page's table of coefficients against the record that it shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from figure_views import L2, column, random_view, rotated_view

from search.core.coefficients import INTERCEPT, Coefficients
from search.report.coefficients import coefficients_table
from search.report.figures.paths import weight_names
from search.report.tables import MOST_ROWS


def made(outputs=("y",), inputs=6, *, kind="regression", fits=3, **changes):
    """Random coefficients of which every third input's are zero; the smallest of the others is the first input's."""
    random = np.random.default_rng(2)
    values = random.normal(size=(5, len(outputs), inputs + 1)) + 2
    values[:2, :, 3::3] = 0
    values[1, :, 1] = 1e-3
    own, standardised, chosen, lowest, highest = values
    names = (INTERCEPT, *(f"x{place}" for place in range(inputs)))
    known = {"reference": "no" if kind == "binary" else "", "powers": False, **changes}
    return Coefficients(
        kind, tuple(outputs), names, own, standardised, np.clip(chosen / 4, 0, 1), lowest, highest, fits, **known
    )


def shown(found, view=None):
    view = view or random_view(L2)
    return coefficients_table(replace(view, study=replace(view.study, coefficients=found)))


def test_the_intercept_comes_first_then_by_standardised_size_and_zeros_are_counted():
    found = made(inputs=8)
    table = shown(found)
    assert column(table, "input")[0] == INTERCEPT
    size = np.abs([float(text) for text in column(table, "standardised")[1:]])
    assert (np.diff(size) <= 0).all()
    assert size.min() > 0
    zeros = int((found.standardised[0, 1:] == 0).sum())
    assert len(table.rows) == 1 + 8 - zeros
    assert f"{zeros} of 8 are zero and not listed" in table.caption
    assert column(table, "input")[-1] == "x0"
    for heading, values in {
        "own scale": found.own_scale,
        "lowest": found.lowest,
        "chosen, %": 100 * found.chosen,
    }.items():
        by_name = dict(zip(found.inputs, values[0], strict=True))
        for name, text in zip(column(table, "input"), column(table, heading), strict=True):
            assert float(text) == pytest.approx(by_name[name], rel=1e-3)


def test_an_input_whose_products_alone_have_weight_is_listed_with_its_slope():
    found = made()
    found.own_scale[0, 3] = 0.25
    assert dict(zip(*(column(shown(found), each) for each in ("input", "own scale")), strict=True))["x2"] == "0.25"


def test_every_output_has_its_rows_under_its_own_name():
    found = made(("red", "green", "blue"), kind="multiclass")
    table = shown(found)
    assert column(table, "class")[:3] == ["red", "green", "blue"]
    for output, name, text in zip(*(column(table, each) for each in ("class", "input", "own scale")), strict=True):
        value = found.own_scale[found.outputs.index(output), found.inputs.index(name)]
        assert float(text) == pytest.approx(value, rel=1e-3)
    assert "log-odds" in table.caption
    view = random_view(L2)
    named = replace(view, study=replace(view.study, coefficients=found))
    assert weight_names(named, np.zeros((1, 1, 3, 2)))[2:4] == ["feature 1, green", "feature 2, green"]


def test_the_caption_says_what_a_unit_does():
    assert "the log-odds of yes against no" in shown(made(("yes",), kind="binary")).caption
    assert "in the target's unit" in shown(made()).caption
    assert "of the 3 replicates" in shown(made()).caption
    assert "of the 3 folds" in shown(made(), folded()).caption
    assert "slope where all inputs are 0" in shown(made(powers=True)).caption
    assert "slope" not in shown(made()).caption


def folded():
    view = rotated_view()
    return replace(view, study=replace(view.study, settings={**view.study.settings, "split": {"test_folds": 4}}))


def test_what_says_nothing_has_no_column():
    same = made()
    headings = [each.heading for each in shown(replace(same, standardised=same.own_scale)).columns]
    assert headings == ["input", "own scale", "chosen, %", "lowest", "highest"]
    headings = [each.heading for each in shown(made(fits=1)).columns]
    assert headings == ["input", "own scale", "standardised"]
    assert coefficients_table(random_view(L2)) is None


def test_a_long_table_is_cut_and_says_where_the_rest_is():
    table = shown(made(inputs=2 * MOST_ROWS))
    assert len(table.rows) == MOST_ROWS
    assert f"The {MOST_ROWS} largest are listed" in table.caption
    assert "lambda-search export study --coefficients -o coefficients.csv" in table.caption
