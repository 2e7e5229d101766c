"""A study's view is what its ledger holds, and reading it breaks no seal."""

from __future__ import annotations

import numpy as np
import pytest
from figure_views import L2, outcome
from optuna.distributions import CategoricalDistribution, FloatDistribution

from search.core.candidate import Candidate
from search.ledger import StudyLedger, open_storage
from search.report.view import StudyView


@pytest.fixture
def ledger(tmp_path):
    settings = {"name": "study", "question": "Why?", "data": {"source": "synthetic_linear"}}
    identity = {"settings": settings, "fingerprint": "abc", "versions": {"torch": "2.13"}}
    return StudyLedger.open(open_storage(str(tmp_path / "ledger.journal")), "study", **identity)


def ask(ledger, candidate: Candidate) -> int:
    study = ledger.study()
    study.enqueue_trial(candidate.params())
    space = {"penalty": CategoricalDistribution(["none", "l2"])}
    if candidate.penalty != "none":
        space["lambda"] = FloatDistribution(1e-4, 1e4, log=True)
    return study.ask(space).number


def run(ledger, candidates, losses):
    for candidate, loss in zip(candidates, losses, strict=True):
        rng = np.random.default_rng(int(10 * loss))
        rows = loss + rng.random((3, 2, 6))
        ledger.record(outcome(candidate, rows[0], rows[1]), [ask(ledger, candidate)])


def judged(ledger):
    return StudyView.judged(ledger.snapshot(open_test=True), confidence=0.95, tolerance=0.01, scope="models")


def test_a_view_has_each_candidate_once_in_the_order_of_the_verdict(ledger):
    run(ledger, [L2[1], L2[0], L2[1], L2[2]], [3.0, 2.0, 1.0, 4.0])
    view = judged(ledger)
    results, verdict = view.results, view.verdict
    assert results.trials.tolist() == [2, 1, 3]
    assert len(view.study.trials) == 4
    assert view.study.complete.tolist() == [0, 1, 0, 2]
    assert results.trials[view.selected] == verdict.selected.trial == 2
    assert results.test.mean(axis=(1, 2))[view.selected] == pytest.approx(verdict.selected.test_loss)
    assert results.validation.mean(axis=(1, 2))[view.selected] == pytest.approx(verdict.selected.validation_loss)
    assert list(results.candidates) == [L2[1], L2[0], L2[2]]
    assert results.trials[view.best_on_test] == verdict.best_on_test.trial
    assert (view.study.name, view.study.question, view.metric) == ("study", "Why?", "mse")


def test_a_view_opens_nothing(ledger):
    run(ledger, L2, [3.0, 2.0, 1.0, 4.0])
    view = StudyView(ledger.snapshot())
    assert view.study.sealed
    assert view.results.test is None
    assert view.best_on_test is None
    assert ledger.openings == []


def test_trials_after_an_opening_close_the_view_again(ledger):
    run(ledger, L2[:2], [3.0, 2.0])
    judged(ledger)
    assert ledger.snapshot().results.test is not None
    run(ledger, L2[2:], [1.0, 4.0])
    assert ledger.snapshot().results.test is None
    assert len(ledger.openings) == 1


def test_a_study_that_has_not_begun_has_an_empty_view(ledger):
    view = StudyView(ledger.snapshot())
    assert view.selected is None
    assert len(view.results) == 0
    assert view.results.test is None
