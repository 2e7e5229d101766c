"""Optuna's trials as candidates and rows, without a storage."""

from __future__ import annotations

import math

import numpy as np
import optuna
import pytest
from ledger_helpers import make_results
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from search.core.candidate import Candidate
from search.core.results import join
from search.ledger import trials

SPACE = {
    "penalty": CategoricalDistribution(["none", "l2", "elastic_net"]),
    "lambda": FloatDistribution(1e-4, 1e4, log=True),
    "l1_ratio": FloatDistribution(0, 1),
    "epochs": IntDistribution(1, 100),
    "lr": FloatDistribution(1e-4, 1, log=True),
    "init": CategoricalDistribution(["zeros", "normal"]),
}


def trial(number: int, params, value: float | None = None, state=TrialState.COMPLETE, **attributes):
    made = create_trial(
        state=state,
        value=value,
        params=params,
        distributions={name: SPACE[name] for name in params},
        user_attrs=attributes,
    )
    made.number = number
    return made


def l2(strength: float, **others):
    return {"penalty": "l2", "lambda": strength, **others}


def test_an_export_has_the_same_columns_whatever_was_searched():
    first = [
        *("trial", "state", "penalty", "lambda", "l1_ratio"),
        *("train_loss", "validation_loss", "validation_se", "weight_norm", "nonzero", "epochs", "seconds"),
        "nonzero_groups",
    ]
    assert list(trials.table([]).columns) == first
    assert list(trials.table([trial(0, {"penalty": "none"}, 1.0)]).columns) == first
    assert list(trials.table([trial(0, l2(1.0, lr=0.1, init="zeros"), 1.0)]).columns) == [
        *first[:5],
        *("lr", "init"),
        *first[5:],
    ]


def test_rows_are_sorted_and_hold_candidates_and_measures():
    frame = trials.table(
        [
            trial(1, {"penalty": "none"}, 2.0, validation_loss=2.0, epochs=7),
            trial(0, {"penalty": "elastic_net", "lambda": 0.5, "l1_ratio": 0.3}, 1.0, validation_loss=1.0, seconds=3.0),
            trial(2, {"penalty": "l2"}, state=TrialState.RUNNING),
        ]
    )
    assert frame["trial"].tolist() == [0, 1, 2]
    assert frame["state"].tolist() == ["complete", "complete", "running"]
    assert frame["penalty"].tolist()[:2] == ["elastic_net", "none"]
    assert frame["lambda"].tolist()[:2] == [0.5, 0.0]
    assert (frame["l1_ratio"][0], frame["seconds"][0], frame["epochs"][1]) == (0.3, 3.0, 7)
    assert frame.loc[2, ["penalty", "lambda", "l1_ratio", "validation_loss", "epochs"]].isna().all()


def test_where_epochs_are_searched_what_was_trained_stands_beside_what_was_asked():
    frame = trials.table([trial(0, l2(1.0, epochs=50), 1.0, epochs=20), trial(1, l2(2.0, epochs=60), 1.0, epochs=60)])
    assert frame["epochs"].tolist() == [50, 60]
    assert frame["trained_epochs"].tolist() == [20, 60]


def test_a_candidate_is_what_was_enqueued_until_it_is_suggested():
    study = optuna.create_study()
    study.enqueue_trial({"penalty": "elastic_net", "lambda": 2.0, "l1_ratio": 0.5})
    study.ask().suggest_categorical("penalty", ["none", "elastic_net"])
    assert trials.candidate_of(study.trials[0]) == Candidate("elastic_net", 2.0, l1_ratio=0.5)
    half = optuna.create_study()
    half.ask()
    assert trials.candidate_of(half.trials[0]) is None
    assert trials.candidate_of(trial(0, {"penalty": "l2"}, 1.0)) is None
    assert trials.candidate_of(trial(0, {"penalty": "none"}, 1.0)) == Candidate("none")


def test_the_best_trial_has_the_lowest_loss_ties_for_more_penalty():
    every = [trial(0, l2(1.0), 3.0), trial(1, l2(2.0), 1.0), trial(2, l2(3.0), 1.0), trial(3, {"penalty": "none"}, 1.0)]
    every.append(trial(4, l2(9.0), 0.5, TrialState.PRUNED))
    assert trials.best(every).number == 2
    assert trials.best(every[:1]).number == 0
    assert trials.best([]) is None
    assert trials.best([trial(0, l2(1.0), math.inf), trial(1, l2(2.0), math.inf)]).number == 1


def test_distinct_candidates_stand_by_their_first_trials_the_selected_one_by_its_own():
    every = [trial(0, l2(2.0), 3.0), trial(1, l2(1.0), 4.0), trial(2, l2(2.0), 1.0), trial(3, l2(1.0), 5.0)]
    every.append(trial(4, l2(7.0), 0.5, TrialState.PRUNED))
    found = trials.distinct(every)
    assert (found.numbers, found.complete.tolist(), found.selected) == ([2, 1], [0, 1, 0, 1], 0)
    nothing = trials.distinct(every[4:])
    assert (nothing.numbers, len(nothing.complete), nothing.selected) == ([], 0, None)


def test_attributes_are_means_over_replicates_and_counts():
    results = join([make_results(Candidate("l2", float(place + 1)), place) for place in range(2)])
    for row, told in enumerate(trials.attributes(results)):
        assert told["train_loss"] == pytest.approx(results.train_loss[row].mean())
        assert told["validation_loss"] == results.validation_loss[row]
        assert told["validation_se"] == results.validation_se[row]
        assert (told["diverged"], told["not_converged"]) == (1, 0)
        assert (told["epochs"], told["seconds"]) == (3, 0.25)
        assert {type(value) for value in told.values()} <= {int, float}  # a storage keeps JSON


def test_a_replicate_that_was_not_fitted_does_not_count_and_one_that_diverged_does():
    (told,) = trials.attributes(
        make_results(Candidate("l2", 1.0), weight_norm=np.array([[np.nan, 4.0]]), train_loss=np.array([[np.inf, 1.0]]))
    )
    assert (told["weight_norm"], told["train_loss"]) == (4.0, math.inf)


def test_what_nobody_measured_is_no_attribute():
    lean = make_results(Candidate("l2", 1.0), train_loss=None, epochs=None, diverged=None, converged=None)
    (told,) = trials.attributes(lean)
    assert not told.keys() & {"train_loss", "epochs", "diverged", "not_converged"}


def test_a_candidate_without_any_validation_loss_is_refused():
    held = np.full((1, 2, 5), np.nan, np.float32)
    with pytest.raises(ValueError, match="l2 with lambda 1 holds out no row"):
        trials.attributes(make_results(Candidate("l2", 1.0), validation=held))
