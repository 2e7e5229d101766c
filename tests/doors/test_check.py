"""`check` finds what was damaged in a storage, and with --repair the next run makes it whole again."""

from __future__ import annotations

import errno
import json
import random
import shutil
import sqlite3
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from command_line import call, refused, study_file
from postgresql import opened

from search.ledger import StudyLedger, npz, open_storage
from search.ledger.lines import from_line, to_line

JOURNAL = "ledger.journal"
SQLITE = "sqlite:///ledger.db"
LOSSES = Path(f"{JOURNAL}.losses/small")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished study in a journal and in a database, and what a verdict says of it."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        path = study_file(folder, search={"sampler": "grid"})
        for storage in (JOURNAL, SQLITE):
            assert call("run", path, "--storage", storage, "--quiet").code == 0
    return folder


@pytest.fixture(autouse=True)
def here(finished, tmp_path, monkeypatch):
    """A copy of the finished study in the working folder."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


def checked(*options: str, storage: str = JOURNAL):
    found = call("check", "--storage", storage, "--json", *options)
    assert found.code in {0, 1}, found.err
    answer = json.loads(found.out)
    assert found.code == (0 if answer["whole"] else 1)
    return answer


def flip(path: Path, place: int, bit: int = 1) -> None:
    body = bytearray(path.read_bytes())
    body[place] ^= 1 << bit
    path.write_bytes(body)


def changed(change, *, stamped: bool) -> None:
    """Change records of the journal as one that knows the checksum does, or as a version of before that wrote none."""
    records = [from_line(line) for line in Path(JOURNAL).read_bytes().splitlines(keepends=True)]
    for record in records:
        change(record)
    plain = (json.dumps(record).encode() + b"\n" for record in records)
    Path(JOURNAL).write_bytes(b"".join(map(to_line, records) if stamped else plain))


def verdict(storage: str = JOURNAL):
    return call("verdict", "small", "--storage", storage, "--json").json


def losses(storage: str = JOURNAL):
    with opened(storage) as found:
        ledger = StudyLedger.load(found, "small")
        results = ledger.results(ledger.completed_in_order())
    order = np.argsort([each.key for each in results.candidates])
    return results.validation[order].tobytes()


@pytest.mark.parametrize("storage", [JOURNAL, SQLITE])
def test_what_is_whole_is_said_to_be(storage):
    found = checked(storage=storage)
    assert found["whole"]
    assert found["damages"] == []
    assert found["studies"] == ["small"]
    assert checked("--repair", storage=storage)["copy"] is None
    said = call("check", "small.toml", "--storage", storage)
    assert said.code == 0
    assert "all of it is whole" in said.out


def test_a_flipped_bit_of_a_journal_is_refused_by_all_and_put_right():
    expected = verdict()
    whole = Path(JOURNAL).read_bytes()
    flip(Path(JOURNAL), whole.index(b'"values":[') + 12)
    for command in ("verdict", "report", "export", "status"):
        output = ["-o", "x.csv"] * (command == "export")
        refused(call(command, "small", "--storage", JOURNAL, *output), JOURNAL, "line ")
    refused(call("run", "small.toml", "--storage", JOURNAL), "checksum")
    (damage,) = checked()["damages"]
    assert (damage["study"], damage["repair"]) == ("small", "put right")
    assert damage["trial"] == 0
    found = checked("--repair")
    assert found["whole"]
    assert Path(JOURNAL).read_bytes() == whole
    assert Path(found["copy"]).name == f"{JOURNAL}.before-repair"
    assert verdict() == expected


@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_losses_that_are_lost_are_asked_again_and_come_back(damage):
    expected, before = verdict(), losses()
    path = LOSSES / "trials-3.npz"
    if damage == "flip":
        flip(path, path.stat().st_size // 2)
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    else:
        path.unlink()
    refused(call("verdict", "small", "--storage", JOURNAL), "trials-3.npz", "study 'small'")
    found = checked()["damages"]
    assert {(each["trial"], each["repair"]) for each in found} == {(n, "asked again") for n in (3, 4, 5)}
    assert checked("--repair")["whole"]
    assert checked()["damages"] == []
    assert call("run", "small.toml", "--storage", JOURNAL, "--quiet").code == 0
    assert losses() == before
    again = verdict()
    for key in ("answer", "regret", "does_it_matter"):
        assert again[key] == expected[key]
    assert checked()["damages"] == []


@pytest.mark.parametrize("stamped", [False, True])
def test_a_value_that_its_losses_do_not_have_is_found_and_asked_again(stamped):
    def change(record):
        if record["op_code"] == 6 and record["trial_id"] == 2 and record["state"] == 1:
            record["values"] = [record["values"][0] / 2]

    before = losses()
    changed(change, stamped=stamped)
    refused(call("verdict", "small", "--storage", JOURNAL), "trial 2 has the value")
    (damage,) = checked()["damages"]
    assert (damage["trial"], damage["repair"]) == (2, "asked again")
    assert checked("--repair")["whole"]
    assert call("run", "small.toml", "--storage", JOURNAL, "--quiet").code == 0
    assert losses() == before


@pytest.mark.parametrize("name", ["train_loss", "weight_norm", "losses"])
def test_a_figure_that_its_losses_do_not_have_is_found(name):
    def change(record):
        if record.get("trial_id") == 2 and name in record.get("user_attr", {}):
            record["user_attr"] = {f"{name}s": 1}

    changed(change, stamped=False)
    assert [each["trial"] for each in checked()["damages"]] == [2]


def test_another_candidate_than_its_losses_are_of_is_found():
    def change(record):
        if record["op_code"] == 5 and record["trial_id"] == 2 and record["param_name"] == "lambda":
            record["param_value_internal"] *= 1.01

    changed(change, stamped=False)
    refused(call("verdict", "small", "--storage", JOURNAL), "trial 2 is ", "and its losses")
    (damage,) = checked()["damages"]
    assert (damage["trial"], damage["repair"]) == (2, "asked again")


def test_what_confirms_the_search_is_trained_again():
    expected = verdict()
    (grid,) = LOSSES.glob("grid-*.npz")
    flip(grid, 300)
    refused(call("verdict", "small", "--storage", JOURNAL), grid.name)
    (damage,) = checked()["damages"]
    assert damage["repair"] == "trained again"
    assert "grid" in damage["what"]
    assert checked("--repair")["whole"]
    assert call("run", "small.toml", "--storage", JOURNAL, "--quiet").code == 0
    assert verdict() == expected


@pytest.mark.parametrize("kind", ["model", "coefficients"])
def test_a_model_is_trained_again(kind, tmp_path):
    (path,) = LOSSES.glob(f"{kind}-*")
    whole = path.read_bytes()
    flip(path, 200)
    (damage,) = checked()["damages"]
    assert damage["repair"] == "trained again"
    assert path.name in damage["what"]
    assert checked("--repair")["whole"]
    found = call("run", "small.toml", "--storage", JOURNAL, "--quiet", "--json").json
    assert found["fits"] == 1
    assert path.read_bytes() == whole


def test_records_that_nothing_puts_right_are_left_out_and_what_hangs_on_them_is_asked_again():
    before = losses()
    lines = Path(JOURNAL).read_bytes().splitlines(keepends=True)
    numbers = [n for n, line in enumerate(lines) if from_line(line).get("trial_id") == 1]
    for number in numbers[:4]:
        lines[number] = lines[number][:50] + bytes(20) + lines[number][70:]
    Path(JOURNAL).write_bytes(b"".join(lines))
    found = checked()
    assert {each["line"] for each in found["damages"]} >= {number + 1 for number in numbers[:4]}
    assert checked("--repair")["whole"]
    assert call("run", "small.toml", "--storage", JOURNAL, "--quiet").code == 0
    assert losses() == before
    assert checked()["damages"] == []


@pytest.mark.parametrize("what", ["a trial", "its end", "its making", "a batch"])
def test_records_that_were_cut_out_are_refused_by_all_and_asked_again(what):
    before = losses()
    lines = Path(JOURNAL).read_bytes().splitlines(keepends=True)
    records = list(map(from_line, lines))
    own = [n for n, each in enumerate(records) if each.get("trial_id") == 4]
    made = [n for n, each in enumerate(records) if each["op_code"] == 4][4]
    gone = {
        "a trial": {made, *own},
        "its end": {own[-1]},
        "its making": {made},
        "a batch": range(min(made, own[0]), own[-1] + 1),
    }[what]
    Path(JOURNAL).write_bytes(b"".join(line for n, line in enumerate(lines) if n not in gone))
    for command in ("verdict", "report", "status"):
        refused(call(command, "small", "--storage", JOURNAL), f"line {min(gone) + 1}", "not written after")
    refused(call("run", "small.toml", "--storage", JOURNAL), "records between them are missing")
    found = checked()["damages"]
    assert found[0]["line"] == min(gone) + 1
    assert found[0]["repair"] == "closed"
    assert checked("--repair")["whole"]
    assert call("run", "small.toml", "--storage", JOURNAL, "--quiet").code == 0
    assert losses() == before
    assert checked()["damages"] == []


def test_a_damaged_value_in_a_database_is_found_and_asked_again():
    before = losses(SQLITE)
    with sqlite3.connect("ledger.db") as database:
        database.execute("UPDATE trial_values SET value = value * 2 WHERE trial_id = 2")
    database.close()
    refused(call("verdict", "small", "--storage", SQLITE), "trial 1 has the value")
    (damage,) = checked(storage=SQLITE)["damages"]
    assert (damage["trial"], damage["repair"]) == (1, "asked again")
    assert checked("--repair", storage=SQLITE)["whole"]
    assert checked(storage=SQLITE)["damages"] == []
    assert call("run", "small.toml", "--storage", SQLITE, "--quiet").code == 0
    assert losses(SQLITE) == before


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE trials SET datetime_start = 'no time' WHERE trial_id = 2",
        "UPDATE trials SET state = 'GONE' WHERE trial_id = 2",
        "UPDATE study_user_attributes SET value_json = '{'",
        "UPDATE trial_params SET distribution_json = '{}'",
        "UPDATE trial_user_attributes SET value_json = 'x' WHERE trial_id = 2",
    ],
)
def test_a_database_that_optuna_cannot_read_is_said_in_one_line(change):
    with sqlite3.connect("ledger.db") as database:
        database.execute(change)
    database.close()
    for command in ("verdict", "status", "report"):
        refused(call(command, "small", "--storage", SQLITE), "sqlite:///ledger.db", "cannot be read")
    found = call("check", "--repair", "--storage", SQLITE)
    assert found.code == (2 if "study_user_attributes" in change else 1)  # without them no study is known
    assert "cannot be read" in found.out + found.err


def test_what_a_database_refuses_in_the_middle_is_one_line():
    """A trigger stands for a page that is damaged, and for a disk that is full."""
    with sqlite3.connect("ledger.db") as database:
        database.execute("CREATE TRIGGER full BEFORE INSERT ON trials BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
    database.close()
    refused(
        call("run", "small.toml", "--trials", "9", "--quiet", "--storage", SQLITE), "the storage failed", "disk is full"
    )


def test_what_cannot_be_mended_is_left_with_exit_code_1():
    def change(record):
        if "seal" in record.get("user_attr", {}):
            record["user_attr"] = {"sea": 1}

    changed(change, stamped=False)
    found = checked("--repair")
    assert not found["whole"]
    assert "seal" in found["damages"][0]["what"]


@pytest.mark.parametrize("storage", [JOURNAL, SQLITE])
def test_losses_that_are_elsewhere_are_no_trials_to_be_asked_again(storage):
    """As of a database on a server, whose study was run on another machine."""
    for folder in Path().glob("ledger.*.losses"):
        folder.rename(f"elsewhere.{folder.name}")
    (damage,) = checked("--repair", storage=storage)["damages"]
    assert damage["repair"] == "none"
    assert "bring them back" in damage["what"]
    for folder in Path().glob("elsewhere.*"):
        folder.rename(folder.name.removeprefix("elsewhere."))
    assert checked(storage=storage)["damages"] == []


def test_a_file_that_cannot_be_read_now_is_no_damage(monkeypatch):
    def away(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(npz, "_checksum", away)
    refused(call("check", "--storage", JOURNAL, "--repair"), "trials-0.npz", "Input/output error")


def test_a_study_that_is_being_run_is_not_repaired():
    whole = Path(JOURNAL).read_bytes()
    with StudyLedger.load(open_storage(JOURNAL), "small").running():
        refused(call("check", "--storage", JOURNAL, "--repair"), "being run", "small")
        assert checked()["whole"]
    assert Path(JOURNAL).read_bytes().startswith(whole)
    assert checked("--repair")["whole"]


def test_what_is_not_there_is_named():
    refused(call("check", "smal", "--storage", JOURNAL), "did you mean 'small'?")
    refused(call("check", "--storage", "typo.journal"), "typo.journal", "no such storage")
    refused(call("check", "--storage", "small.toml"), "not a journal")


def test_people_are_told_line_by_line_and_how_to_mend_it():
    flip(Path(JOURNAL), 700)
    flip(LOSSES / "trials-0.npz", 700)
    found = call("check", "small", "--storage", JOURNAL)
    assert found.code == 1
    assert found.out.count("trials 0, 1, 2 of study 'small': the losses small/trials-0.npz") == 1
    assert found.out.count("can be asked again") == 1
    assert found.out.splitlines()[-1].endswith(f"lambda-search check small --storage {JOURNAL} --repair")
    mended = call("check", "small", "--storage", JOURNAL, "--repair")
    assert mended.code == 0
    assert "kept as" in mended.out
    assert "To mend" not in mended.out
    assert mended.out.endswith("run once more: small\n")


# Flipped bits, by what a user sees


def flipped_bits(path: Path, count: int) -> Counter[str]:
    """What `verdict --json` makes of a study one of whose files has a flipped bit, at so many places of it."""
    draw, journal, whole, expected = random.Random(path.name), Path(JOURNAL).read_bytes(), path.read_bytes(), verdict()
    found: Counter[str] = Counter()
    for _ in range(count):
        Path(JOURNAL).write_bytes(journal)
        path.write_bytes(whole)
        flip(path, draw.randrange(len(whole)), draw.randrange(8))
        said = call("verdict", "small", "--storage", JOURNAL, "--json")
        if said.code == 0:
            found["harmless" if said.json == expected else "silent"] += 1
        else:
            refused(said, JOURNAL)
            found["noticed"] += 1
    return found


@pytest.mark.parametrize("count", [8, pytest.param(250, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", [JOURNAL, str(LOSSES / "trials-0.npz"), "grid"])
def test_a_flipped_bit_is_noticed_or_changes_nothing(name, count):
    path = next(LOSSES.glob("grid-*")) if name == "grid" else Path(name)
    found = flipped_bits(path, count)
    print(path.name, dict(found))
    assert found["silent"] == 0
    assert found["noticed"] >= 0.8 * count
