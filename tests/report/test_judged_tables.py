"""The tables of candidates and picks against the arrays that they show."""

from __future__ import annotations

import numpy as np
import pytest
from figure_views import L2, column, random_view, rotated_view, with_grid

from search.core.candidate import Candidate
from search.report.facts import facts_of, figures_of, file_name, without_paths
from search.report.figures.regret import regret
from search.report.judged_tables import candidates_table, picks_table
from search.verdict.rotation import inner_views


def test_every_compared_candidate_has_its_losses_and_the_regret_of_the_figure():
    view = with_grid()
    case, curve = view.comparison, regret(view)
    table = candidates_table(view, curve)
    order = np.argsort(case.compared.validation_loss)
    assert len(table.rows) == len(case.compared) > len(view.results)
    assert column(table, "trial").count("grid") == len(case.compared) - len(view.results)
    for heading, values in {
        "validation loss": case.compared.validation_loss,
        "test loss": case.risk,
        "regret, %": -100 * curve.excess.mean,
        "at most": -100 * curve.excess.low,
    }.items():
        shown = np.array([float(text) for text in column(table, heading)])
        np.testing.assert_allclose(shown, values[order], rtol=1e-3, atol=1e-6)
    regrets = np.array([float(text) for text in column(table, "regret, %")])
    best = view.verdict.best_on_test.candidate
    assert regrets.max() >= 0 > regrets.min()  # above 0 is better, as in the verdict's sentences
    assert column(table, "lambda")[int(regrets.argmax())] == f"{best.lambda_:.4g}"
    assert candidates_table(random_view(L2, judged=False), None) is None


def test_each_turn_has_the_pick_that_it_made_without_its_own_rows():
    view = rotated_view()
    case, table = view.comparison, picks_table(view)
    turns = list(inner_views(case.results, case.inner))
    assert len(table.rows) == len(turns)
    assert sum(map(int, column(table, "rows"))) == case.results.validation.shape[2]
    for row, (turn, seen) in zip(table.rows, turns, strict=True):
        pick = int(seen.validation_loss.argmin())
        assert row[2] == str(case.results.candidates[pick])
        assert float(row[4]) == pytest.approx(np.nanmean(case.results.validation[pick, turn]), rel=1e-3)
    assert picks_table(random_view(L2)) is None


def test_in_a_rotation_no_second_column_repeats_the_validation_loss():
    view = rotated_view()
    headings = [each.heading for each in candidates_table(view, regret(view)).columns]
    assert "validation loss" in headings
    assert "test loss" not in headings


def test_somebody_elses_strength_has_its_own_name_and_no_penalty_that_repeats_it():
    foreign = [Candidate.named("alpha", {"penalty": "alpha", "lambda": each}) for each in (0.1, 1.0, 10.0)]
    view = random_view(foreign)
    table = candidates_table(view, regret(view))
    assert [each.heading for each in table.columns][:2] == ["trial", "alpha"]
    assert sorted(map(float, column(table, "alpha"))) == [0.1, 1.0, 10.0]
    assert "grid" not in table.caption


def test_the_head_says_what_is_known_and_leaves_out_the_rest(study):
    facts = facts_of(study.view)
    assert facts["data"] == "synthetic_linear"
    assert facts["task"] == "regression"
    assert "target" not in facts
    assert facts["inputs of the model"] == str(len(study.view.evidence.features))
    assert facts_of(random_view(L2))["rows"] == "40 validation, 40 test"


def test_the_figures_beside_the_verdict_are_its_own(study):
    shown = {what: (value, beside) for what, value, beside in figures_of(study.verdict)}
    assert shown["R²"][0] == f"{study.verdict.scores.r2:.2f}"
    assert "tolerance" in shown["regret"][1]
    assert figures_of(None) == []


@pytest.mark.parametrize(
    "path", ["/home/somebody/houses.csv", "C:\\Users\\somebody\\houses.csv", "s3://somebody:secret@store/houses.csv"]
)
def test_a_path_is_shown_by_its_last_part(path):
    assert file_name(path) == "houses.csv"
    settings = {"name": "a", "data": {"source": "file", "path": path}}
    assert without_paths(settings) == {"name": "a", "data": {"source": "file", "path": "houses.csv"}}
    assert without_paths({"name": "a"}) == {"name": "a"}
