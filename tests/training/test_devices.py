"""A batch divided among several devices: with several CPU "devices" the results are those of one.

A GPU is no different to the code: a thread with a device, and a share of the batch's columns.
"""

from __future__ import annotations

import sys
import threading

import numpy as np
import pytest
import torch

import search
from search.core.candidate import Candidate
from search.core.errors import UserError
from search.core.results import join
from search.models import make_model
from search.models.randomness import seeded
from search.runs.failing import Failures
from search.training import Prices, Training, device_notes, resolve_device, resolve_devices, train
from search.training.plan import chunking, problems

ORDERED = [
    Candidate("none"),
    *(Candidate("l1", lambda_) for lambda_ in (0.05, 0.4, 0.02)),
    *(Candidate("l2", lambda_) for lambda_ in (0.3, 0.01, 0.1)),
    Candidate("elastic_net", 0.1, l1_ratio=0.4),
    Candidate("group_lasso", 0.08),
]
MIXED = [ORDERED[place] for place in (4, 0, 7, 1, 5, 8, 2, 6, 3)]
CPU = torch.device("cpu")


@pytest.fixture
def divided(monkeypatch):
    """Let so many CPU devices stand for a machine's GPUs."""

    def use(count: int) -> None:
        monkeypatch.setattr("search.training.devices.gpus", lambda: (CPU,) * count)

    return use


@pytest.fixture
def hasty():
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


class Stacked(torch.nn.Module):
    """A network with dropout that trains stacked; `scale` is random, and no parameter."""

    def __init__(self, features, outputs):
        super().__init__()
        self.enter, self.head = torch.nn.Linear(features, 6), torch.nn.Linear(6, outputs)
        self.drop, self.scale = torch.nn.Dropout(0.3), torch.rand(())

    def forward(self, x):
        THREADS.add(threading.current_thread().name)
        return self.head(self.drop(self.enter(x).relu() * self.scale))


class Looped(Stacked):
    """It draws random numbers of its own, so that its fits train one at a time."""

    def forward(self, x):
        noise = 0.1 * torch.randn(len(x), 1) if self.training else 0.0
        return super().forward(x) + noise


class Careful(Stacked):
    """It refuses large weights."""

    def forward(self, x):
        if float(self.head.weight.detach().abs().max()) > 100:
            raise ArithmeticError("this weight is too large for me")
        return super().forward(x)


class Large(Stacked):
    """Its memory is short in one thread, once: in a step that is no trial of how much is needed."""

    left = 0

    def forward(self, x):
        if threading.current_thread().name == "device_1" and self.training:
            Large.left -= 1
            if Large.left == 0:
                raise torch.OutOfMemoryError("CUDA out of memory")
        return super().forward(x)


THREADS: set[str] = set()
KINDS = ("regression", "multiclass")
STEPS = {"training.epochs": 3, "training.lr": 0.03, "training.device": "cuda:all"}
MLP = {"model.kind": "mlp", "model.hidden": [7, 5], "model.dropout": 0.3, "training.seeds": 2}
CASES = {
    "linear": {},
    "momentum": {"training.momentum": 0.9, "training.seeds": 2},
    "mlp": MLP,
    "adam": {**MLP, "training.optimizer": "adam", "model.init": "normal"},
    "patience": {**MLP, "training.patience": 1, "training.epochs": 12, "training.lr": 0.1},
    "cosine": {"training.schedule": "cosine", "training.batch_size": 8},
    "stacked": {"model.kind": "test_devices:Stacked"},
    "looped": {"model.kind": "test_devices:Looped"},
    "batch norm": {"model.kind": "test_devices:batch_norm_net"},
    "exact": {"training.optimizer": "exact"},
}


def batch_norm_net(features, outputs):
    hidden = torch.nn.Linear(features, 7), torch.nn.BatchNorm1d(7), torch.nn.ReLU(), torch.nn.Dropout(0.2)
    return torch.nn.Sequential(*hidden, torch.nn.Linear(7, outputs))


def settings_of(make_settings, case):
    changes = CASES[case]
    return make_settings(**({"training.device": "cuda:all"} if case == "exact" else STEPS) | changes)


def assert_same(ours, theirs, tolerance):
    """All that is known of the fits, but how long they took; 0: bit by bit.

    How near an exact fit came to its optimum is what rounding, and where it started, left of it.
    """
    known, wanted = ours.arrays(), theirs.arrays()
    assert known.keys() == wanted.keys()
    for name in known.keys() - ({"seconds", "optimality"} if tolerance else {"seconds"}):
        one, other = known[name], wanted[name]
        finite = np.abs(other[np.isfinite(other)], dtype=np.float64) if other.dtype.kind == "f" else np.ones(1)
        scale = float(finite.max()) if finite.size else 0.0
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * scale, err_msg=name)


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=[pytest.mark.rest] * (case in {"batch norm", "momentum"})) for case in CASES]
)
@pytest.mark.parametrize(
    ("count", "kind"), [(2, "regression"), *(pytest.param(3, kind, marks=pytest.mark.rest) for kind in KINDS)]
)
def test_a_divided_batch_gives_what_one_device_gives(make_task, make_settings, divided, case, count, kind):
    settings = settings_of(make_settings, case)
    task = make_task(kind, outputs=1 if kind == "regression" else 3, refit=True)
    # Without a penalty separable classes have no finite optimum.
    candidates = [each for each in MIXED if each.penalty != "none" or case != "exact" or kind == "regression"]
    divided(1)
    whole = train(task, settings, candidates)
    THREADS.clear()
    divided(count)
    assert_same(train(task, settings, candidates), whole, 1e-5)
    if settings.model.kind.endswith(("Stacked", "Looped")):
        assert {f"device_{number}" for number in range(count)} <= THREADS


REST = [pytest.param(case, marks=pytest.mark.rest) for case in ("linear", "patience", "looped")]


@pytest.mark.parametrize("case", ["mlp", "stacked", "exact", *REST])
def test_a_share_has_the_bits_of_its_candidates_trained_alone(make_task, make_settings, divided, case):
    settings, task = settings_of(make_settings, case), make_task(refit=True)
    divided(1)
    alone = join([train(task, settings, part) for part in (ORDERED[:3], ORDERED[3:6], ORDERED[6:])])
    divided(3)
    assert_same(train(task, settings, ORDERED), alone, 0.0)


@pytest.mark.parametrize("case", ["mlp", "stacked", "looped", "exact"])
def test_it_is_the_same_every_time(make_task, make_settings, divided, hasty, case):
    """Twenty times, with threads that take turns at every step: a race would show."""
    settings, task = settings_of(make_settings, case), make_task()
    divided(3)
    first = train(task, settings, ORDERED[:3])
    for _ in range(19):
        assert_same(train(task, settings, ORDERED[:3]), first, 0.0)


@pytest.mark.parametrize(("name", "values"), [("epochs", [2, 4]), ("batch_size", [5, 10])])
def test_settings_that_are_searched_are_divided_too(make_task, make_settings, divided, name, values):
    """One training that serves several numbers of epochs is one column; each shape is divided for itself."""
    fixed = {key: value for key, value in STEPS.items() if key != f"training.{name}"}
    settings = make_settings(**fixed, **{f"space.{name}": values})
    candidates = [each.replace(**{name: value}) for each in MIXED for value in values]
    task = make_task()
    divided(1)
    whole = train(task, settings, candidates)
    divided(2)
    assert_same(train(task, settings, candidates), whole, 1e-5)


@pytest.mark.parametrize("candidates", [MIXED[:1], MIXED[:2]])
def test_fewer_columns_than_devices(make_task, make_settings, divided, candidates):
    settings, task = settings_of(make_settings, "mlp"), make_task()
    divided(1)
    whole = train(task, settings, candidates)
    divided(3)
    assert_same(train(task, settings, candidates), whole, 1e-5)


# What looks on, and may end it


class Watching:
    """Notes what it sees and in which thread; stops one candidate after a step."""

    def __init__(self, per, step=-1, victim=0):
        self.per, self.step, self.victim, self.seen = per, step, victim, []
        self.threads: set[threading.Thread] = set()

    def __call__(self, step, losses):
        self.seen.append((step, dict(losses)))
        self.threads.add(threading.current_thread())
        return {self.victim} if step == self.step else set()


@pytest.mark.parametrize("case", ["mlp", "patience"])
@pytest.mark.parametrize(("per", "step"), [("epoch", 2), ("replicate", 1)])
def test_an_observer_sees_all_candidates_at_once_in_the_thread_that_called(
    make_task, make_settings, divided, case, per, step
):
    settings, task = settings_of(make_settings, case), make_task(draws=3)
    seen, results = {}, {}
    for count in (1, 3):
        divided(count)
        watching = Watching(per, step, victim=4)
        results[count] = train(task, settings, MIXED, observer=watching)
        assert watching.threads == {threading.current_thread()}
        seen[count] = watching.seen
    assert_same(results[3], results[1], 1e-5)
    assert results[3].pruned.tolist() == [index == 4 for index in range(len(MIXED))]
    for (one, losses), (other, wanted) in zip(seen[3], seen[1], strict=True):
        assert one == other
        assert losses == pytest.approx(wanted, rel=1e-5)
        assert per == "replicate" or list(losses) == list(wanted)


def test_an_observer_sees_every_candidate_also_where_memory_cuts_the_shares(
    make_task, make_settings, divided, monkeypatch
):
    """Nine candidates in shares of four or five, two at a time: shares end apart, and nobody waits for ever."""
    settings, task = make_settings(**STEPS), make_task()
    [problem] = problems(task, settings, MIXED[0], "mse", CPU)
    monkeypatch.setattr("search.training.plan.CACHE", 1)
    room = 100_000
    while chunking([problem], MIXED, CPU, "epoch", 2).columns > 2:
        room = int(room * 0.9)
        monkeypatch.setattr("search.training.plan.usable_bytes", lambda _, room=room: room)
    divided(2)
    watching = Watching("epoch")
    results = train(task, settings, MIXED, observer=watching)
    told = sorted((step, index) for step, losses in watching.seen for index in losses)
    assert told == [(step, index) for step in range(1, 4) for index in range(len(MIXED))]
    last = {index: loss for step, losses in watching.seen if step == 3 for index, loss in losses.items()}
    np.testing.assert_allclose([last[index] for index in range(len(MIXED))], results.validation_loss, rtol=1e-5)


@pytest.mark.parametrize("case", ["mlp", "patience", "exact", "looped"])
def test_all_fits_are_told_in_the_thread_that_called(make_task, make_settings, divided, case):
    told, heard_in = [], set()

    def report(fits):
        told.append(fits)
        heard_in.add(threading.current_thread())

    divided(3)
    training = Training(make_task(refit=True), settings_of(make_settings, case), MIXED)
    training(report=report)
    assert sum(told) == pytest.approx(training.fits)
    assert min(told) > -1e-9
    assert heard_in == {threading.current_thread()}


class FullError(Exception):
    """The disk, say."""


@pytest.mark.parametrize("raised", [FullError, KeyboardInterrupt])
@pytest.mark.parametrize("who", ["observer", "report"])
def test_what_the_observer_or_the_report_raises_ends_all_shares(make_task, make_settings, divided, raised, who):
    def after_five(*_):
        calls.append(1)
        if len(calls) == 5:
            raise raised
        return set()

    calls: list[int] = []
    after_five.per = "epoch"
    settings = make_settings(**STEPS | {"training.epochs": 20_000})
    before = threading.active_count()
    divided(3)
    with pytest.raises(raised):
        train(make_task(), settings, MIXED, **{who: after_five})
    assert len(calls) == 5
    assert threading.active_count() == before


def test_a_candidate_that_raises_ends_the_batch_and_is_found(make_task, make_settings, divided):
    keys = {"model.kind": "test_devices:Careful", "training.apply": "loss", "training.lr": 0.05}
    settings, task, wild = make_settings(**STEPS | keys), make_task(), Candidate("l2", 1e4)
    divided(2)
    with pytest.raises(ArithmeticError, match="too large for me") as raised:
        train(task, settings, [*MIXED, wild])
    assert "forward" in [entry.name for entry in raised.traceback]
    failures = Failures(100)
    found = failures.train(lambda some: train(task, settings, list(some)), dict.fromkeys([*MIXED, wild]))
    assert list(failures.found) == [wild]
    fine = dict(zip(found.candidates, found.validation_loss, strict=True))
    divided(1)
    alone = train(task, settings, MIXED)
    np.testing.assert_allclose([fine[each] for each in MIXED], alone.validation_loss, rtol=1e-5)


def test_what_the_user_got_wrong_is_said_as_ever(make_task, make_settings, divided):
    divided(2)
    with pytest.raises(UserError, match=r"model.kind: cannot import"):
        train(make_task(), make_settings(**STEPS | {"model.kind": "nowhere:Net"}), MIXED)


# Memory, threads, random numbers


def test_devices_that_are_one_share_its_memory(make_task, make_settings, monkeypatch):
    settings, task = make_settings(**STEPS), make_task(draws=3)
    every = problems(task, settings, MIXED[0], "mse", CPU)
    monkeypatch.setattr("search.training.plan.usable_bytes", lambda _: 30_000)
    alone, shared = (chunking(every, MIXED * 20, CPU, "epoch", sharing).columns for sharing in (1, 3))
    assert alone > 3
    assert shared == alone // 3


def test_a_device_whose_memory_is_short_halves_its_own_chunk(make_task, make_settings, divided, recwarn):
    settings = make_settings(**STEPS | {"model.kind": "test_devices:Large", "training.epochs": 10})
    task = make_task()
    divided(1)
    whole = train(task, settings, MIXED)
    Large.left = 30
    divided(2)
    results = train(task, settings, MIXED)
    assert Large.left < 0
    said = [str(each.message) for each in recwarn]
    assert said == ["out of memory with 8 fits at once: going on with 4"]
    assert_same(results, whole, 1e-5)


def test_torchs_threads_are_as_they_were(make_task, make_settings, divided):
    divided(2)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        train(make_task(), settings_of(make_settings, "mlp"), MIXED)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("case", ["mlp", "stacked", "looped"])
def test_training_leaves_the_callers_random_numbers_alone(make_task, make_settings, divided, case):
    divided(2)
    torch.manual_seed(3)
    wanted = torch.rand(5)
    torch.manual_seed(3)
    train(make_task(), settings_of(make_settings, case), MIXED)
    assert torch.equal(torch.rand(5), wanted)


def test_threads_that_draw_random_numbers_take_turns(hasty):
    def draw(number):
        for _ in range(200):
            with seeded(number, CPU):
                found = torch.cat([torch.rand(3), torch.rand(3)])
            same.append(torch.equal(found, wanted[number]))

    same, wanted = [], {}
    for number in range(3):
        with seeded(number):
            wanted[number] = torch.cat([torch.rand(3), torch.rand(3)])
    workers = [threading.Thread(target=draw, args=(number,)) for number in range(3)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert len(same) == 600
    assert all(same)


def test_each_thread_has_a_module_of_its_own_with_the_same_constants(make_settings):
    settings = make_settings(**{"model.kind": "test_devices:Stacked"})
    model, found = make_model(settings, Candidate("none"), 5, 1), []
    worker = threading.Thread(target=lambda: found.append(model.module))
    worker.start()
    worker.join()
    assert found[0] is not model.module
    assert model.module is model.module
    assert torch.equal(found[0].scale, model.module.scale)
    parameters, buffers = model.initial(4)
    assert torch.equal(model.standalone(parameters, buffers).scale, model.module.scale)


# What is said of them


def test_cuda_all_is_every_gpu_and_is_named_where_there_is_none(make_settings, divided):
    every, auto = (make_settings(**{"training.device": name}).training for name in ("cuda:all", "auto"))
    divided(0)
    with pytest.raises(UserError, match=r'training.device: "cuda:all" is not available.*valid here: auto, '):
        resolve_devices(every)
    divided(3)
    assert resolve_devices(every) == (CPU,) * 3
    assert resolve_device(every) == CPU
    assert len(resolve_devices(auto)) == 1
    assert device_notes(every) == ("each batch is divided among 3 x cpu",)
    assert device_notes(auto) == ()


@pytest.mark.parametrize("case", ["mlp", "exact"])
def test_several_devices_share_the_price(make_task, make_settings, divided, case):
    settings, task = settings_of(make_settings, case), make_task()

    def price(count, candidates):
        divided(count)
        return Prices().seconds(Training(task, settings, candidates))

    assert price(1, MIXED) / 3 <= price(3, MIXED) < price(1, MIXED)
    assert price(3, MIXED[:1]) == price(1, MIXED[:1])


@pytest.mark.parametrize(
    "searched",
    [{"sampler": "qmc"}, pytest.param({"pruner": "median", "batch": 4}, marks=pytest.mark.rest)],
    ids=["qmc", "tpe and median"],
)
def test_a_study_has_the_same_trials(tmp_path, monkeypatch, capsys, divided, searched):
    monkeypatch.chdir(tmp_path)
    tables = {
        "data": {"source": "synthetic_linear", "train": 20, "validation": 15, "test": 15, "features": 6},
        "training": {"epochs": 6, "lr": 0.03, "device": "cuda:all"},
        "space": {"penalty": ["l2", "l1"]},
        "search": {"trials": 12, "batch": 6} | searched,
    }
    frames = []
    for count in (1, 2):
        divided(count)
        study = search.run({"name": f"on_{count}", **tables})
        assert ("each batch is divided among 2 x cpu" in capsys.readouterr().err) == (count == 2)
        frames.append(study.trials)
    one, other = frames
    names = ["trial", "state", "penalty", "lambda"]
    assert one[names].equals(other[names])
    np.testing.assert_allclose(one["validation_loss"], other["validation_loss"], rtol=1e-5)
