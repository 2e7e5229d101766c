"""The page's tables against the frames that they show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from figure_views import L2, column, outcome, random_view, view_of

from search.core.candidate import Candidate
from search.core.text import NOTHING, number
from search.report import tables
from search.report.tables import DIGITS, leading_trials, rules_table, seeds_of, trials_table, versions_of


def test_trials_ascend_by_validation_loss_and_the_selected_one_is_marked(study):
    table = trials_table(study.view)
    losses = [float(text) for text in column(table, "validation loss")]
    assert losses == sorted(losses)
    assert table.columns[table.sorted_by].heading == "validation loss"
    assert column(table, "trial")[table.marked] == str(study.verdict.selected.trial)
    assert sorted(map(int, column(table, "trial"))) == study.trials["trial"].tolist()


def test_test_losses_are_those_of_the_verdict_also_for_repeated_candidates(study):
    frame = tables.with_test_loss(study.view)
    selected = frame.loc[frame["trial"] == study.verdict.selected.trial, "test_loss"].item()
    assert selected == pytest.approx(study.verdict.selected.test_loss, rel=1e-6)
    assert frame["trial"].tolist() == study.trials["trial"].tolist()
    repeated = random_view(L2, repeated=[2, 0, 2])
    losses = repeated.results.test_loss
    np.testing.assert_array_equal(
        tables.with_test_loss(repeated)["test_loss"], [*losses, losses[2], losses[0], losses[2]]
    )


def test_only_complete_trials_have_test_losses(study):
    pruned = study.trials.iloc[[0]].assign(trial=99, state="pruned")
    view = replace(study.view, study=replace(study.snapshot, trials=pd.concat([pruned, study.trials])))
    losses = tables.with_test_loss(view)["test_loss"]
    assert np.isnan(losses.iloc[0])
    np.testing.assert_array_equal(losses.iloc[1:], tables.with_test_loss(study.view)["test_loss"])


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
    trials = pd.concat([study.trials, lost], ignore_index=True)
    view = replace(study.view, study=replace(study.snapshot, trials=trials))
    table = trials_table(view)
    assert column(table, "state")[-1] == "failed"
    assert [column(table, heading)[-1] for heading in ("penalty", "lambda", "validation loss")] == [NOTHING] * 3


def test_every_parameter_that_was_searched_has_its_column():
    searched = [Candidate("none", lr=0.1), Candidate("l2", 0.5, lr=0.001, epochs=20), Candidate("l2", 2.0, lr=0.1)]
    view = view_of([outcome(each, np.ones((1, 3)) + place) for place, each in enumerate(searched)])
    table = trials_table(view)
    assert column(table, "lambda") == [NOTHING, "0.5", "2"]
    assert column(table, "lr") == ["0.1", "0.001", "0.1"]
    assert column(table, "epochs") == [NOTHING, "20", NOTHING]
    assert column(table, "trained epochs") == ["3"] * 3
    assert list(leading_trials(view))[:4] == ["penalty", "lambda", "lr", "epochs"]


def test_rules_are_those_of_the_verdict(study):
    table = rules_table(study.verdict)
    assert len(table.rows) == len(study.verdict.rules)
    assert column(table, "test loss") == [number(rule.test_loss, DIGITS) for rule in study.verdict.rules]


def test_numbers_read_back_by_the_page_keep_four_digits():
    assert [number(value, DIGITS) for value in (1.23456e-7, 0.0, 123456.0)] == ["1.235e-7", "0", "123,500"]
    assert [number(value, DIGITS) for value in (None, np.nan, np.inf)] == [NOTHING, NOTHING, "infinity"]


def test_seeds_and_versions():
    settings = {"name": "x", "data": {"seed": 3}, "model": {"kind": "linear"}, "training": {"seed": 5, "seeds": 2}}
    assert seeds_of(settings) == {"data.seed": "3", "training.seed": "5"}
    history = [{"torch": "2.12", "numpy": "2"}, {"torch": "2.13", "numpy": "2"}]
    assert versions_of(history) == {"torch": "2.12, then 2.13", "numpy": "2"}


def test_the_share_of_groups_that_are_left_is_told_where_a_penalty_takes_out_groups():
    headings = {}
    for penalty in ("l1", "group_lasso"):
        each = [Candidate("none"), Candidate(penalty, 0.5)]
        view = view_of([outcome(one, np.ones((1, 3)) + place) for place, one in enumerate(each)])
        trials = view.study.trials.assign(nonzero_groups=[1.0, 0.25])
        table = trials_table(replace(view, study=replace(view.study, trials=trials)))
        headings[penalty] = [one.heading for one in table.columns]
    assert "nonzero groups, %" not in headings["l1"]
    assert column(table, "nonzero groups, %") == ["100", "25"]
