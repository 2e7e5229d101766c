"""Candidates with settings of their own in one stack: each trains as it would alone, and as torch.optim trains it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from search.core.candidate import Candidate
from search.models.randomness import permutations
from search.penalties import PENALTIES
from search.settings import as_widths
from search.training import train
from search.training.columns import columns, shapes
from search.training.plan import replicates
from search.training.stack import Stack

TOLERANCE = {"float32": 1e-5, "float64": 1e-10}


def assert_close(ours, theirs, dtype):
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE[dtype] * np.abs(theirs).max())


def alone_and_together(task, settings, candidates):
    """Every candidate's results in one batch, and by itself with its values fixed in the study file."""
    together = train(task, settings, candidates)
    for index, candidate in enumerate(candidates):
        fixed = {f"space.{name}": None for name in candidate.others}
        fixed |= {f"{table_of(name)}.{name}": as_listed(name, value) for name, value in candidate.others.items()}
        bare = Candidate(candidate.penalty, candidate.lambda_)
        yield index, together, train(task, settings.replace(fixed), [bare])


def as_listed(name, value):
    return list(as_widths(value)) if name == "hidden" else value


def table_of(name):
    return "model" if name in {"dropout", "init_std", "hidden"} else "training"


SEARCHED = {
    "lr": ([0.001, 0.02, 0.1], {}),
    "momentum": ([0.0, 0.5, 0.9], {}),
    "init_std": ([0.01, 0.1, 1.0], {"model.init": "normal"}),
    "epochs": ([2, 5, 3], {}),
    "batch_size": ([5, 8, 0], {}),
    "dropout": ([0.0, 0.2, 0.5], {"model.kind": "mlp", "model.hidden": [6]}),
    "hidden": ([3, 5, "4-3"], {"model.kind": "mlp"}),
    "label_smoothing": ([0.0, 0.1, 0.3], {"data.source": "digits"}),
}


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.rest)])
@pytest.mark.parametrize("name", SEARCHED)
def test_a_candidate_with_its_own_setting_trains_as_it_would_alone(make_task, make_settings, name, dtype):
    values, keys = SEARCHED[name][0], dict(SEARCHED[name][1])
    kind = "multiclass" if name == "label_smoothing" else "regression"
    task = make_task(kind, outputs=3 if kind == "multiclass" else 1, refit=True)
    keys |= {f"training.{each}": value for each, value in (("epochs", 4), ("lr", 0.02)) if name != each}
    settings = make_settings(**{"training.dtype": dtype, "space.penalty": ["l1", "l2"], **keys}).replace(
        f"space.{name}", [as_listed(name, value) for value in values]
    )
    candidates = [Candidate(penalty, 0.1, **{name: value}) for penalty in ("l2", "l1") for value in values]
    for index, together, alone in alone_and_together(task, settings, candidates):
        assert_close(together.validation[index], alone.validation[0], dtype)
        assert_close(together.test[index], alone.test[0], dtype)
        np.testing.assert_array_equal(together.epochs[index], alone.epochs[0])
        np.testing.assert_array_equal(together.nonzero[index], alone.nonzero[0])


RATES = (0.001, 0.01, 0.05, 0.1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("momenta", [(0.0,) * 4, (0.9,) * 4, (0.0, 0.5, 0.9, 0.3)], ids=["plain", "momentum", "own"])
def test_sgd_with_settings_of_each_candidate_is_torchs(make_task, make_settings, dtype, momenta):
    task = make_task(draws=1)
    settings = make_settings(**{"training.dtype": dtype, "training.epochs": 6})
    pairs = list(zip(RATES, momenta, strict=True))
    results = train(task, settings, [Candidate("l2", 0.2, lr=lr, momentum=momentum) for lr, momentum in pairs])
    for index, (lr, momentum) in enumerate(pairs):
        weight, bias = torch_loop(task, settings, lambda groups, p=(lr, momentum): torch.optim.SGD(groups, *p))
        assert_close(results.weights[index, 0], weight, dtype)
        assert_close(results.biases[index, 0], bias, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("optimizer", "kind"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)])
def test_adam_with_rates_of_each_candidate_is_torchs(make_task, make_settings, dtype, optimizer, kind):
    task = make_task(draws=1)
    apply = "decoupled" if optimizer == "adamw" else "loss"
    settings = make_settings(
        **{"training.dtype": dtype, "training.epochs": 6, "training.optimizer": optimizer, "training.apply": apply}
    )
    results = train(task, settings, [Candidate("l2", 0.2, lr=lr) for lr in RATES])
    for index, lr in enumerate(RATES):
        weight, bias = torch_loop(task, settings, lambda groups, lr=lr: kind(groups, lr=lr))
        assert_close(results.weights[index, 0], weight, dtype)
        assert_close(results.biases[index, 0], bias, dtype)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_every_rate_ends_at_the_optimum_of_its_objective(make_task, make_settings, optimizer):
    """The proximal step of each candidate is its own: else another rate would mean another lambda."""
    task, penalties = make_task(draws=1), ["l1", "elastic_net", *(["group_lasso"] if optimizer == "sgd" else [])]
    keys = {"training.dtype": "float64", "training.batch_size": 0, "training.epochs": 4000}
    settings = make_settings(**keys, **{"training.optimizer": optimizer})
    exact = make_settings(**{"training.optimizer": "exact"})
    own = {name: {each.name: 0.4 for each in PENALTIES[name].parameters} for name in penalties}
    rates = (0.03, 0.1) if optimizer == "sgd" else (0.01, 0.02)
    candidates = [Candidate(name, 0.2, lr=lr, **own[name]) for name in penalties for lr in rates]
    found, best = train(task, settings, candidates), train(task, exact, candidates)
    np.testing.assert_allclose(found.weights, best.weights, atol=1e-6)
    np.testing.assert_array_equal(found.weights == 0, best.weights == 0)


def torch_loop(task, settings, make_optimizer, scheduler=None, epochs=6, decay=0.2, size=5):
    """A plain loop with torch.nn.Linear, bias not decayed; `scheduler` steps after every update."""
    dtype = getattr(torch, settings.training.dtype)
    split, seed = replicates(task, settings)[0]
    torch.manual_seed(seed)
    model = torch.nn.Linear(split.train.x.shape[1], 1).to(dtype)
    groups = [{"params": [model.weight], "weight_decay": decay}, {"params": [model.bias], "weight_decay": 0.0}]
    optimizer = make_optimizer(groups)
    rate = None if scheduler is None else scheduler(optimizer)
    x, y = split.train.x.to(dtype), split.train.y.to(dtype)
    for epoch in range(epochs):
        for batch in permutations(torch.tensor([seed]), epoch, len(x))[0].split(size):
            optimizer.zero_grad()
            (0.5 * (model(x[batch]) - y[batch]) ** 2).mean().backward()
            optimizer.step()
            if rate is not None:
                rate.step()
    return model.weight.detach().numpy(), model.bias.detach().numpy()


# Schedules


@pytest.mark.parametrize("warmup", [0.0, 0.25])
@pytest.mark.parametrize(("optimizer", "kind"), [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam)])
def test_cosine_is_torchs(make_task, make_settings, optimizer, kind, warmup):
    task = make_task(draws=1)
    settings = make_settings(
        **{"training.dtype": "float64", "training.lr": 0.05, "training.epochs": 6, "training.optimizer": optimizer},
        **{"training.schedule": "cosine", "training.warmup": warmup},
    )
    steps, rising = 24, round(24 * warmup)

    def scheduler(optimizer):
        falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps - rising)
        if not rising:
            return falling
        warm = torch.optim.lr_scheduler.LinearLR(optimizer, 1 / rising, 1.0, total_iters=rising - 1)
        return torch.optim.lr_scheduler.SequentialLR(optimizer, [warm, falling], [rising])

    results = train(task, settings, [Candidate("l2", 0.2)])
    weight, bias = torch_loop(task, settings, lambda groups: kind(groups, lr=0.05), scheduler=scheduler)
    assert_close(results.weights[0, 0], weight, "float64")
    assert_close(results.biases[0, 0], bias, "float64")


def test_a_cosine_ends_where_each_candidate_ends(make_task, make_settings):
    """With a schedule the shorter training is no part of the longer one."""
    task = make_task(draws=1)
    keys = {"training.dtype": "float64", "training.lr": 0.05, "training.schedule": "cosine"}
    settings = make_settings(**keys).replace("space.epochs", [3, 6])
    candidates = [Candidate("l2", 0.1, epochs=3), Candidate("l2", 0.1, epochs=6)]
    assert len(columns(settings, candidates, [0, 1])) == 2
    for index, together, alone in alone_and_together(task, settings, candidates):
        assert_close(together.validation[index], alone.validation[0], "float64")


# Epochs


def test_one_training_serves_every_number_of_epochs(make_task, make_settings, monkeypatch):
    settings = make_settings(**{"training.lr": 0.02}).replace("space.epochs", [2, 4, 7])
    candidates = [Candidate("l2", strength, epochs=epochs) for strength in (0.1, 1.0) for epochs in (7, 2, 4)]
    found = columns(settings, candidates, range(6))
    assert [(column.epochs, sorted(column.indices)) for column in found] == [(7, [0, 1, 2]), (7, [3, 4, 5])]
    trained, epoch = [], Stack.epoch

    def counted(self, number):
        trained.append(len(self.candidates))
        epoch(self, number)

    monkeypatch.setattr(Stack, "epoch", counted)
    results = train(make_task(draws=1), settings, candidates)
    assert sum(trained) <= 2 * 7 + 2 + 3  # and what the measured memory took
    np.testing.assert_array_equal(results.epochs[:, 0], [7, 2, 4, 7, 2, 4])
    np.testing.assert_array_equal(results.train_curve[0, 0, :2], results.train_curve[1, 0, :2])
    assert np.isnan(results.train_curve[1, 0, 2:]).all()


def test_what_shapes_a_stack_has_a_stack_of_its_own(make_settings):
    settings = make_settings(**{"model.kind": "mlp"}).replace(
        {"space.hidden": [4, [3, 2]], "space.dropout": [0.0, 0.5]}
    )
    candidates = [Candidate("l2", 1.0, hidden=4, dropout=0.0), Candidate("l2", 1.0, hidden="3-2", dropout=0.5)]
    candidates.append(Candidate("l1", 2.0, hidden=4, dropout=0.5))
    assert shapes(settings, candidates) == [[0, 2], [1]]


# Early stopping


def reference_stop(curve, patience):
    """The best epoch of a validation curve, counted from 1, with a training that ends after `patience` idle epochs."""
    best, epoch = np.inf, 0
    for number, loss in enumerate(curve, start=1):
        if loss < best or epoch == 0:
            best, epoch = loss, number
        elif number - epoch >= patience:
            break
    return epoch


class Onlooker:
    """Sees every epoch and stops nobody."""

    per = "epoch"

    def __call__(self, step, losses):
        return set()


def test_patience_keeps_the_best_epoch_of_every_fit(make_task, make_settings):
    task = make_task(features=30, draws=3)
    keys = {"training.lr": 0.05, "training.epochs": 40, "training.dtype": "float64", "training.batch_size": 4}
    candidates = [Candidate("none"), Candidate("l2", 0.01), Candidate("l1", 0.5)]
    free = train(task, make_settings(**keys), candidates, observer=Onlooker())
    stopped = train(task, make_settings(**keys, **{"training.patience": 5}), candidates)
    expected = np.array([[reference_stop(curve, 5) for curve in fits] for fits in free.validation_curve])
    assert (expected < 40).any()
    np.testing.assert_array_equal(stopped.epochs, expected)
    for index, candidate in enumerate(candidates):
        for replicate in range(3):
            keys_ = keys | {"training.epochs": int(expected[index, replicate])}
            exactly = train(task, make_settings(**keys_), [candidate])
            assert_close(stopped.validation[index, replicate], exactly.validation[0, replicate], "float64")
            assert_close(stopped.test[index, replicate], exactly.test[0, replicate], "float64")


def test_refits_after_early_stopping_train_as_long_as_their_replicates_on_average(make_task, make_settings):
    task = make_task(features=30, draws=2, refit=True)
    keys = {"training.lr": 0.05, "training.dtype": "float64"}
    settings = make_settings(**keys, **{"training.epochs": 40, "training.patience": 4})
    results = train(task, settings, [Candidate("none"), Candidate("l2", 0.3)])
    for index, candidate in enumerate((Candidate("none"), Candidate("l2", 0.3))):
        epochs = round(results.epochs[index].mean())
        exactly = train(task, make_settings(**keys, **{"training.epochs": epochs}), [candidate])
        assert_close(results.test[index], exactly.test[0], "float64")


def test_a_fit_that_diverges_later_keeps_its_best_epoch(make_task, make_settings):
    keys = {"training.lr": 0.02, "training.epochs": 60, "training.apply": "loss", "training.patience": 3}
    results = train(make_task(), make_settings(**keys), [Candidate("l2", 1e4)])
    assert (results.epochs < 10).all()
    assert np.isfinite(results.validation).all() or results.diverged.any()


def test_a_shape_that_the_space_does_not_search_is_respected_too(make_task, make_settings):
    settings = make_settings(**{"model.kind": "mlp", "model.hidden": [8], "training.epochs": 2})
    candidates = [Candidate("none"), Candidate("none", hidden=2)]
    together, alone = train(make_task(), settings, candidates), train(make_task(), settings, candidates[1:])
    np.testing.assert_array_equal(together.validation[1], alone.validation[0])
    assert not np.allclose(together.validation[0], together.validation[1])


def test_a_parameter_that_nothing_reads_is_refused(make_task, make_settings):
    with pytest.raises(ValueError, match="nothing is trained by epoch"):
        train(make_task(), make_settings(), [Candidate("none", epoch=1)])
