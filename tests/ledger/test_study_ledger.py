"""The contract of a study's ledger, on every kind of storage."""

from __future__ import annotations

import math
from dataclasses import asdict, replace

import numpy as np
import pytest
from ledger_helpers import (
    ask,
    confirm,
    make_results,
    record,
    recover,
    results_for,
    run_batch,
    same,
    sealed,
)
from postgresql import dispose

from search.core import writing
from search.core.candidate import Candidate
from search.core.errors import UserError
from search.core.evidence import Facts, Plain
from search.core.results import empty_results, join
from search.ledger import StudyLedger, codec, open_storage
from search.ledger.openings import Opening, openings_in, still_sealed


def numbered(results, *numbers: int):
    return replace(results, trial=np.array(numbers))


def test_trials_survive_reopening(storage_name, storage, ledger):
    results = run_batch(ledger, 4)
    reopened = StudyLedger.load(open_storage(storage_name), "study")
    frame = reopened.trials()
    assert frame["trial"].tolist() == [0, 1, 2, 3]
    assert set(frame["state"]) == {"complete"}
    for number, candidate in enumerate(results.candidates):
        row = frame.loc[number]
        assert Candidate(row["penalty"], row["lambda"]) == candidate
        assert math.isnan(row["l1_ratio"])
        assert row["train_loss"] == pytest.approx(results.train_loss[number].mean())
        assert row["validation_loss"] == results.validation_loss[number]
        assert row["validation_se"] == results.validation_se[number]
        assert (row["epochs"], row["seconds"]) == (3, 0.25)
        same(reopened.results([number]), sealed(results.take([number])))
    same(reopened.results([2, 0, 3, 1]), sealed(results.take([2, 0, 3, 1])))
    assert reopened.completed() == {candidate: number for number, candidate in enumerate(results.candidates)}
    assert reopened.selected() == int(results.validation_loss.argmin())
    dispose(reopened.storage)


def test_results_of_several_batches_are_read_in_any_order(ledger):
    every = join([run_batch(ledger, count, seed) for seed, count in enumerate((2, 1, 3))])
    for order in ([5, 0, 2, 4, 1, 3], [3], []):
        found = ledger.results(order)
        assert found.trials.tolist() == order
        if order:
            same(found, sealed(every.take(order)))


def test_optuna_sees_the_study(ledger):
    results = run_batch(ledger, 3)
    study = ledger.study()
    assert [trial.value for trial in study.trials] == results.validation_loss.tolist()
    assert study.trials[0].user_attrs["diverged"] == 1
    assert study.trials[0].user_attrs["not_converged"] == 0


def test_infinity_and_nan_survive(ledger):
    ((number, candidate),) = ask(ledger, 1).items()
    results = make_results(candidate)
    results.validation[0, 1, 2] = np.inf
    results.train_loss[0, 0] = np.inf
    results.weight_norm[0] = np.nan
    ledger.record(results, [number])
    row = ledger.trials().loc[number]
    assert row["state"] == "complete"
    assert row["validation_loss"] == row["validation_se"] == row["train_loss"] == math.inf
    assert math.isnan(row["weight_norm"])
    assert ledger.study().trials[number].value == math.inf
    same(ledger.results([number]), sealed(numbered(results, number)))


def test_nan_validation_loss_is_refused_before_anything_is_written(ledger):
    results = results_for(asked := ask(ledger, 2))
    results.validation[1] = np.nan
    with pytest.raises(ValueError, match="holds out no row"):
        ledger.record(results, list(asked))
    assert ledger.trials()["state"].tolist() == ["running", "running"]
    assert not list(ledger.storage.folder.rglob("*.npz"))


def test_losses_are_durable_before_a_trial_is_told(ledger, monkeypatch):
    asked = ask(ledger, 2)

    def pulled(_file) -> None:
        raise OSError("pulled")

    with monkeypatch.context() as patched:
        patched.setattr(writing, "sync", pulled)
        with pytest.raises(OSError, match="pulled"):
            record(ledger, asked)
    assert ledger.trials()["state"].tolist() == ["running", "running"]
    results = record(ledger, asked)
    same(ledger.results([0, 1]), sealed(results))


def test_a_snapshot_holds_the_complete_trials_only(ledger):
    candidates = ask(ledger, 3)
    stopped = record(ledger, {1: candidates[1]}, pruned=np.array([True]))
    others = record(ledger, {number: candidates[number] for number in (0, 2)})
    snapshot = ledger.snapshot()
    assert snapshot.results.trials.tolist() == [0, 2]
    same(snapshot.results, sealed(others))
    assert snapshot.complete.tolist() == [0, 1]
    assert snapshot.trials.equals(ledger.trials())
    assert snapshot.trials["state"].tolist() == ["complete", "pruned", "complete"]
    same(ledger.results([1]), sealed(stopped))
    assert ledger.results([1]).pruned.all()
    assert set(ledger.completed().values()) == {0, 2}
    assert ledger.tally.ended.keys() == set(candidates.values())
    assert (ledger.finished(), ledger.asked()) == (3, 3)


def test_a_snapshot_of_a_study_without_trials_is_empty(ledger):
    snapshot = ledger.snapshot()
    assert (len(snapshot.results), snapshot.selected, snapshot.sealed) == (0, None, True)
    assert len(snapshot.trials) == len(snapshot.complete) == 0
    assert (snapshot.name, snapshot.settings, snapshot.versions) == ("study", ledger.settings, ({"torch": "2.13"},))


def test_trials_of_one_candidate_share_its_losses(ledger):
    asked = ask(ledger, 2)
    candidate = asked[0]
    for _ in range(2):
        ledger.study().enqueue_trial(candidate.params())
    assert ask(ledger, 2) == {2: candidate, 3: candidate}
    results = results_for({0: candidate, 1: asked[1]})
    ledger.record(results, [0, 1], same_as={2: 0})
    ledger.record(empty_results(), [], same_as={3: 0})
    frame = ledger.trials()
    assert set(frame["state"]) == {"complete"}
    assert frame["seconds"].tolist() == [0.25, 0.25, 0.0, 0.0]
    assert frame["validation_loss"][[2, 3]].tolist() == [results.validation_loss[0]] * 2
    same(ledger.results([3, 1, 2]), sealed(numbered(results.take([0, 1, 0]), 3, 1, 2)))
    assert len(list(ledger.storage.folder.rglob("*.npz"))) == 1


def test_trials_of_a_pruned_candidate_are_pruned(ledger):
    asked = ask(ledger, 2)
    stopped = results_for({0: asked[0]}, pruned=np.array([True]))
    ledger.record(stopped, [0], same_as={1: 0})
    assert ledger.trials()["state"].tolist() == ["pruned", "pruned"]


def test_a_snapshot_has_each_candidate_once(ledger):
    for strength in (1.0, 2.0, 1.0, 3.0):
        ledger.study().enqueue_trial({"penalty": "l2", "lambda": strength})
    asked = ask(ledger, 4)
    results = results_for({number: asked[number] for number in (0, 1, 3)})
    ledger.record(results, [0, 1, 3], same_as={2: 0})
    snapshot = ledger.snapshot(open_test=True)
    same(snapshot.results, results)
    assert snapshot.complete.tolist() == [0, 1, 0, 2]
    assert snapshot.selected == int(results.validation_loss.argmin())
    assert snapshot.evidence.trials == 4


def test_none_has_no_lambda_and_incomplete_trials_no_numbers(ledger):
    study = ledger.study()
    for params in ({"penalty": "none"}, {"penalty": "elastic_net", "lambda": 2.0, "l1_ratio": 0.5}):
        study.enqueue_trial(params)
    first, second = study.ask(), study.ask()
    first.suggest_categorical("penalty", ["none", "elastic_net"])
    record(ledger, {first.number: Candidate("none")})
    frame = ledger.trials()
    assert (frame.loc[0, "penalty"], frame.loc[0, "lambda"]) == ("none", 0.0)
    assert frame.loc[1, ["penalty", "lambda", "l1_ratio"]].tolist() == ["elastic_net", 2.0, 0.5]
    assert frame.loc[1, "state"] == "running"
    assert frame.loc[1, ["train_loss", "epochs"]].isna().all()
    assert second.number == 1


def test_ties_go_to_more_penalty(ledger):
    study = ledger.study()
    for strength in (1.0, 3.0, 2.0):
        study.enqueue_trial({"penalty": "l2", "lambda": strength})
    for number, candidate in ask(ledger, 3).items():
        ledger.record(make_results(candidate, seed=0), [number])
    assert ledger.selected() == 1
    assert ledger.snapshot().results.candidates[ledger.snapshot().selected] == Candidate("l2", 3.0)


def test_what_was_told_stands_in_the_snapshot(ledger):
    run_batch(ledger, 3)
    told = Facts(
        features=("a", "b"),
        lambda_range={"l2": (0.1, 10.0)},
        baseline_loss=2.5,
        seed_losses=(0.5, 0.25),
        trials=(2, 0, 1),
        criteria={"gcv": np.array([0.2, np.nan, 0.1])},
        sealed_criteria={"true_risk": np.array([2.0, 0.0, 1.0])},
        plain=Plain("mse", 3.5),
    )
    ledger.keep_facts(told)
    snapshot = ledger.snapshot()
    evidence = snapshot.evidence
    assert (evidence.features, evidence.lambda_range, evidence.baseline_loss) == (
        told.features,
        told.lambda_range,
        told.baseline_loss,
    )
    assert (evidence.seed_losses, evidence.plain) == (told.seed_losses, None)
    assert snapshot.results.criteria.keys() == {"gcv"}
    np.testing.assert_array_equal(snapshot.results.criteria["gcv"], [np.nan, 0.1, 0.2])
    opened = ledger.snapshot(open_test=True)
    np.testing.assert_array_equal(opened.results.criteria["true_risk"], [0.0, 1.0, 2.0])
    assert (opened.evidence.openings, opened.evidence.trials) == ((3,), 3)
    assert opened.evidence.plain == told.plain
    run_batch(ledger, 1, seed=1)
    later = ledger.snapshot()
    assert later.results.criteria.keys() == {"gcv"}
    np.testing.assert_array_equal(later.results.criteria["gcv"], [np.nan, 0.1, 0.2, np.nan])


# The seal


def test_test_losses_stay_sealed_until_opened_and_each_opening_is_recorded(storage_name, ledger):
    results = run_batch(ledger, 3)
    assert ledger.sealed
    assert ledger.openings == []
    assert ledger.snapshot().results.test is None
    assert ledger.openings == []
    opened = ledger.snapshot(open_test=True)
    same(opened.results, results)
    assert not opened.sealed
    assert not ledger.sealed
    assert ledger.open_test()
    ledger.snapshot(open_test=True)
    assert [opening.complete for opening in ledger.openings] == [3]
    same(ledger.results([0]), results.take([0]))
    same(ledger.snapshot().results, results)

    results = join([results, run_batch(ledger, 2, seed=1)])
    assert ledger.sealed
    assert ledger.results([0]).test is None
    assert ledger.snapshot().results.test is None
    reopened = StudyLedger.load(open_storage(storage_name), "study")
    assert reopened.open_test()
    assert [opening.complete for opening in reopened.openings] == [3, 5]
    assert reopened.openings[0].when < reopened.openings[1].when
    same(reopened.results([4, 0]), results.take([4, 0]))
    dispose(reopened.storage)


def test_without_test_rows_nothing_is_opened(ledger):
    assert not ledger.open_test()
    results = record(ledger, ask(ledger, 2), test=False)
    assert not ledger.has_test()
    assert not ledger.open_test()
    snapshot = ledger.snapshot(open_test=True)
    same(snapshot.results, results)
    assert snapshot.evidence.openings == ()
    assert ledger.openings == []


def test_the_opening_is_recorded_before_a_loss_is_read(ledger, monkeypatch):
    run_batch(ledger, 1)
    with pytest.raises(UserError, match="trial 9 has no losses"):
        ledger.results([0, 9])
    assert ledger.openings == []
    ledger.snapshot()
    assert ledger.openings == []

    def unreadable(_sealed, _key) -> None:
        raise OSError("pulled")

    monkeypatch.setattr(codec, "break_seal", unreadable)
    with pytest.raises(UserError, match="it cannot be read"):
        ledger.snapshot(open_test=True)
    assert len(ledger.openings) == 1


@pytest.mark.parametrize("part", ["grid", "inner", "exact"])
def test_a_confirmation_is_kept_outside_the_trials_and_sealed(ledger, part):
    assert ledger.confirmations.read(part, with_test=not ledger.sealed) is None
    assert getattr(ledger.snapshot().evidence, part) is None
    run_batch(ledger, 2)
    kept = results_for({place: Candidate("l2", strength) for place, strength in enumerate((0.1, 1.0, 10.0))})
    confirm(ledger, part, kept)
    same(ledger.confirmations.read(part, with_test=not ledger.sealed), sealed(kept))
    same(getattr(ledger.snapshot().evidence, part), sealed(kept))
    assert len(ledger.trials()) == 2
    same(getattr(ledger.snapshot(open_test=True).evidence, part), kept)
    same(ledger.confirmations.read(part, with_test=not ledger.sealed), kept)
    confirm(ledger, part, kept.take([0]))
    same(ledger.confirmations.read(part, with_test=not ledger.sealed), kept.take([0]))


def test_facts_confirm_the_trials_that_there_are(ledger):
    """They are kept last: nothing else marks the trials as confirmed."""
    kept = results_for({0: Candidate("l2", 1.0)})
    assert not ledger.confirmed()
    run_batch(ledger, 2)
    for part in ("exact", "inner", "grid"):
        confirm(ledger, part, kept)
        assert not ledger.confirmed()
    ledger.keep_facts(Facts(seed_losses=(0.5, 0.25)))
    assert ledger.confirmed()
    assert ledger.snapshot().evidence.seed_losses == (0.5, 0.25)
    run_batch(ledger, 1, seed=1)
    assert not ledger.confirmed()


# Interruptions


def test_recover_fails_what_was_running_and_asks_again_once(ledger):
    first = ask(ledger, 3)
    record(ledger, {0: first[0]})
    assert recover(ledger) == [first[1], first[2]]
    assert ledger.trials()["state"].tolist() == ["complete", "failed", "failed"]
    assert "died" in ledger.study().trials[1].user_attrs["interrupted"]
    assert recover(ledger) == [first[1], first[2]]  # killed before they were asked again: not lost

    ledger.study().enqueue_trial(first[1].params())
    assert recover(ledger) == [first[2]]  # waiting counts as asked
    ask(ledger, 1)
    assert set(recover(ledger)) == {first[1], first[2]}  # asked, and killed once more
    ledger.study().enqueue_trial(first[1].params())
    ledger.study().enqueue_trial(first[2].params())
    record(ledger, ask(ledger, 2))
    assert recover(ledger) == []


def test_recover_drops_a_half_asked_trial_but_keeps_an_enqueued_one(ledger):
    half = ledger.study().ask()
    half.suggest_categorical("penalty", ["l2"])
    ledger.study().enqueue_trial({"penalty": "l2", "lambda": 4.0})
    ledger.study().ask()
    assert recover(ledger) == [Candidate("l2", 4.0)]


def test_failed_trials_say_why(ledger):
    (number,) = ask(ledger, 1)
    ledger.fail(number, "out of memory")
    assert ledger.trials()["state"].tolist() == ["failed"]
    assert ledger.study().trials[0].user_attrs["failed"] == "out of memory"
    assert recover(ledger) == []


def test_missing_losses_are_named(ledger):
    run_batch(ledger, 1)
    ledger.storage.artifacts.remove("study/trials-0.npz")
    with pytest.raises(UserError, match=r"trials-0\.npz are missing"):
        ledger.snapshot()


def test_an_exception_keeps_what_was_told_before_it(ledger):
    asked = ask(ledger, 2)

    def told_then_broken() -> None:
        with ledger.storage.one_write():
            record(ledger, {0: asked[0]})
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        told_then_broken()
    assert ledger.trials()["state"].tolist() == ["complete", "running"]
    record(ledger, {1: asked[1]})
    assert ledger.trials()["state"].tolist() == ["complete", "complete"]


def test_an_opening_dated_ahead_does_not_keep_later_trials_sealed():
    """Trials only grow, and a clock may jump."""
    openings = [Opening("2099-01-01T00:00:00+00:00", 3), Opening("2026-01-01T00:00:00+00:00", 5)]
    found = openings_in({f"test losses opened {each.when}": asdict(each) for each in openings})
    assert [opening.complete for opening in found] == [3, 5]
    assert not still_sealed(found, 5)
    assert still_sealed(found, 6)
