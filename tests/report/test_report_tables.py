"""The page's tables against the frames that they show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from search.report import tables
from search.report.tables import MISSING, digits, leading_trials, rules_table, seeds_of, trials_table, versions_of


def column(table, heading):
    index = [each.heading for each in table.columns].index(heading)
    return [row[index] for row in table.rows]


def test_trials_ascend_by_validation_loss_and_the_selected_one_is_marked(study):
    table = trials_table(study.view)
    losses = [float(text) for text in column(table, "validation loss")]
    assert losses == sorted(losses)
    assert table.columns[table.sorted_by].heading == "validation loss"
    assert column(table, "trial")[table.marked] == str(study.verdict.selected.trial)
    assert sorted(map(int, column(table, "trial"))) == study.trials["trial"].tolist()


def test_test_losses_are_those_of_the_verdict_also_for_repeated_candidates(study):
    frame = tables.with_test_loss(study.view, study.trials)
    selected = frame.loc[frame["trial"] == study.verdict.selected.trial, "test_loss"].item()
    assert selected == pytest.approx(study.verdict.selected.test_loss, rel=1e-6)
    assert frame["trial"].tolist() == study.trials["trial"].tolist()
    repeated = pd.concat([study.trials, study.trials.assign(trial=study.trials["trial"] + 100)], ignore_index=True)
    np.testing.assert_array_equal(
        tables.with_test_loss(study.view, repeated)["test_loss"], [*frame["test_loss"], *frame["test_loss"]]
    )


def test_a_sealed_study_has_no_column_for_test_losses(sealed):
    assert "test loss" not in [each.heading for each in trials_table(sealed.view).columns]
    assert "test_loss" not in leading_trials(sealed.view)


def test_a_long_study_is_cut_to_its_best_trials_and_says_so(study, monkeypatch):
    monkeypatch.setattr(tables, "MOST_ROWS", 3)
    whole = sorted(float(text) for text in column(trials_table(study.view), "validation loss"))
    table = trials_table(study.view)
    assert [float(text) for text in column(table, "validation loss")] == whole[:3]
    assert f"The 3 with the lowest validation loss of {len(study.trials)} trials" in table.caption


def test_trials_that_never_got_a_candidate_or_a_loss_are_rows_of_dashes(study):
    lost = study.trials.iloc[[0]].assign(
        trial=99, state="failed", penalty=np.nan, **{"lambda": np.nan, "validation_loss": np.nan, "epochs": pd.NA}
    )
    view = replace(study.view, trials=pd.concat([study.trials, lost], ignore_index=True))
    table = trials_table(view)
    assert column(table, "state")[-1] == "failed"
    assert [column(table, heading)[-1] for heading in ("penalty", "lambda", "validation loss")] == [MISSING] * 3


def test_rules_are_those_of_the_verdict(study):
    table = rules_table(study.verdict)
    assert len(table.rows) == len(study.verdict.rules)
    assert column(table, "test loss") == [digits(rule.test_loss) for rule in study.verdict.rules]


def test_numbers_read_back_by_the_page_keep_four_digits():
    assert [digits(value) for value in (1.23456e-7, 0.0, 123456.0)] == ["1.235e-07", "0", "1.235e+05"]
    assert [digits(value) for value in (None, np.nan, np.inf)] == [MISSING, MISSING, "infinity"]


def test_seeds_and_versions():
    settings = {"name": "x", "data": {"seed": 3}, "model": {"kind": "linear"}, "training": {"seed": 5, "seeds": 2}}
    assert seeds_of(settings) == {"data.seed": "3", "training.seed": "5"}
    history = [{"torch": "2.12", "numpy": "2"}, {"torch": "2.13", "numpy": "2"}]
    assert versions_of(history) == {"torch": "2.12, then 2.13", "numpy": "2"}
