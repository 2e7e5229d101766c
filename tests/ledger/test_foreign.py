"""A study of somebody else's: what it recorded comes back from every storage; what cannot be compared is said."""

from __future__ import annotations

import base64
import io
import json
import threading
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.storages import InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

import search
from search.core.errors import UserError
from search.ledger import check, list_studies, open_storage, recorded

ROWS, TEST_ROWS = 40, 25


@pytest.fixture(params=["memory", "journal of Optuna's", "journal", "sqlite"])
def place(request, tmp_path):
    """A storage for Optuna, and what a user would name it by."""
    file = tmp_path / "studies"
    if request.param == "memory":
        storage = InMemoryStorage()
        return storage, storage
    if request.param == "journal of Optuna's":
        return JournalStorage(JournalFileBackend(str(file))), str(file)
    name = str(file) if request.param == "journal" else f"sqlite:///{file}"
    return open_storage(name).optuna, name


def losses(number, rows=ROWS):
    return np.random.default_rng(number).gamma(2.0, size=(2, rows))


def fill(storage, objective, trials=6, **options):
    study = optuna.create_study(
        study_name="theirs", storage=storage, sampler=optuna.samplers.RandomSampler(seed=0), **options
    )
    study.optimize(objective, n_trials=trials)
    return study


def plain(trial):
    trial.suggest_float("alpha", 1e-3, 1e3, log=True)
    return search.record(trial, losses(trial.number), losses(100 + trial.number, TEST_ROWS))


def test_what_was_recorded_comes_back_exactly_and_the_test_losses_when_they_are_opened(place):
    storage, name = place
    fill(storage, plain)
    found = search.load("theirs", name)
    assert np.array_equal(found.results.validation, [losses(number) for number in range(6)])
    assert found.losses.test is None
    assert found.verdict is None
    found.judge()
    assert np.array_equal(found.losses.test, [losses(100 + number, TEST_ROWS) for number in range(6)])
    again = search.load("theirs", name)  # the opening is in the study
    assert again.verdict == found.verdict
    assert again.verdict.opened == (6,)


def test_the_verdict_is_that_of_the_same_arrays(place):
    storage, name = place
    study = fill(storage, plain, trials=12)
    found = search.load("theirs", name).judge()
    frame = search.load(study).candidates[["trial", "penalty", "lambda"]]
    expected = search.judge(
        np.array([losses(number) for number in range(12)]),
        np.array([losses(100 + number, TEST_ROWS) for number in range(12)]),
        frame,
    ).to_dict()
    ours = found.to_dict()
    for key in (
        "answer",
        "selected",
        "best_on_test",
        "regret",
        "confidence_set",
        "does_it_matter",
        "stability",
        "rules",
    ):
        assert ours[key] == expected[key], key


def test_many_rows_are_kept_in_pieces_and_a_later_record_replaces_an_earlier_one(place):
    storage, name = place
    many = np.random.default_rng(0).normal(size=(3, 20_000)) ** 2

    def objective(trial):
        search.record(trial, many)
        return search.record(trial, many[:, : 5_000 * (1 + trial.number)])

    fill(storage, objective, trials=2)
    study = optuna.load_study(study_name="theirs", storage=open_storage(name).optuna)
    for trial, rows in zip(study.trials, (5_000, 10_000), strict=True):
        kept = trial.system_attrs
        assert max(len(str(value)) for value in kept.values()) < 65_535
        assert np.array_equal(recorded.read(trial, with_test=True).validation, many[:, :rows])


def test_no_test_loss_can_be_read_in_the_storage(tmp_path):
    secret = np.full(TEST_ROWS, 1234.5678)
    study = fill(f"sqlite:///{tmp_path}/a.db", lambda trial: search.record(trial, losses(0), secret), trials=1)
    body = base64.b64decode(study.trials[0].system_attrs[recorded.RECORD]["body"])
    with np.load(io.BytesIO(body)) as arrays:
        assert set(arrays.files) == {"validation", "sealed"}
        assert secret[:2].tobytes() not in arrays["sealed"].tobytes()
    assert recorded.read(study.trials[0], with_test=False).test is None


def test_a_copied_study_can_be_read_under_its_new_name(tmp_path):
    fill(f"sqlite:///{tmp_path}/a.db", plain)
    there = f"sqlite:///{tmp_path}/b.db"
    optuna.copy_study(
        from_study_name="theirs", from_storage=f"sqlite:///{tmp_path}/a.db", to_storage=there, to_study_name="copy"
    )
    assert search.load("copy", there).judge().test_rows == TEST_ROWS


def test_what_we_write_waits_for_a_script_that_is_writing_its_journal(tmp_path):
    file = str(tmp_path / "studies")
    fill(JournalStorage(JournalFileBackend(file)), plain)
    found, lock = search.load("theirs", file), JournalFileSymlinkLock(file)
    lock.acquire()
    before = Path(file).read_bytes()
    judging = threading.Thread(target=found.judge)
    judging.start()
    judging.join(0.3)
    assert judging.is_alive()
    assert Path(file).read_bytes() == before
    lock.release()
    judging.join()
    assert len(search.load("theirs", file).ledger.openings) == 1
    assert not Path(f"{file}.lock").is_symlink()


def partly(trial):
    trial.suggest_float("alpha", 1e-3, 1e3, log=True)
    held, test = losses(trial.number), losses(trial.number, TEST_ROWS)
    kind = trial.number % 8
    if kind == 1:
        return 1.0
    if kind == 2:
        return search.record(trial, held)
    if kind == 3:
        return search.record(trial, held[:, :-1], test)
    if kind == 4:
        return search.record(trial, np.where(np.arange(ROWS) < 3, np.nan, held), test)
    if kind == 5:
        search.record(trial, held, test)
        raise optuna.TrialPruned
    if kind == 6:
        raise ArithmeticError
    return search.record(trial, held, test)


def test_trials_that_cannot_be_compared_are_left_out_and_counted(tmp_path):
    study = optuna.create_study()
    study.optimize(partly, n_trials=32, catch=ArithmeticError)
    study.enqueue_trial({"alpha": 1.0})
    study.ask()
    study.enqueue_trial({"alpha": 2.0})
    found = search.load(study)
    counts = {"complete": 8, "left out": 16, "pruned": 4, "failed": 4, "running": 1, "waiting": 1}
    assert found.trials["state"].value_counts().to_dict() == counts
    message = next(each.message for each in found.judge().warnings if each.code == "partly_recorded")
    assert message.startswith("16 of 24 complete trials are left out: ")
    for reason in ("4 without a record", "8 with other validation rows than most", "4 without test losses"):
        assert reason in message
    assert found.report(tmp_path / "page.html").stat().st_size > 1000


def test_a_diverged_trial_is_compared_and_counts_as_infinitely_bad():
    held = np.where(np.arange(ROWS) < 20, [[1.0], [np.nan]], [[np.nan], [1.0]])  # two folds

    def objective(trial):
        trial.suggest_float("alpha", 1e-3, 1e3, log=True)
        return search.record(trial, np.full((2, ROWS), np.inf) if trial.number == 2 else held * losses(trial.number))

    found = search.load(fill(None, objective))
    assert found.trials["state"].eq("complete").all()
    assert np.isinf(found.results.validation_loss).tolist() == [number == 2 for number in range(6)]
    assert {"diverged", "no_test_rows"} <= {each.code for each in found.verdict.warnings}


@pytest.mark.parametrize(
    ("direction", "value", "said"),
    [
        ("maximize", lambda mean, number: -number, "maximises its objective"),
        ("minimize", lambda mean, number: number, "minimises another value"),
        ("minimize", lambda mean, number: mean**0.5, None),
        ("minimize", lambda mean, number: np.float32(mean), None),
    ],
)
def test_the_recorded_losses_decide_and_another_objective_is_told_so(direction, value, said):
    def objective(trial):
        trial.suggest_float("alpha", 1e-3, 1e3, log=True)
        mean = search.record(trial, losses(trial.number) + (trial.number != 4))
        return value(mean, trial.number)

    study = fill(None, objective, direction=direction)
    found = search.load(study)
    assert found.verdict.selected.trial == 4
    told = [each.message for each in found.verdict.warnings if each.code == "other_objective"]
    if said is None:
        assert told == []
    else:
        assert said in told[0]
        assert "pick trial 4, where Optuna's best is trial 0" in told[0]
        assert study.best_trial.number == 0


def test_several_objectives_are_judged_by_what_was_recorded():
    def objective(trial):
        trial.suggest_float("alpha", 1e-3, 1e3, log=True)
        return search.record(trial, losses(trial.number)), trial.number

    study = optuna.create_study(directions=["minimize", "maximize"])
    study.optimize(objective, n_trials=4)
    found = search.load(study)
    assert "has 2 objectives" in next(each.message for each in found.verdict.warnings if each.code == "other_objective")
    found.publish()  # the dashboard's note and plots too
    assert "dashboard:note_str:0" in " ".join(study._storage.get_study_system_attrs(study._study_id))


def test_the_same_candidate_tried_twice_counts_once_by_the_lower_loss_of_the_selected():
    def objective(trial):
        trial.suggest_categorical("alpha", [0.1, 1.0])
        return search.record(trial, losses(trial.number))

    found = search.load(fill(None, objective, trials=10))
    assert len(found.results) == 2
    assert len(found.trials) == 10
    means = found.trials["validation_loss"]
    assert found.selected_loss == pytest.approx(means.min())
    assert found.results.trials[found.snapshot.selected] == means.idxmin()


def test_a_study_that_recorded_nothing_is_told_which_line_to_add_and_is_not_listed(place):
    storage, name = place
    fill(storage, lambda trial: trial.suggest_float("alpha", 0, 1))
    with pytest.raises(UserError, match=r"none of its 6 trials has recorded .* search\.record\(trial, validation"):
        search.load("theirs", name)
    assert list_studies(open_storage(name)) == []


def test_a_storage_lists_what_was_recorded_whatever_its_parameters_are(place):
    storage, name = place

    def objective(trial):
        trial.suggest_float("lambda", 1e-3, 1e3, log=True)
        trial.suggest_float("alpha", 1e-3, 1e3, log=True)
        return search.record(trial, losses(trial.number))

    study = fill(storage, objective)
    with pytest.raises(UserError, match="study 'theirs': several parameters may be the strength: lambda, alpha"):
        search.load("theirs", name)
    assert search.load("theirs", name, strength="alpha").selected.strength == "alpha"
    (summary,) = list_studies(open_storage(name))
    assert (summary.name, summary.complete, summary.best_loss) == ("theirs", 6, study.best_value)


def test_settings_of_such_a_study_do_not_exist_and_a_verdict_may_be_asked_for_otherwise(tmp_path):
    found = search.load(fill(None, plain))
    assert found.judge(tolerance=0.5, confidence=0.9).tolerance == 0.5
    with pytest.raises(UserError, match="tolerance"):
        found.judge(tolerance=7)
    with pytest.raises(UserError, match="was not run by lambda-search"):
        _ = found.settings
    assert found.refresh().judge().tolerance == 0.01
    assert "train" not in " ".join(found.figures)
    assert found._repr_html_().startswith("<h3>theirs")


def spoil_body(head):
    middle = len(head["body"]) // 2
    head["body"] = head["body"][:middle] + "AAAA" + head["body"][middle + 4 :]


def spoilt(name, spoil):
    """A study of three trials, one of whose records was changed since."""
    fill(JournalStorage(JournalFileBackend(name)), plain, trials=3)
    lines = [json.loads(line) for line in Path(name).read_text().splitlines()]
    heads = (line["system_attr"][recorded.RECORD] for line in lines if recorded.RECORD in line.get("system_attr", {}))
    spoil(next(heads))
    Path(name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return search.load("theirs", name)


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_body,
        lambda head: head.update(mean=[head["mean"][0] * 1.01, head["mean"][1]]),
        lambda head: head.update(pieces=3),
        lambda head: head.update(body=head["body"][:-8]),
    ],
)
def test_a_damaged_record_is_named_and_found(tmp_path, spoil):
    name = str(tmp_path / "studies")
    with pytest.raises(UserError, match=r"the losses that trial 0 recorded in .* are damaged"):
        spoilt(name, spoil).judge()
    (damage,) = check(name).damages
    assert (damage.study, damage.trial, damage.repair) == ("theirs", 0, "none")


def test_a_record_that_tells_of_other_rows_than_it_holds_is_left_out_and_found(tmp_path):
    name = str(tmp_path / "studies")
    study = spoilt(name, lambda head: head.update(validation=[head["validation"][0], "0" * 16]))
    assert study.snapshot.evidence.recording.left_out == {"with other validation rows than most": 1}
    (damage,) = check(name).damages
    assert damage.trial == 0
    assert damage.what == f"the losses that trial 0 recorded in {name} are damaged: its rows are others"


def test_recorded_losses_that_are_whole_are_found_so(place):
    storage, name = place
    fill(storage, plain, trials=3)
    if isinstance(name, str):
        assert check(name).damages == []
