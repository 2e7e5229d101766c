"""Groups of weights with lambdas of their own: torch.optim's parameter groups are the reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import search
from search.core.candidate import Candidate
from search.core.errors import UserError
from search.models import strengths
from search.models.randomness import permutations
from search.settings import Settings
from search.training import train
from search.training.plan import replicates

MLP = {
    "model.kind": "mlp",
    "model.hidden": [6],
    "model.groups": {"head": ["1.weight"]},
    "space.lambdas": {"head": {"low": 1e-4, "high": 1.0}},
    "training.epochs": 4,
    "training.lr": 0.05,
    "training.dtype": "float64",
}
CANDIDATES = [
    Candidate("l2", 0.5, lambda_head=0.01),
    Candidate("none"),
    Candidate("l2", 0.02, lambda_head=0.4),
    Candidate("l1", 0.03, lambda_head=0.3),
    Candidate("l1", 0.3, lambda_head=0.003),
]


def validation_losses(settings, replicate, candidate):
    """The squared error of every validation row after a plain loop: torch.optim.SGD, l2 by weight_decay, l1 by hand."""
    training, data = settings.training, replicate.split
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(replicate.seed)
        layers = [torch.nn.Linear(data.train.x.shape[1], 6), torch.nn.Linear(6, 1)]
    model = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1]).double()
    own = [candidate.lambda_, candidate.get("lambda_head", 0.0)]
    decay = own if candidate.penalty == "l2" else [0.0, 0.0]
    groups = [{"params": [each.weight], "weight_decay": by} for each, by in zip(layers, decay, strict=True)]
    optimizer = torch.optim.SGD([*groups, {"params": [each.bias for each in layers]}], lr=training.lr)
    for epoch in range(training.epochs):
        order = permutations(torch.tensor([replicate.seed]), epoch, len(data.train))[0]
        for rows in order.split(training.batch_size):
            optimizer.zero_grad()
            (0.5 * (model(data.train.x[rows]) - data.train.y[rows]).square()).mean().backward()
            optimizer.step()
            if candidate.penalty == "l1":
                for each, by in zip(layers, own, strict=True):
                    each.weight.data = torch.nn.functional.softshrink(each.weight.data, training.lr * by)
    with torch.no_grad():
        return (model(data.validation.x) - data.validation.y).square()[:, 0].numpy()


def test_equal_to_torchs_own_parameter_groups(make_task, make_settings):
    task, settings = make_task(), make_settings(**MLP)
    found = train(task, settings, CANDIDATES).validation
    for candidate, losses in zip(CANDIDATES, found, strict=True):
        for replicate, own in zip(replicates(task, settings), losses, strict=True):
            np.testing.assert_allclose(own, validation_losses(settings, replicate, candidate), rtol=1e-10)


@pytest.mark.parametrize("apply", ["loss", "proximal", "decoupled"])
def test_equal_lambdas_are_one_lambda(make_task, make_settings, apply):
    task, grouped = make_task(), make_settings(**MLP, **{"training.apply": apply})
    single = grouped.replace({"model.groups": {}, "space.lambdas": {}})
    candidates = [Candidate(penalty, 0.1) for penalty in ("l1", "l2", "group_lasso")]
    both = train(task, grouped, [each.replace(lambda_head=0.1) for each in candidates])
    np.testing.assert_allclose(both.validation, train(task, single, candidates).validation, rtol=1e-12)


def test_a_study_searches_all_of_them(tmp_path):
    study = search.run(
        {
            "name": "layers",
            "data": {"source": "diabetes"},
            "model": {"kind": "mlp", "hidden": [8, 4], "groups": {"inputs": ["0.*"], "head": ["2.weight"]}},
            "training": {"epochs": 3, "batch_size": 64, "lr": 0.01},
            "space": {"penalty": ["none", "l2"], "lambdas": {"inputs": [0.1, 1.0], "head": {"low": 1e-3, "high": 1}}},
            "search": {"trials": 12, "sampler": "random"},
        },
        storage=str(tmp_path / "ledger.journal"),
        progress=False,
    )
    l2 = study.trials[study.trials.penalty == "l2"]
    assert l2.lambda_inputs.isin([0.1, 1.0]).all()
    assert l2.lambda_head.between(1e-3, 1).all()
    assert study.trials[study.trials.penalty == "none"].filter(like="lambda_").isna().all(axis=None)
    assert study.verdict is not None
    assert "settings" in study.figures


def test_what_has_which_lambda():
    names = ("conv.weight", "conv2.weight", "out.weight")
    assert strengths(names, {}) == dict.fromkeys(names, "lambda")
    found = strengths(names, {"filters": ["conv*.weight", "conv.*"]})
    assert found == {"conv.weight": "lambda_filters", "conv2.weight": "lambda_filters", "out.weight": "lambda"}


@pytest.mark.parametrize(
    ("groups", "says"),
    [
        ({"head": ["ouch*"]}, r'model\.groups\.head: no penalised weight is named "ouch\*"; there are a, b'),
        ({"one": ["a"], "two": ["*"]}, r"model\.groups\.two: a has lambda_one already; a weight has one lambda"),
        ({"one": ["a"], "two": ["b"]}, r"model\.groups: lambda itself is left without a weight"),
    ],
)
def test_groups_that_do_not_fit_the_model(groups, says):
    with pytest.raises(UserError, match=says):
        strengths(("a", "b"), groups)


@pytest.mark.parametrize(
    ("model", "lambdas", "says"),
    [
        ({"kind": "mlp", "groups": {"head": ["1.weight"]}}, {}, r"space\.lambdas\.head: is missing"),
        ({"kind": "mlp"}, {"head": [1.0]}, r"space\.lambdas\.head: needs model\.groups\.head"),
        ({"groups": {"head": ["0.weight"]}}, {"head": [1.0]}, r"model\.groups: needs several layers"),
        ({"kind": "mlp", "groups": {"a b": ["*"]}}, {}, r"model\.groups.*a word of at most 100 letters"),
        ({"kind": "mlp", "groups": {"head": ["1.weight"]}}, {"head": [0.0]}, r"lambdas\.head.*must be above 0"),
        ({"kind": "mlp", "groups": {"head": ["1.weight"]}}, {"head": "auto"}, r"lambdas\.head.*list of values"),
    ],
)
def test_groups_and_their_lambdas_belong_together(model, lambdas, says):
    with pytest.raises(UserError, match=says):
        Settings.parse(
            {"name": "a", "data": {"source": "diabetes"}, "model": model, "space": {"lambdas": lambdas, "lambda": [1]}}
        )
