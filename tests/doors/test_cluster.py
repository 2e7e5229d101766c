"""Workers that Ray places: the answer of one process, also when workers and nodes die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np
import psutil
import pytest
from misfortunes import TRIALS as MANY
from misfortunes import Count
from postgresql import LEFT_OPEN

import search
from search.core.errors import UserError
from search.doors.running import run_study
from search.ledger import open_storage
from search.ledger.study import StudyLedger

TRIALS = 24
STUDY = {
    "name": "shared",
    "data": {"source": "synthetic_linear", "features": 8, "validation": 20, "test": 30},
    "training": {"epochs": 200},
    "search": {"sampler": "grid", "trials": TRIALS, "batch": 2},
}
# Ray leaves its processes' files to the collector.
pytestmark = [
    pytest.mark.rest,
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]


def run(tmp_path, name="ledger", study=STUDY, **given):
    given = {"progress": False, **given}
    return search.run(study, storage=str(tmp_path / f"{name}.journal"), **given)


def losses(study):
    """Validation and test losses by candidate, whatever the order of the trials."""
    order = sorted(range(len(study.candidates)), key=lambda each: str(study.results.candidates[each]))
    names = [str(study.results.candidates[each]) for each in order]
    return names, study.losses.validation[order], study.losses.test[order]


def assert_whole(study, trials=TRIALS):
    """Exactly the trials asked for: none lost, none twice, none stuck."""
    states = study.trials["state"].value_counts()
    assert states["complete"] == len(study.candidates) == trials
    assert set(states.index) <= {"complete", "failed"}  # what a worker had in hand that died was asked again
    ledger = StudyLedger.load(open_storage(study.storage), study.name)
    assert ledger.tally.open("running") == []


def assert_same(study, alone):
    for one, other in zip(losses(study), losses(alone), strict=True):
        assert np.array_equal(one, other)
    assert study.verdict.to_dict()["regret"] == alone.verdict.to_dict()["regret"]


class Once:
    """A progress callback that does something once, when so many trials are finished."""

    def __init__(self, do, after=4):
        self.do, self.after, self.seen = do, after, []

    def __call__(self, reached):
        self.seen.append(reached)
        if self.do is not None and self.after <= reached.finished < TRIALS:
            do, self.do = self.do, None
            do()

    @property
    def happened(self):
        return self.do is None


def workers():
    """The processes of this process's Ray that run a study."""
    every = psutil.Process().children(recursive=True)
    return [each for each in every if each.is_running() and "RemoteWorker" in " ".join(each.cmdline())]


def test_two_workers_from_the_command_line_give_the_answer_of_one_process(tmp_path):
    file = tmp_path / "shared.toml"
    file.write_text(
        'name = "shared"\n[data]\nsource = "synthetic_linear"\nfeatures = 8\nvalidation = 20\ntest = 30\n'
        f'[training]\nepochs = 200\n[search]\nsampler = "grid"\ntrials = {TRIALS}\nbatch = 2\n'
    )
    command = [sys.executable, "-P", "-m", "search", "run", str(file), "--workers", "2"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    lines = done.stderr.splitlines()
    assert lines, "how far it is"
    assert all(line.startswith(("shared: ", "note: ")) for line in lines)  # Ray says nothing
    assert "done" in lines[-1]
    shared = search.load("shared", str(tmp_path / "runs" / "ledger.journal"))
    assert_whole(shared)
    assert_same(shared, run(tmp_path, "alone", search.Settings.load(file)))


def test_a_node_that_is_removed_costs_no_trial(tmp_path, capsys):
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        node = cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        lost = Once(lambda: cluster.remove_node(node, allow_graceful=False))
        found = run(tmp_path, workers=2, ray=cluster.address, progress=lost)
        assert lost.happened
        assert capsys.readouterr().out == ""  # where `--json` prints
        assert_whole(found)
        assert_same(found, run(tmp_path, "alone"))
    finally:
        cluster.shutdown()


class Removals:
    """A progress callback that takes nodes out of a cluster, again and again, each while trials are in hand on it."""

    def __init__(self, cluster, count):
        self.cluster, self.count = cluster, count
        self.nodes = [self.add() for _ in range(2)]
        self.at = 0

    def add(self):
        return self.cluster.add_node(num_cpus=1)

    def __call__(self, reached):
        if reached.stage != "search" or reached.finished < self.at or self.count.enough:
            return
        self.at = reached.finished + self.count.draw.randrange(4, 24)
        gone = self.nodes.pop(self.count.draw.randrange(len(self.nodes)))
        self.cluster.remove_node(gone, allow_graceful=False)
        self.nodes.append(self.add())
        self.count.kinds["node removed"] += 1


@pytest.mark.slow
def test_nodes_that_are_removed_again_and_again_cost_no_trial(tmp_path):
    """MISFORTUNES, as in tests/runs/test_chaos.py."""
    from ray.cluster_utils import Cluster

    count = Count("ray")
    while not count.enough:
        name = f"run{count.runs}"
        search_ = {"sampler": "grid", "trials": MANY, "batch": 2, "lease": 2.0}
        study = {**STUDY, "name": name, "training": {"epochs": 1000}, "search": search_}
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        try:
            removals = Removals(cluster, count)
            cluster.wait_for_nodes()
            found = run(tmp_path, name, study, workers=3, ray=cluster.address, progress=removals, sealed=True)
            assert removals.at > 0
            count.end(StudyLedger.load(open_storage(found.storage), name))
        finally:
            cluster.shutdown()
    count.tell()


@pytest.mark.filterwarnings(LEFT_OPEN)
def test_two_workers_on_a_database_give_the_answer_of_one_process(tmp_path, monkeypatch, postgresql):
    """Each worker connects by itself; the losses lie where the study file says, for all of them."""
    monkeypatch.chdir(tmp_path)
    study = {**STUDY, "search": {**STUDY["search"], "artifacts": str(tmp_path / "losses")}}
    shared = search.run(study, storage=postgresql, workers=2, progress=False)
    assert list((tmp_path / "losses").rglob("*.npz"))
    assert_whole(shared)
    assert_same(shared, run(tmp_path, "alone"))


@pytest.fixture(scope="class")
def ray_of_two():
    """A Ray that this process is connected to already."""
    import ray

    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    yield
    ray.shutdown()


@pytest.mark.usefixtures("ray_of_two")
class TestOnOneRay:
    """What a process does that is connected to a Ray already."""

    def test_a_worker_that_is_killed_is_replaced(self, tmp_path):
        def kill():
            killed.append(workers()[0].pid)
            os.kill(killed[0], signal.SIGKILL)

        killed, once = [], Once(kill)
        found = run(tmp_path, workers=2, progress=once)
        assert killed
        assert_whole(found)
        assert_same(found, run(tmp_path, "alone"))
        assert found.ran.fits >= TRIALS
        finished = [each.finished for each in once.seen]
        assert finished == sorted(finished)

    def test_a_signal_stops_all_after_their_batches_and_the_same_call_goes_on(self, tmp_path):
        once = Once(lambda: os.kill(os.getpid(), signal.SIGTERM), after=2)
        stopped = run(tmp_path, workers=2, progress=once)
        assert stopped.ran.stopped == "SIGTERM"
        _, left = psutil.wait_procs(workers(), timeout=30)
        assert not left
        assert set(stopped.trials["state"]) == {"complete"}  # what was in hand is stored
        assert stopped.verdict is None
        assert 2 <= len(stopped.trials) < TRIALS
        assert_whole(run(tmp_path, workers=2))

    def test_a_deadline_that_has_passed_lets_nobody_begin(self, tmp_path):
        settings = search.Settings.parse(STUDY)
        late = run_study(settings, storage=str(tmp_path / "late.journal"), workers=1, deadline=0.001, progress=False)
        assert late.ran.stopped == "deadline"
        assert len(late.trials) == 0

    def test_data_and_modules_travel(self, tmp_path, monkeypatch):
        (tmp_path / "own_network_here.py").write_text(
            "from torch import nn\n\ndef build(features, outputs):\n    return nn.Linear(features, outputs)\n"
        )
        monkeypatch.chdir(tmp_path)
        rng = np.random.default_rng(0)
        x = rng.normal(size=(60, 3))
        study = {
            "name": "own",
            "model": {"kind": "own_network_here:build"},
            "training": {"epochs": 3},
            "search": {"trials": 4, "batch": 2},
        }
        found = run(tmp_path, study=study, data=(x, x[:, 0] + rng.normal(size=60)), workers=2)
        assert found.trials["state"].tolist() == ["complete"] * 4

    def test_what_a_worker_refuses_is_refused_in_its_words(self, tmp_path):
        missing = {"name": "a", "data": {"source": "file", "path": str(tmp_path / "none.csv"), "target": "y"}}
        with pytest.raises(UserError) as alone:
            run(tmp_path, study=missing)
        with pytest.raises(UserError) as shared:
            run(tmp_path, study=missing, workers=2)
        assert str(shared.value) == str(alone.value)

    def test_workers_that_die_one_after_another_end_the_run_in_one_line(self, tmp_path, monkeypatch):
        (tmp_path / "model_that_kills.py").write_text(
            "import os\n\ndef build(features, outputs):\n    os.kill(os.getpid(), 9)\n"
        )
        monkeypatch.chdir(tmp_path)
        study = {**STUDY, "model": {"kind": "model_that_kills:build"}}
        with pytest.raises(UserError, match="died and no trial was finished meanwhile") as refused:
            run(tmp_path, study=study, workers=1)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere", "ray://127.0.0.1:1"])
def test_an_address_where_nobody_answers_is_one_line(tmp_path, address):
    with pytest.raises(UserError, match=f"--ray {address}: ") as refused:
        run(tmp_path, workers=2, ray=address)
    assert "\n" not in str(refused.value)


def test_an_address_without_a_number_of_workers_is_refused(tmp_path):
    with pytest.raises(UserError, match="--workers N"):
        run(tmp_path, ray="local")


def test_without_the_package_it_is_said_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"lambda-search\[cluster\]"):
        run(tmp_path, workers=2)
