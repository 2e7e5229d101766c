"""What the machine refuses: full disks, names too long, files that cannot be read. One line, exit code 2."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from pathlib import Path
from subprocess import PIPE, run

import pytest
from command_line import PROGRAM, call, own_process, refused, study_file

from search.core.errors import UserError
from search.ledger import StudyLedger, open_storage

LONG = "x" * 300


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def houses() -> Path:
    path = Path("houses.csv")
    path.write_text("size,price\n" + "".join(f"{row},{row / 7}\n" for row in range(30)))
    return path


# Names that are too long


@pytest.mark.parametrize(
    "words",
    [
        ["run", f"{LONG}.toml"],
        ["list", "--storage", f"{LONG}.journal"],
        ["list", "--storage", f"sqlite:///{LONG}.db"],
        ["new", f"{LONG}.csv", "--target", "price"],
        ["new", "houses.csv", "--target", "price", "-o", f"{LONG}.toml"],
        ["run", "small.toml", "--storage", f"{LONG}/ledger.journal"],
        ["run", "small.toml", "--storage", f"sqlite:///{LONG}/ledger.db"],
        ["run", "small.toml", "--quiet", "--artifacts", LONG],
    ],
)
def test_a_name_that_is_too_long(words, folder):
    houses()
    study_file(folder)
    refused(call(*words), LONG[:200])


def test_a_data_path_that_is_too_long(folder):
    path = study_file(folder, data={"source": "file", "path": f"{LONG}.csv", "target": "y"})
    refused(call("run", path), LONG)


def test_a_report_under_a_name_that_is_too_long(folder):
    name = "ä" * 190
    path = study_file(folder, name="small")
    path.write_text(path.read_text().replace('"small"', f'"{name}"'))
    assert call("run", path, "--sealed", "--quiet").code == 0
    refused(call("report", name), "--output", "File name too long")
    assert not list(Path().glob("*.html"))


# Files that cannot be read


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs Linux")
def test_a_file_whose_reading_fails(folder):
    Path("study.toml").symlink_to("/proc/self/mem")
    refused(call("run", "study.toml"), "study.toml", "cannot be read")
    Path("data.csv").symlink_to("/proc/self/mem")
    Path("data.parquet").symlink_to("/proc/self/mem")
    for name in ("data.csv", "data.parquet"):
        refused(call("new", name, "--target", "y"), name, "cannot be read")


def test_a_device_is_no_study_file_and_no_journal():
    Path("endless.toml").symlink_to("/dev/zero")
    refused(call("run", "endless.toml"), "endless.toml", "larger than")
    refused(call("list", "--storage", "/dev/zero"), "/dev/zero", "not a journal")


def mortal() -> None:
    """Root may read and write everything: not without these capabilities (of reading and searching, and of writing)."""
    if os.geteuid() == 0:
        system = ctypes.CDLL(None)
        for capability in (1, 2):
            system.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


@pytest.mark.rest
@pytest.mark.skipif(sys.platform != "linux", reason="root cannot be kept out elsewhere")
def test_what_may_not_be_read_or_written(folder):
    study_file(folder)
    Path("secret.toml").write_text('name = "a"')
    Path("secret.csv").write_text("a,y\n1,2\n")
    Path("locked").mkdir()
    for name in ("secret.toml", "secret.csv", "locked"):
        Path(name).chmod(0)
    Path("closed").mkdir(mode=0o500)
    for words, name in (
        (["run", "secret.toml"], "secret.toml"),
        (["new", "secret.csv", "--target", "y"], "secret.csv"),
        (["new", "locked/data.csv", "--target", "y"], "locked/data.csv"),
        (["run", "locked/study.toml"], "locked/study.toml"),
        (["run", "small.toml", "--storage", "closed/a.journal"], "closed/a.journal"),
        (["run", "small.toml", "--storage", "sqlite:///closed/a.db"], "closed/a.db"),
        (["run", "small.toml", "--quiet", "--artifacts", "closed/losses"], "closed/losses"),
        (["list", "--storage", "locked/a.journal"], "locked"),
        (["list", "--storage", "sqlite:///locked/a.db"], "locked"),
    ):
        refused(own_process(*words, preexec_fn=mortal), name)


# Disks that are full


def full(limit: int):
    """Let no file grow beyond so many bytes, as a full disk would."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


@pytest.mark.rest
@pytest.mark.parametrize(
    ("storage", "limit"), [("a.journal", 3_000), ("a.journal", 20_000), ("sqlite:///a.db", 90_000)]
)
def test_a_full_disk_is_one_line_and_the_run_goes_on_when_there_is_room(storage, limit, folder):
    path = study_file(folder)
    words = ["run", path, "--storage", storage, "--quiet", "--json"]
    refused(own_process(*words, preexec_fn=full(limit)))
    found = own_process(*words)
    assert found.json["trials"]["complete"] == 6, found.err


# Ends that nobody listens to


@pytest.mark.rest
def test_a_reader_that_goes_away_is_no_error(folder):
    path = study_file(folder)
    assert call("run", path, "--sealed", "--quiet").code == 0
    done = run(f"{' '.join(PROGRAM)} schema | head -c 10", shell=True, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    done = run(f"{' '.join(PROGRAM)} list --json | true", shell=True, capture_output=True, text=True, check=False)
    assert done.stderr == ""


@pytest.mark.rest
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_letters_that_the_terminal_has_none_for_are_no_error(encoding, folder):
    path = study_file(folder, name="small")
    path.write_text(path.read_text().replace('"small"', '"Größe λ"'))
    env = {**os.environ, "PYTHONIOENCODING": encoding}
    found = own_process("run", path, "--sealed", "--quiet", env=env, encoding=encoding)
    assert (found.code, found.err) == (0, "")
    assert "\\u03bb" in found.out
    assert "\\u03bb" in own_process("list", env=env, encoding=encoding).out


@pytest.mark.rest
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
@pytest.mark.parametrize("words", [["schema"], ["list"]])
def test_standard_output_that_is_full(words, folder):
    path = study_file(folder)
    assert call("run", path, "--sealed", "--quiet").code == 0
    with Path("/dev/full").open("w") as full_output:
        done = run([*PROGRAM, *words], stdout=full_output, stderr=PIPE, text=True, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr


@pytest.mark.rest
def test_names_that_are_no_text(folder):
    """Bytes of a name that are no UTF-8 come to Python as half characters."""
    name = os.fsdecode(b"\xff")
    for words in (["run", f"{name}.toml"], ["list", "--storage", f"{name}.journal"], ["verdict", name]):
        refused(own_process(*words), "\\udcff")
    houses().rename(f"{name}.csv")
    refused(own_process("new", f"{name}.csv", "--target", "price", "-o", "a.toml"), "--output")
    assert not Path("a.toml").exists()
    path = study_file(folder)
    found = own_process("run", path, "--sealed", "--quiet", "--storage", f"{name}.journal")
    assert (found.code, found.err) == (0, "")


# A run that failed before its first result does not hold the study's name


def mlp(folder: Path, *hidden: int, **tables) -> Path:
    return study_file(folder, model={"kind": "mlp", "init": "default", "hidden": list(hidden)}, **tables)


def test_more_weights_than_fit_the_memory_leave_no_study_behind(folder):
    refused(call("run", mlp(folder, 900_000, 900_000)), "model.hidden", "810,", "GiB")
    assert not Path("runs").exists()


@pytest.mark.parametrize("space", [{}, {"epochs": {"low": 10, "high": 1e6}}, {"epochs": [10, 1_000_000]}])
def test_learning_curves_that_no_memory_holds_leave_no_study_behind(space, folder):
    epochs = {} if space else {"epochs": 10**6}
    path = study_file(folder, training={"seeds": 50_000, "epochs": 100} | epochs, space=space)
    refused(call("run", path), "training.epochs: the learning curves of 3 candidates on 50,000 replicates", "GiB")
    assert not Path("runs").exists()


def test_a_study_of_failed_trials_alone_may_be_changed(folder, monkeypatch):
    """The first run fails in its first batch, when everything about the study is stored already."""
    with monkeypatch.context() as patched:
        patched.setattr("search.training.plan.usable_bytes", lambda device: 100)
        refused(call("run", mlp(folder, 3), "--quiet"), "one fit needs", "GiB")
    found = call("run", mlp(folder, 4), "--quiet", "--json")
    assert found.json["trials"] == {"complete": 6, "pruned": 0, "failed": 0}
    refused(call("run", mlp(folder, 5)), "model.hidden was [4] and is [5]")


def test_a_study_without_a_trial_may_be_changed_unless_somebody_works_on_it(folder):
    storage = open_storage("a.journal")

    def opened(lr: float) -> StudyLedger:
        settings = {"name": "a", "training": {"lr": lr}}
        return StudyLedger.open(storage, "a", settings=settings, fingerprint=str(lr), versions={})

    first = opened(0.1)
    assert opened(0.1).id == first.id
    second = opened(0.2)
    assert second.settings["training"] == {"lr": 0.2}
    with second.running(), pytest.raises(UserError, match=r"training\.lr was 0\.2 and is 0\.3"):
        opened(0.3)
    assert opened(0.3).settings["training"] == {"lr": 0.3}
