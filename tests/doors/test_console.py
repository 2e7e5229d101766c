"""The tables of the command line: what a terminal has no room for is left out, and no number is cut."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from search.doors.console import MEASURES, MOST_ROWS, curve, fitting

CANDIDATES = pd.DataFrame(
    {
        "trial": [0, 1],
        "penalty": ["none", "elastic_net"],
        "lambda": [0.0, 8.3427983e-5],
        "l1_ratio": [None, 0.4],
        "dropout": [0.1, 0.25],
        "lr": [0.0225, 0.0002343],
        "train_loss": [0.02113, 0.1828],
        "validation_loss": [0.1143, 0.2227],
        "validation_se": [0.03112, 0.02718],
        "weight_norm": [12.11, 7.369],
        "nonzero": [1.0, 0.96],
    }
)


def printed(width):
    """The table at that width, and its headings."""
    out = io.StringIO()
    console = Console(file=out, width=width)
    table = fitting(console, CANDIDATES, 0)
    console.print(table)
    return out.getvalue(), [str(column.header) for column in table.columns]


@pytest.mark.parametrize("width", [72, 80, 100, 120])
def test_a_terminal_of_any_common_width_has_whole_numbers(width):
    text, headings = printed(width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    assert {"penalty", "lambda", "lr", "validation loss"} <= set(headings)
    assert all(each in text for each in ("elastic net", "8.343e-5", "0.0002343", "0.1143"))


def test_a_wide_terminal_has_every_measure():
    assert set(MEASURES.values()) <= set(printed(120)[1])
    assert printed(120)[1] == [str(column.header) for column in curve(CANDIDATES, 0).columns]


@pytest.mark.parametrize("selected", [0, 1, 4567, 9999])
def test_of_thousands_of_candidates_the_selected_one_is_among_those_that_are_shown(selected):
    """Spread over all, each once, the first and the last too unless the selected one stands in their place."""
    many = CANDIDATES.iloc[np.zeros(10_000, int)].reset_index(drop=True)
    many["lambda"] = np.geomspace(1e-4, 1e2, len(many))
    many["penalty"] = "l2"
    shown = list(curve(many.assign(train_loss=np.arange(10_000.0)), selected).columns[5].cells)
    places = [int(float(each)) for each in shown]
    assert len(places) == MOST_ROWS
    assert selected in places
    assert max(np.diff(places)) < 2 * 10_000 / MOST_ROWS
    assert min(np.diff(places)) > 0
    assert places[-1] > 9_800
