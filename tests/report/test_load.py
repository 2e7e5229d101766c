"""A study in Python: frames, losses, verdict, figures, and what a notebook shows."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import plotly.graph_objects as go
import pytest

import search
from search.ledger import StudyLedger, open_storage
from search.records import UserError
from search.report.figures import FIGURES
from search.verdict.study import judge_study


def test_trials_losses_and_verdict_are_those_of_the_ledger(study, storage):
    ledger = StudyLedger.load(open_storage(storage), "small")
    assert study.trials.equals(ledger.trials())
    numbers = study.candidates["trial"].tolist()
    np.testing.assert_array_equal(study.losses.test, ledger.open_test(numbers))
    for number, losses in zip(numbers, study.losses.validation, strict=True):
        np.testing.assert_array_equal(losses, ledger.outcome(number).losses.validation)
    assert study.verdict == judge_study(ledger, confidence=0.95, tolerance=0.01)


def test_a_sealed_study_is_loaded_without_test_losses_and_stays_sealed(sealed, storage):
    assert sealed.losses.test is None
    assert sealed.verdict is None
    assert StudyLedger.load(open_storage(storage), "sealed").openings == []


def test_figures_are_drawn_when_asked_for(study):
    assert set(study.figures) < set(FIGURES) or set(study.figures) == set(FIGURES)
    assert list(study.figures) == [name for name in FIGURES if name in study.figures]
    assert isinstance(study.figures["losses"], go.Figure)
    assert study.figures.left_out().keys() | set(study.figures) == set(FIGURES)
    with pytest.raises(KeyError, match="no figure 'nonsense'; there are: losses"):
        study.figures["nonsense"]


def test_a_figure_that_does_not_apply_says_what_it_needs(sealed):
    assert "regret" not in sealed.figures
    with pytest.raises(KeyError, match=r"does not apply to this study\. It needs"):
        sealed.figures["regret"]


def test_a_notebook_shows_the_sentence_a_table_and_the_main_figure(study, sealed, hostile):
    shown = study._repr_html_()
    assert shown.index("small") < shown.index("<table") < shown.index("Plotly.newPlot")
    assert "test_loss" in shown
    assert "test rows are sealed" in sealed._repr_html_()
    assert "test_loss" not in sealed._repr_html_()
    markup = type(study)(hostile)._repr_html_()
    assert hostile.name not in markup


def test_unknown_studies_and_storages_are_named(storage, tmp_path):
    with pytest.raises(UserError, match=r"'smal' is not in .*did you mean 'small'"):
        search.load("smal", storage)
    with pytest.raises(UserError, match="no such storage"):
        search.load("small", str(tmp_path / "none.journal"))


def test_importing_the_report_loads_neither_torch_nor_optuna():
    modules = "search.report.page, search.report.dashboard, search.report.load, search.report.images"
    code = f"import sys, {modules}; print([name for name in ('torch', 'optuna') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
