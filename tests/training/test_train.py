"""Training a batch: equal to a plain loop of torch, to each fit alone, and to the convex optimum."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from search.core.candidate import Candidate
from search.core.errors import UserError
from search.models.randomness import permutations, uniform
from search.penalties import PENALTIES, make_penalty
from search.training import resolve_device, train
from search.training.evaluate import evaluate
from search.training.plan import Chunking, chunking, problems, replicates
from search.training.stack import Stack

TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
MIXED = [
    Candidate("none"),
    Candidate("l2", 0.3),
    Candidate("l1", 0.05),
    Candidate("elastic_net", 0.1, l1_ratio=0.4),
    Candidate("l2", 0.01),
    Candidate("group_lasso", 0.08),
    Candidate("l1", 0.4),
]


def assert_close(ours, theirs, dtype):
    scale = np.abs(theirs).max()
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE[dtype] * scale)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("optimizer", "momentum"), [("sgd", 0.0), ("sgd", 0.9), ("adam", 0.0)])
def test_l2_equals_a_plain_torch_loop_with_weight_decay(make_task, make_settings, dtype, optimizer, momentum):
    task = make_task()
    settings = make_settings(
        **{
            "training.dtype": dtype,
            "training.lr": 0.02,
            "training.epochs": 8,
            "training.optimizer": optimizer,
            **({"training.momentum": momentum} if optimizer == "sgd" else {}),
        }
    )
    candidates = [Candidate("none"), *(Candidate("l2", lambda_) for lambda_ in np.geomspace(1e-3, 3, 63))]
    results = train(task, settings, candidates)
    for index in (0, 1, 30, 63):
        for number, replicate in enumerate(replicates(task, settings)):
            weight, bias = plain_loop(replicate.split, replicate.seed, settings, candidates[index].lambda_)
            assert_close(results.weights[index, number], weight, dtype)
            assert_close(results.biases[index, number], bias, dtype)


def plain_loop(split, seed, settings, decay):
    """What a reader would write with torch.nn.Linear and torch.optim, bias not decayed."""
    dtype = getattr(torch, settings.training.dtype)
    torch.manual_seed(seed)
    model = torch.nn.Linear(split.train.x.shape[1], 1).to(dtype)
    groups = [{"params": [model.weight], "weight_decay": decay}, {"params": [model.bias]}]
    if settings.training.optimizer == "adam":
        optimizer = torch.optim.Adam(groups, lr=settings.training.lr)
    else:
        optimizer = torch.optim.SGD(groups, lr=settings.training.lr, momentum=settings.training.momentum)
    x, y = split.train.x.to(dtype), split.train.y.to(dtype)
    for epoch in range(settings.training.epochs):
        order = permutations(torch.tensor([seed]), epoch, len(x))[0]
        for start in range(0, len(x), 5):
            batch = order[start : start + 5]
            optimizer.zero_grad()
            (0.5 * (model(x[batch]) - y[batch]) ** 2).mean().backward()
            optimizer.step()
    return model.weight.detach().numpy(), model.bias.detach().numpy()


def test_decoupled_l2_equals_torch_adamw(make_task, make_settings):
    task = make_task(draws=1)
    settings = make_settings(
        **{
            "training.dtype": "float64",
            "training.lr": 0.02,
            "training.epochs": 8,
            "training.optimizer": "adamw",
            "training.apply": "decoupled",
        }
    )
    results = train(task, settings, [Candidate("l2", 0.7)])
    split, seed = replicates(task, settings)[0]
    torch.manual_seed(seed)
    model = torch.nn.Linear(12, 1).double()
    groups = [{"params": [model.weight], "weight_decay": 0.7}, {"params": [model.bias], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=0.02)
    for epoch in range(8):
        for batch in permutations(torch.tensor([seed]), epoch, 20)[0].split(5):
            optimizer.zero_grad()
            (0.5 * (model(split.train.x[batch]) - split.train.y[batch]) ** 2).mean().backward()
            optimizer.step()
    assert_close(results.weights[0, 0], model.weight.detach().numpy(), "float64")


OPTIMIZERS = {
    "sgd": (torch.optim.SGD, {"momentum": 0.9}),
    "adam": (torch.optim.Adam, {}),
    "adamw": (torch.optim.AdamW, {}),
}


@pytest.mark.parametrize("clip", [0.0, 0.3])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_network_equals_torchs_own_loop(make_task, make_settings, optimizer, clip):
    task, (kind, own) = make_task(draws=1), OPTIMIZERS[optimizer]
    training = {"optimizer": optimizer, "clip_norm": clip, "epochs": 4, "lr": 0.02, "dtype": "float64", **own}
    training["apply"] = "decoupled" if optimizer == "adamw" else "loss"
    keys = {f"training.{name}": value for name, value in training.items()}
    settings = make_settings(**keys, **{"model.kind": "mlp", "model.hidden": [6, 4]})
    candidates = [Candidate("l2", 0.3), Candidate("none"), Candidate("l2", 0.01)]
    found = train(task, settings, candidates).validation[:, 0]
    split, seed = replicates(task, settings)[0]
    for candidate, losses in zip(candidates, found, strict=True):
        torch.manual_seed(seed)
        layers = [torch.nn.Linear(*shape) for shape in ((12, 6), (6, 4), (4, 1))]
        model = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1], torch.nn.ReLU(), layers[2]).double()
        weights, biases = ([getattr(each, name) for each in layers] for name in ("weight", "bias"))
        groups = [{"params": weights, "weight_decay": candidate.lambda_}, {"params": biases, "weight_decay": 0.0}]
        theirs = kind(groups, lr=0.02, **own)
        for epoch in range(4):
            for batch in permutations(torch.tensor([seed]), epoch, 20)[0].split(5):
                theirs.zero_grad()
                (0.5 * (model(split.train.x[batch]) - split.train.y[batch]).square()).mean().backward()
                if clip:
                    torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
                theirs.step()
        with torch.no_grad():
            expected = (model(split.validation.x) - split.validation.y).square()[:, 0]
        np.testing.assert_allclose(losses, expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.rest)])
@pytest.mark.parametrize("apply", [pytest.param("loss", marks=pytest.mark.rest), "proximal", "decoupled"])
@pytest.mark.parametrize(
    ("kind", "model"),
    [("regression", "linear"), ("binary", "mlp"), pytest.param("multiclass", "mlp", marks=pytest.mark.rest)],
)
def test_batched_equals_alone(make_task, make_settings, dtype, apply, kind, model):
    task = make_task(kind, outputs=3 if kind == "multiclass" else 1, draws=3, refit=True)
    model_keys = {"model.hidden": [8, 6], "model.dropout": 0.3} if model == "mlp" else {}
    settings = make_settings(
        **{"training.dtype": dtype, "training.lr": 0.05, "training.epochs": 5, "training.apply": apply},
        **{"model.kind": model, "training.seeds": 2, **model_keys},
    )
    together = train(task, settings, MIXED)
    for index, candidate in enumerate(MIXED):
        alone = train(task, settings, [candidate])
        assert_close(together.validation[index], alone.validation[0], dtype)
        assert_close(together.test[index], alone.test[0], dtype)
        assert_close(together.train_curve[index], alone.train_curve[0], dtype)
        np.testing.assert_array_equal(together.nonzero[index], alone.nonzero[0])


@pytest.mark.rest
@pytest.mark.parametrize(
    ("optimizer", "momentum", "lr", "epochs"),
    [
        ("sgd", 0.0, 0.1, 2000),
        pytest.param("sgd", 0.8, 0.03, 2000, marks=pytest.mark.slow),
        pytest.param("adam", 0.0, 0.01, 4000, marks=pytest.mark.slow),
    ],
)
def test_proximal_training_ends_at_the_optimum_of_the_objective(
    make_task, make_settings, optimizer, momentum, lr, epochs
):
    """The optimality residual vanishes: momentum and Adam's metric change the path, not what lambda means."""
    task = make_task(draws=1)
    candidates = [each for each in MIXED[1:] if optimizer == "sgd" or PENALTIES[each.penalty].elementwise]
    settings = make_settings(
        **{"training.dtype": "float64", "training.lr": lr, "training.epochs": epochs},
        **{"training.batch_size": 0, "training.optimizer": optimizer},
        **({"training.momentum": momentum} if optimizer == "sgd" else {}),
    )
    train_rows = task.splits[0].train
    results = train(task, settings, candidates)
    for index, candidate in enumerate(candidates):
        weight = torch.tensor(results.weights[index, 0], dtype=torch.float64, requires_grad=True)
        output = train_rows.x @ weight.T + torch.tensor(results.biases[index, 0])
        gradient = torch.autograd.grad((output - train_rows.y).square().sum(-1).mean() / 2, weight)[0]
        penalty = make_penalty(candidate.penalty, candidate)
        residual = penalty.residual(weight.detach(), gradient, torch.tensor(candidate.lambda_, dtype=torch.float64))
        assert residual < 1e-6, (candidate, float(residual))
        if candidate.penalty in {"l1", "elastic_net"}:
            assert 0 < results.nonzero[index, 0] < 1


def test_only_the_proximal_map_reaches_exact_zeros(make_task, make_settings):
    task, candidate = make_task(draws=1), Candidate("l1", 0.4)
    keys = {"training.epochs": 200, "training.lr": 0.02}
    proximal = train(task, make_settings(**keys), [candidate])
    subgradient = train(task, make_settings(**keys, **{"training.apply": "loss"}), [candidate])
    assert np.count_nonzero(proximal.weights == 0) >= 3
    assert np.count_nonzero(subgradient.weights == 0) == 0


def test_a_diverged_fit_is_marked_and_touches_no_neighbour(make_task, make_settings):
    task = make_task()
    settings = make_settings(**{"training.lr": 0.02, "training.epochs": 60, "training.apply": "loss"})
    fine, wild = Candidate("l2", 0.1), Candidate("l2", 1e4)
    results = train(task, settings, [fine, wild, Candidate("l1", 0.1)])
    alone = train(task, settings, [fine])
    assert results.diverged[1].all()
    assert np.isinf(results.validation[1]).all()
    assert np.isinf(results.test[1]).all()
    assert results.validation_loss[1] == np.inf
    assert not results.diverged[[0, 2]].any()
    assert_close(results.validation[0], alone.validation[0], "float32")


def test_a_refit_trains_on_all_rows_but_the_test_rows(make_task, make_settings):
    """With refit, the test losses are those of a fit on training and validation rows together."""
    keys = {"training.lr": 0.02, "training.epochs": 5}
    refit, plain = make_task(draws=1, refit=True), make_task(draws=1)
    ours = train(refit, make_settings(**keys), [Candidate("l2", 0.1)])
    assert ours.test.shape == (1, 1, 40)
    assert np.isfinite(ours.test).all()
    ordinary = train(plain, make_settings(**keys), [Candidate("l2", 0.1)])
    np.testing.assert_array_equal(ours.validation, ordinary.validation)
    assert not np.allclose(ours.test, ordinary.test)


def test_test_targets_change_nothing_but_test_losses(make_task, make_settings):
    task, settings = make_task(), make_settings(**{"training.epochs": 3})
    ours, sealed = train(task, settings, MIXED), train(task.without_test(), settings, MIXED)
    np.testing.assert_array_equal(ours.validation, sealed.validation)
    np.testing.assert_array_equal(ours.weights, sealed.weights)
    assert sealed.test is None


class Stopper:
    """A pruner for tests: stops candidate `victim` when it is asked at `step`."""

    def __init__(self, per, victim, step):
        self.per, self.victim, self.step = per, victim, step
        self.seen = []

    def __call__(self, step, losses):
        self.seen.append((step, dict(losses)))
        return {self.victim} if step == self.step else set()


@pytest.mark.parametrize("over", [None, [3, 9, 21]])
def test_curves_have_points_that_nobody_else_decides(make_task, make_settings, over):
    """Where an onlooker sees every epoch the same losses stand, and between them all others."""
    task = make_task(draws=3, refit=True)
    settings, some = make_settings(**{"training.epochs": 21, "training.lr": 0.02}), [Candidate("l2", 0.1)]
    if over:
        settings = settings.replace("space.epochs", over)
        some = [Candidate("l2", 0.1, epochs=each) for each in over]
    sparse, whole = train(task, settings, some), train(task, settings, some, observer=Stopper("epoch", 0, -1))
    ends = np.array(over or [21])
    shown = np.array([1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20])
    for name in ("train_curve", "validation_curve"):
        found, every = getattr(sparse, name), getattr(whole, name)
        for candidate, end in enumerate(ends):
            known = [*shown[shown < end], end]
            assert (np.flatnonzero(~np.isnan(found[candidate, 0])) + 1).tolist() == known
            points = np.array(known) - 1
            np.testing.assert_allclose(found[candidate][:, points], every[candidate][:, points], rtol=1e-5)
            assert np.isfinite(every[candidate][:, :end]).all()
            last = sparse.train_loss if name == "train_curve" else np.nanmean(sparse.validation, axis=-1)
            np.testing.assert_allclose(found[candidate, :, end - 1], last[candidate], rtol=1e-5)


def test_a_pruned_candidate_leaves_the_stack_and_the_others_do_not_notice(make_task, make_settings):
    task = make_task(refit=True)
    settings = make_settings(**{"training.epochs": 6, "training.lr": 0.02, "training.momentum": 0.9})
    stopper = Stopper("epoch", victim=2, step=3)
    watched, free = train(task, settings, MIXED, observer=stopper), train(task, settings, MIXED)
    assert watched.pruned.tolist() == [index == 2 for index in range(len(MIXED))]
    assert (watched.epochs[2] == 3).all()
    assert np.isfinite(watched.validation_curve[2, :, :3]).all()
    assert np.isnan(watched.validation_curve[2, :, 3:]).all()
    assert 2 not in stopper.seen[3][1]
    others = [index for index in range(len(MIXED)) if index != 2]
    assert_close(watched.validation[others], free.validation[others], "float32")
    reported = stopper.seen[-1][1]
    assert reported[0] == pytest.approx(free.validation_loss[0], rel=1e-6)


def test_refits_after_early_stopping_are_not_shown_to_a_pruner(make_task, make_settings):
    """They hold out no rows."""
    task, keys = make_task(refit=True), {"training.epochs": 12, "training.patience": 2, "training.lr": 0.03}
    stopper = Stopper("epoch", victim=2, step=-1)
    results = train(task, make_settings(**keys), MIXED, observer=stopper)
    steps = [step for step, _ in stopper.seen]
    assert steps == list(range(1, len(steps) + 1))
    assert all(np.isfinite(list(losses.values())).all() for _, losses in stopper.seen)
    assert np.isfinite(results.test).all()


def test_a_race_sees_one_replicate_after_the_other(make_task, make_settings):
    task = make_task(draws=3)
    settings = make_settings(**{"training.epochs": 2})
    stopper = Stopper("replicate", victim=1, step=1)
    watched, free = train(task, settings, MIXED, observer=stopper), train(task, settings, MIXED)
    assert [step for step, _ in stopper.seen] == [0, 1, 2]
    assert 1 not in stopper.seen[2][1]
    assert np.isnan(watched.validation[1, 2]).all()
    assert stopper.seen[0][1][0] == pytest.approx(free.validation[0, 0].mean(), rel=1e-5)


def test_chunks_are_cut_by_measured_bytes_and_change_nothing(make_task, make_settings, monkeypatch):
    task, settings = make_task(draws=3), make_settings(**{"training.epochs": 2})
    whole = train(task, settings, MIXED)
    device = torch.device("cpu")
    every = problems(task, settings, MIXED[0], "mse", device)
    assert chunking(every, MIXED, device) == Chunking(len(MIXED), 3)
    for room in (4_000, 700):
        monkeypatch.setattr("search.training.plan.usable_bytes", lambda _, room=room: room)
        assert chunking(every, MIXED, device).fits < 3 * len(MIXED)
        assert_close(train(task, settings, MIXED).validation, whole.validation, "float32")
    with pytest.raises(UserError, match="pruner: one candidate's replicates"):
        train(task, settings, MIXED, observer=Stopper("epoch", 0, -1))
    monkeypatch.setattr("search.training.plan.usable_bytes", lambda _: 10)
    with pytest.raises(UserError, match="one fit needs"):
        train(task, settings, MIXED)


def test_fits_that_a_cache_cannot_hold_train_one_piece_after_the_other(make_task, make_settings, monkeypatch):
    """Unless somebody compares them while they train, or a solution starts from the one before."""
    task, settings = make_task(draws=3, refit=True), make_settings(**{"training.epochs": 2})
    device = torch.device("cpu")
    every = problems(task, settings, MIXED[0], "mse", device)
    whole = train(task, settings, MIXED)
    monkeypatch.setattr("search.training.plan.CACHE", 1)
    monkeypatch.setattr("search.training.plan.ENOUGH", 2)
    monkeypatch.setattr("torch.get_num_threads", lambda: 1)
    assert chunking(every, MIXED, device) == Chunking(2, 1)
    cut = train(task, settings, MIXED)
    for name in ("validation", "test", "train_curve", "weights"):
        assert_close(getattr(cut, name), getattr(whole, name), "float32")
    assert chunking(every, MIXED, device, "epoch").fits > 3 * len(MIXED)
    exact = problems(task, make_settings(**{"training.optimizer": "exact"}), MIXED[0], "mse", device)
    assert chunking(exact, MIXED, device) == Chunking(len(MIXED), 6)


@pytest.mark.parametrize("seeds", [1, 3])
def test_rows_that_seeds_share_are_looked_up_once_and_give_each_seed_its_own_losses(make_task, make_settings, seeds):
    settings = make_settings(**{"training.seeds": seeds, "model.kind": "mlp", "model.hidden": [5]})
    [problem] = problems(make_task(draws=2), settings, MIXED[0], "mse", torch.device("cpu"))
    stack = Stack(problem, MIXED[:2], [1, 1])
    together = evaluate(problem, problem.validation, stack.parameters, {})
    assert len(problem.splits) == 2
    assert len(together) == 2 * seeds
    for replicate, alone in enumerate(problem.pieces(1)):
        own = {name: value[[replicate]] for name, value in stack.parameters.items()}
        torch.testing.assert_close(together[[replicate]], evaluate(alone, alone.validation, own, {}))


def test_initialisation_order_and_masks_belong_to_the_replicate(make_task, make_settings):
    task = make_task()
    few = replicates(task, make_settings(**{"training.seeds": 1}))
    many = replicates(task, make_settings(**{"training.seeds": 5}))
    assert [each.seed for each in few] == [many[0].seed, many[5].seed]
    assert len({each.seed for each in many}) == 10
    seeds = torch.tensor([each.seed for each in many])
    torch.testing.assert_close(uniform(seeds, 2, 4, (3, 5))[6:7], uniform(seeds[6:7], 2, 4, (3, 5)), rtol=0, atol=0)
    orders = permutations(seeds, 0, 50)
    assert (orders.sort(dim=1).values == torch.arange(50)).all()
    assert (permutations(seeds, 1, 50) != orders).any(dim=1).all()


def test_uniform_numbers_are_uniform_and_independent():
    draws = uniform(torch.arange(2000), 1, 0, (50,)).numpy()
    assert 0 <= draws.min()
    assert draws.max() < 1
    counts = np.histogram(draws, bins=20, range=(0, 1))[0]
    expected = draws.size / 20
    assert ((counts - expected) ** 2 / expected).sum() < 43.8  # 99.9 % of chi-squared with 19 degrees of freedom
    neighbours = np.corrcoef(draws[:, 0], draws[:, 1])[0, 1], np.corrcoef(draws[:-1, 0], draws[1:, 0])[0, 1]
    assert np.abs(neighbours).max() < 0.075


@pytest.mark.parametrize("kind", ["default", "normal", "zeros"])
def test_initial_weights(make_task, make_settings, kind):
    extra = {"model.init_std": 0.3} if kind == "normal" else {}
    task, settings = make_task(draws=40), make_settings(**{"model.init": kind}, **extra)
    [problem] = problems(task, settings, MIXED[0], "mse", torch.device("cpu"))
    stack = Stack(problem, MIXED[:2], [1, 1])
    [name] = stack.problem.model.penalised
    weight = stack.parameters[name].detach()
    expected = {"default": (1 / 12) ** 0.5 / 3**0.5, "normal": 0.3, "zeros": 0.0}[kind]
    assert float(weight.std()) == pytest.approx(expected, rel=0.1)
    assert (weight[:, 0] == weight[:, 1]).all()


def user_module(features, outputs):
    hidden = torch.nn.Linear(features, 7), torch.nn.BatchNorm1d(7), torch.nn.ReLU(), torch.nn.Dropout(0.2)
    return torch.nn.Sequential(*hidden, torch.nn.Linear(7, outputs))


class HalfFrozen(torch.nn.Module):
    """A frozen linear layer, a trained one, and a scalar."""

    def __init__(self, features, outputs):
        super().__init__()
        self.frozen = torch.nn.Linear(features, 5).requires_grad_(False)
        self.trained = torch.nn.Linear(5, outputs)
        self.temperature = torch.nn.Parameter(torch.tensor(1.0))

    def forward(self, x):
        return self.trained(self.frozen(x).tanh()) * self.temperature


def only_frozen(features, outputs):
    return torch.nn.Linear(features, outputs).requires_grad_(False)


def test_frozen_parameters_are_neither_trained_nor_penalised(make_task, make_settings):
    settings = make_settings(**{"model.kind": "test_train:HalfFrozen", "training.epochs": 2, "training.lr": 0.05})
    [problem] = problems(make_task(), settings, MIXED[0], "mse", torch.device("cpu"))
    stack = Stack(problem, [Candidate("l2", 1.0), Candidate("l1", 0.1)], [1, 1])
    frozen, trained = stack.buffers["frozen.weight"].clone(), stack.parameters["trained.weight"].detach().clone()
    stack.epoch(0)
    assert (stack.buffers["frozen.weight"] == frozen).all()
    assert (stack.parameters["trained.weight"] != trained).any()
    assert problem.model.penalised == ("trained.weight",)
    assert len(train(make_task(), settings, MIXED[:2])) == 2
    with pytest.raises(UserError, match="no trainable weight"):
        train(make_task(), make_settings(**{"model.kind": "test_train:only_frozen"}), MIXED[:1])


def wrong_module(features, outputs):
    return torch.nn.Linear(features, outputs + 1)


def test_the_users_own_module_trains_as_it_would_alone(make_task, make_settings):
    task = make_task()
    settings = make_settings(**{"model.kind": "test_train:user_module", "training.epochs": 3, "training.lr": 0.02})
    candidates = [Candidate("none"), Candidate("l2", 0.5)]
    together = train(task, settings, candidates)
    for index, candidate in enumerate(candidates):
        alone = train(task, settings, [candidate])
        np.testing.assert_allclose(together.validation[index], alone.validation[0], rtol=1e-4)
    assert together.weights is None
    assert together.weight_norm[1].mean() < together.weight_norm[0].mean()


def test_a_module_of_the_wrong_shape_is_refused(make_task, make_settings):
    with pytest.raises(UserError, match=r"model.kind.*\(2, 1\)"):
        train(make_task(), make_settings(**{"model.kind": "test_train:wrong_module"}), MIXED)


def test_an_absent_device_is_named(make_settings):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(UserError, match="valid here: auto"):
        resolve_device(make_settings(**{"training.device": "cuda"}).training)
    assert resolve_device(make_settings().training).type in {"cpu", "mps"}
    assert resolve_device(make_settings(**{"training.dtype": "float64"}).training).type == "cpu"


def test_a_diverged_classifier_is_marked_whatever_the_metric(make_task, make_settings):
    """NaN compares like a prediction; an error rate must not hide it."""
    settings = make_settings(
        **{"data.source": "breast_cancer", "search.metric": "error_rate", "training.lr": 0.02, "training.epochs": 60},
        **{"training.apply": "loss"},
    )
    results = train(make_task("binary"), settings, [Candidate("l2", 1e4)])
    assert results.diverged.all()
    assert results.validation_loss[0] == np.inf


def test_a_race_of_exact_solutions_ends_when_nobody_is_left(make_task, make_settings):
    settings = make_settings(**{"training.optimizer": "exact"})
    stopper = Stopper("replicate", victim=0, step=0)
    results = train(make_task(draws=3), settings, [Candidate("l2", 0.1)], observer=stopper)
    assert results.pruned.all()
    assert len(stopper.seen) == 1
