"""The contract of a study's ledger, on every kind of storage."""

from __future__ import annotations

import math
import os

import numpy as np
import optuna
import pytest
from ledger_helpers import ask, dispose, make_outcome, open_ledger, run_batch

from search.ledger import StudyLedger, list_studies, open_storage
from search.ledger.trials import COLUMNS
from search.records import Candidate, Losses, UserError


def same(a, b) -> None:
    for name in a.__dataclass_fields__:
        left, right = getattr(a, name), getattr(b, name)
        if isinstance(left, Losses):
            same(left, right)
        elif isinstance(left, np.ndarray):
            assert left.dtype == right.dtype
            np.testing.assert_array_equal(left, right)
        else:
            assert left == right


def without_test(outcome):
    from dataclasses import replace

    return replace(outcome, losses=Losses(outcome.losses.validation))


def test_trials_survive_reopening(storage_name, storage, ledger):
    outcomes = run_batch(ledger, 4)
    reopened = StudyLedger.load(open_storage(storage_name), "study")
    frame = reopened.trials()
    assert tuple(frame.columns) == COLUMNS
    assert frame["trial"].tolist() == [0, 1, 2, 3]
    assert set(frame["state"]) == {"complete"}
    for number, outcome in outcomes.items():
        row = frame.loc[number]
        assert Candidate(row["penalty"], row["lambda"]) == outcome.candidate
        assert math.isnan(row["l1_ratio"])
        assert row["train_loss"] == pytest.approx(outcome.train_loss.mean())
        assert row["validation_loss"] == outcome.losses.validation_loss()
        assert row["validation_se"] == outcome.losses.validation_se()
        assert (row["epochs"], row["seconds"]) == (3, 0.25)
        same(reopened.outcome(number), without_test(outcome))
    assert reopened.done() == {outcome.candidate: number for number, outcome in outcomes.items()}
    assert reopened.selected() == min(outcomes, key=lambda n: outcomes[n].losses.validation_loss())
    dispose(reopened.storage)


def test_optuna_sees_the_study(ledger):
    outcomes = run_batch(ledger, 3)
    study = ledger.study()
    assert [trial.value for trial in study.trials] == [o.losses.validation_loss() for o in outcomes.values()]
    assert study.trials[0].user_attrs["diverged"] == 1
    assert study.trials[0].user_attrs["not_converged"] == 0


def test_infinity_and_nan_survive(ledger):
    (number,) = ask(ledger, 1)
    outcome = make_outcome(Candidate("l2", 1.0))
    outcome.losses.validation[1, 2] = np.inf
    outcome.train_loss[0] = np.inf
    outcome.weight_norm[0] = np.nan
    ledger.record({number: outcome})
    row = ledger.trials().loc[number]
    assert row["state"] == "complete"
    assert row["validation_loss"] == row["validation_se"] == row["train_loss"] == math.inf
    assert math.isnan(row["weight_norm"])
    assert ledger.study().trials[number].value == math.inf
    same(ledger.outcome(number), without_test(outcome))


def test_nan_validation_loss_is_refused_before_anything_is_written(ledger):
    numbers = list(ask(ledger, 2))
    outcomes = {number: make_outcome(Candidate("l2", 1.0)) for number in numbers}
    outcomes[numbers[1]].losses.validation[:] = np.nan
    with pytest.warns(RuntimeWarning), pytest.raises(ValueError, match="holds out no row"):
        ledger.record(outcomes)
    assert ledger.trials()["state"].tolist() == ["running", "running"]


def test_validation_holds_the_complete_trials_only(ledger):
    numbers = list(ask(ledger, 3))
    outcomes = {n: make_outcome(Candidate("l2", 1.0), n, pruned=n == numbers[1]) for n in numbers}
    ledger.record({numbers[1]: outcomes[numbers[1]]})
    ledger.record({n: outcomes[n] for n in (numbers[0], numbers[2])})
    frame, losses = ledger.validation()
    assert frame["trial"].tolist() == [numbers[0], numbers[2]]
    np.testing.assert_array_equal(losses, np.stack([outcomes[n].losses.validation for n in frame["trial"]]))
    assert ledger.trials()["state"].tolist() == ["complete", "pruned", "complete"]
    assert ledger.outcome(numbers[1]).pruned
    assert set(ledger.done().values()) == {numbers[0], numbers[2]}


def test_none_has_no_lambda_and_incomplete_trials_no_numbers(ledger):
    study = ledger.study()
    for params in ({"penalty": "none"}, {"penalty": "elastic_net", "lambda": 2.0, "l1_ratio": 0.5}):
        study.enqueue_trial(params)
    first, second = study.ask(), study.ask()
    first.suggest_categorical("penalty", ["none", "elastic_net"])
    ledger.record({first.number: make_outcome(Candidate("none"))})
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
    for number in ask(ledger, 3):
        ledger.record({number: make_outcome(Candidate("l2", 1.0), seed=0)})
    assert ledger.selected() == 1


# The seal


def test_test_losses_stay_sealed_until_opened_and_each_opening_is_recorded(storage_name, ledger):
    outcomes = run_batch(ledger, 3)
    assert ledger.sealed
    assert ledger.openings == []
    numbers = ledger.validation()[0]["trial"].tolist()
    losses = ledger.open_test(numbers)
    np.testing.assert_array_equal(losses, np.stack([outcomes[n].losses.test for n in numbers]))
    assert not ledger.sealed
    ledger.open_test(numbers[:1])
    assert [opening.complete for opening in ledger.openings] == [3]
    same(ledger.outcome(0), outcomes[0])

    outcomes |= run_batch(ledger, 2, seed=1)
    assert ledger.sealed
    assert ledger.outcome(0).losses.test is None
    reopened = StudyLedger.load(open_storage(storage_name), "study")
    reopened.open_test([4, 0])
    assert [opening.complete for opening in reopened.openings] == [3, 5]
    assert reopened.openings[0].when < reopened.openings[1].when
    np.testing.assert_array_equal(reopened.open_test([4, 0]), np.stack([outcomes[n].losses.test for n in (4, 0)]))
    dispose(reopened.storage)


def test_without_test_rows_nothing_is_opened(ledger):
    for number, candidate in ask(ledger, 2).items():
        ledger.record({number: make_outcome(candidate, test=False)})
    assert ledger.open_test([0, 1]) is None
    assert ledger.open_test([]) is None
    assert ledger.openings == []


def test_the_opening_is_recorded_before_a_loss_is_read(ledger):
    run_batch(ledger, 1)
    with pytest.raises(UserError, match="trial 9 has no losses"):
        ledger.open_test([0, 9])
    assert ledger.openings == []
    file = ledger.storage.folder / "study" / "trials-0.npz"
    body = file.read_bytes()
    start = body.index(b"0.sealed.npy") + 200
    file.write_bytes(body[:start] + bytes([body[start] ^ 1]) + body[start + 1 :])
    with pytest.raises(Exception, match="CRC"):
        ledger.open_test([0])
    assert len(ledger.openings) == 1


def test_sweep_is_kept_outside_the_trials_and_sealed(ledger):
    assert ledger.confirmation("sweep") == []
    run_batch(ledger, 2)
    sweep = [make_outcome(Candidate("l2", strength), seed=10 + i) for i, strength in enumerate((0.1, 1.0, 10.0))]
    ledger.keep_confirmation("sweep", sweep)
    assert [outcome.losses.test for outcome in ledger.confirmation("sweep")] == [None] * 3
    assert len(ledger.trials()) == 2
    ledger.open_test([0, 1])
    for kept, outcome in zip(ledger.confirmation("sweep"), sweep, strict=True):
        same(kept, outcome)
    ledger.keep_confirmation("sweep", sweep[:1])
    assert len(ledger.confirmation("sweep")) == 1


# Making, resuming, refusing


def test_resume_lets_trials_grow_and_notes_versions(storage, ledger):
    grown = ledger.settings | {"search": {"trials": 99}}
    again = open_ledger(storage, settings=grown, versions={"torch": "2.14"})
    assert again.id == ledger.id
    assert again.settings["search"]["trials"] == 99
    assert open_ledger(storage, settings=grown).versions == [{"torch": "2.13"}, {"torch": "2.14"}]


def test_changed_settings_and_data_are_refused(storage, ledger):
    changed = ledger.settings | {"training": {"lr": 0.2}}
    with pytest.raises(UserError, match=r"training\.lr was 0\.1 and is 0\.2") as refusal:
        open_ledger(storage, settings=changed)
    assert "\n" not in str(refusal.value)
    with pytest.raises(UserError, match="other data"):
        open_ledger(storage, fingerprint="abd")
    assert ledger.settings["training"]["lr"] == 0.1


def test_foreign_studies_are_refused_and_not_listed(storage, ledger):
    optuna.create_study(storage=storage.optuna, study_name="foreign").ask()
    with pytest.raises(UserError, match="not made by"):
        open_ledger(storage, "foreign")
    with pytest.raises(UserError, match="not made by"):
        StudyLedger.load(storage, "foreign")
    assert [summary.name for summary in list_studies(storage)] == ["study"]


def test_unknown_name_is_told_the_nearest(storage, ledger):
    with pytest.raises(UserError, match="did you mean 'study'"):
        StudyLedger.load(storage, "stdy")
    with pytest.raises(UserError, match="known are: study"):
        StudyLedger.load(storage, "something else entirely")


def test_list_studies_newest_first(storage, ledger):
    outcomes = run_batch(ledger, 2)
    open_ledger(storage, "empty")
    other = open_ledger(storage, "Other/Study <b>")
    run_batch(other, 1)
    first, second, empty = list_studies(storage)
    assert (first.name, second.name, empty.name) == ("Other/Study <b>", "study", "empty")
    assert (second.complete, second.pruned, second.failed, second.running) == (2, 0, 0, 0)
    assert second.best_loss == min(outcome.losses.validation_loss() for outcome in outcomes.values())
    assert second.selected == outcomes[ledger.selected()].candidate
    assert (empty.best_loss, empty.selected, empty.when) == (None, None, None)


# Interruptions


def test_recover_fails_what_was_running_and_asks_again_once(ledger):
    first = ask(ledger, 3)
    ledger.record({0: make_outcome(first[0])})
    assert ledger.recover() == [first[1], first[2]]
    assert ledger.trials()["state"].tolist() == ["complete", "failed", "failed"]
    assert "died" in ledger.study().trials[1].user_attrs["interrupted"]
    assert ledger.recover() == [first[1], first[2]]  # killed before they were asked again: not lost

    ledger.study().enqueue_trial(first[1].params())
    assert ledger.recover() == [first[2]]  # waiting counts as asked
    ask(ledger, 1)
    assert set(ledger.recover()) == {first[1], first[2]}  # asked, and killed once more
    ledger.study().enqueue_trial(first[1].params())
    ledger.study().enqueue_trial(first[2].params())
    for number, candidate in ask(ledger, 2).items():
        ledger.record({number: make_outcome(candidate)})
    assert ledger.recover() == []


def test_recover_drops_a_half_asked_trial_but_keeps_an_enqueued_one(ledger):
    half = ledger.study().ask()
    half.suggest_categorical("penalty", ["l2"])
    ledger.study().enqueue_trial({"penalty": "l2", "lambda": 4.0})
    ledger.study().ask()
    assert ledger.recover() == [Candidate("l2", 4.0)]


def test_failed_trials_say_why(ledger):
    (number,) = ask(ledger, 1)
    ledger.fail(number, "out of memory")
    assert ledger.trials()["state"].tolist() == ["failed"]
    assert ledger.study().trials[0].user_attrs["failed"] == "out of memory"
    assert ledger.recover() == []


def test_only_one_process_runs_a_study(storage_name, ledger):
    other = StudyLedger.load(open_storage(storage_name), "study")
    with ledger.running():
        with pytest.raises(UserError, match=f"process {os.getpid()}"), other.running():
            pass
        with open_ledger(ledger.storage, "another").running():
            pass
    with other.running():
        pass
    dispose(other.storage)


def test_missing_losses_are_named(ledger):
    run_batch(ledger, 1)
    ledger.storage.artifacts.remove("study/trials-0.npz")
    with pytest.raises(UserError, match=r"trials-0\.npz are missing"):
        ledger.validation()


def test_an_exception_keeps_what_was_told_before_it(ledger):
    numbers = list(ask(ledger, 2))

    def told_then_broken() -> None:
        with ledger.storage.one_write():
            ledger.record({numbers[0]: make_outcome(Candidate("l2", 1.0))})
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        told_then_broken()
    assert ledger.trials()["state"].tolist() == ["complete", "running"]
    with pytest.raises(optuna.exceptions.UpdateFinishedTrialError):
        ledger.record({numbers[0]: make_outcome(Candidate("l2", 1.0))})
    ledger.record({numbers[1]: make_outcome(Candidate("l2", 1.0))})
    assert ledger.trials()["state"].tolist() == ["complete", "complete"]
